"""The indexes of an app: what index.yaml defines, what is built, who reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.appengine.api import apiproxy_stub_map
from google.appengine.datastore import datastore_pb

from channelshim.contracts import ordering
from channelshim.contracts.entities import Entities, Index, Snapshot
from channelshim.contracts.scan import Scan
from channelshim.services.admin import keys
from channelshim.services.admin.entities import call
from channelshim.services.admin.texts import clean
from channelshim.services.datastore_v3.explain import describe
from channelshim.services.datastore_v3.queries import IndexUse

COUNTED_ROWS: Final = 10_000
"""Rows of an index that a list counts; more are said to be so many at least."""

MOST_INDEXES: Final = 2000

_FILTER: Final = datastore_pb.Query.Filter
_SIGNS: Final = {
    _FILTER.LESS_THAN: "<",
    _FILTER.LESS_THAN_OR_EQUAL: "<=",
    _FILTER.GREATER_THAN: ">",
    _FILTER.GREATER_THAN_OR_EQUAL: ">=",
}


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """An index of the store.

    Attributes:
        namespace: of its kind.
        kind: whose entities are in it.
        properties: for people: "ancestor, name, date descending".
        is_built_in: whether every property has one like it.
        is_ready: whether queries use it.
        rows: how many, COUNTED_ROWS at most.
        queries: what has read it since the start, each with how often.
    """

    namespace: str
    kind: str
    properties: str
    is_built_in: bool
    is_ready: bool
    rows: int
    queries: Sequence[tuple[str, int]]


def built(entities: Entities) -> list[BuiltIndex]:
    """Return the indexes of the store, those for several properties first."""
    uses = _uses()
    found: list[BuiltIndex] = []
    with entities.read() as snapshot:
        for (namespace, kind), kind_id in snapshot.kinds().items():
            for index in snapshot.indexes(kind_id).values():
                if len(found) < MOST_INDEXES:
                    own = [
                        use
                        for use in uses
                        if (use.namespace, use.kind) == (namespace, kind)
                        and use.definition == index.definition
                    ]
                    found.append(_built(snapshot, namespace, kind, kind_id, index, own))
    found.sort(key=lambda each: (each.is_built_in, each.kind, each.properties))
    return found


def _built(
    snapshot: Snapshot,
    namespace: str,
    kind: str,
    kind_id: int,
    index: Index,
    uses: Sequence[IndexUse],
) -> BuiltIndex:
    every = Scan(kind_id, index_id=index.id, low=b"", high=ordering.TOP)
    return BuiltIndex(
        clean(namespace),
        clean(kind),
        clean(describe(index.definition)),
        index.definition.is_built_in,
        index.is_ready,
        snapshot.count(every, COUNTED_ROWS),
        [(_query_text(use), use.count) for use in uses],
    )


def defined() -> list[str]:
    """Return what index.yaml defines: "Kind: ancestor, name, date descending"."""
    request = datastore_pb.GetIndicesRequest()
    request.app_id = keys.own_app()
    response = call("GetIndices", request, datastore_pb.CompositeIndices())
    return [_defined_text(each.definition) for each in response.index]


def _defined_text(definition: Any) -> str:
    parts = ["ancestor"] if definition.ancestor else []
    for each in definition.property:
        is_descending = each.direction == each.DESCENDING
        parts.append(f"{each.name} descending" if is_descending else each.name)
    return clean(f"{definition.entity_type}: {', '.join(parts)}")


def _uses() -> list[IndexUse]:
    stub = apiproxy_stub_map.apiproxy.GetStub("datastore_v3")
    # Another may stand in for ours, of a test or of another process.
    read = getattr(stub, "index_uses", None)
    return [] if read is None else list(read())


def _query_text(use: IndexUse) -> str:
    """Return a query for people, as GQL without its values."""
    shape = use.shape
    conditions = ["ANCESTOR IS \N{HORIZONTAL ELLIPSIS}"] if shape.ancestor else []
    equal = dict.fromkeys(name for name, _ in shape.equalities)
    conditions += [f"{name} = \N{HORIZONTAL ELLIPSIS}" for name in equal]
    for operator, _ in shape.bounds:
        sign = _SIGNS.get(operator, "?")
        conditions.append(f"{shape.orders[0][0]} {sign} \N{HORIZONTAL ELLIPSIS}")
    orders = [f"{name} DESC" if down else name for name, down in shape.orders]
    words = ["SELECT *", f"FROM {use.kind}"]
    if conditions:
        words += ["WHERE", " AND ".join(conditions)]
    if orders:
        words += ["ORDER BY", ", ".join(orders)]
    return clean(" ".join(words))
