"""The slow way: read what may match, and let the SDK filter and sort it.

For queries that no index answers, and for those whose candidates are too few to be
worth an index. Exact, since it is the code of the SDK's own stub.
"""

from __future__ import annotations

from typing import Any

from google.appengine.datastore import datastore_stub_util
from google.appengine.datastore import entity_bytes_pb2 as entity_pb2

from channelshim.contracts import ordering
from channelshim.contracts.entities import Snapshot
from channelshim.services.datastore_v3 import metadata, values
from channelshim.services.datastore_v3.plan import Plan, candidates
from channelshim.services.datastore_v3.reader import Window, read_rows
from channelshim.services.datastore_v3.shape import Shape


def sort_candidates(
    snapshot: Snapshot,
    plan: Plan,
    query: Any,
    filters: list[Any],
    orders: list[Any],
    index_list: list[Any],
) -> Any:
    """Return the SDK's cursor over the results among a plan's entities.

    Args:
        plan: a range of keys, or of equal codes, that holds all results.
        orders: without the implied ones.
        index_list: composite indexes to name in the answer.
    """
    records = []
    for _, _, version, body in read_rows(
        snapshot, plan, Window(), limit=-1, wants_bodies=True
    ):
        about = entity_pb2.EntityMetadata()
        about.updated_version = version
        record = datastore_stub_util.EntityRecord(values.stored_entity(body), about)
        records.append(record)
    return datastore_stub_util._ExecuteQuery(
        records, query, filters, orders, index_list
    )


def sort_metadata(
    snapshot: Snapshot, query: Any, filters: list[Any], orders: list[Any]
) -> Any:
    """Return the SDK's cursor over the results of a metadata query."""
    entities = metadata.list_entities(snapshot, query, filters, orders)
    records = [datastore_stub_util.EntityRecord(entity) for entity in entities]
    return datastore_stub_util._ExecuteQuery(records, query, [], [], [])


def all_candidates(snapshot: Snapshot, query: Any) -> Plan:
    """Return the entities of a query's kind and ancestor, whatever it filters."""
    shape = Shape(query.name_space, query.kind if query.HasField("kind") else None)
    if query.HasField("ancestor"):
        elements = values.elements_of(query.ancestor.path.element)
        ancestor = ordering.encode_path(elements)
        shape.narrow(ancestor, ancestor + b"\xff")
    return candidates(snapshot, shape)
