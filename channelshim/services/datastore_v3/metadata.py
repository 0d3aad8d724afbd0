"""Queries about kinds, properties and namespaces, from the catalogue.

Source: SDK, api/datastore_file_stub.py, KindPseudoKind and its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from google.appengine.api import datastore, datastore_types
from google.appengine.datastore import datastore_stub_util
from google.appengine.datastore import entity_bytes_pb2 as entity_pb2

from channelshim.contracts.entities import EntityKey, Index, Snapshot
from channelshim.contracts.index_definitions import IndexDefinition
from channelshim.contracts.scan import Scan
from channelshim.services.datastore_v3 import values

KIND: Final = "__kind__"
PROPERTY: Final = "__property__"
NAMESPACE: Final = "__namespace__"
ENTITY_GROUP: Final = "__entity_group__"

Filters = list[Any]


def list_entities(
    snapshot: Snapshot, query: Any, filters: Filters, orders: Filters
) -> list[Any]:
    """Return the pseudo-entities that a metadata query's key range holds.

    Raises:
        ApplicationError: a filter or order that such queries do not have.
    """
    lister = _LISTERS.get(query.kind)
    datastore_stub_util.Check(
        lister is not None, f"queries not supported on {query.kind}"
    )
    assert lister is not None
    return lister(snapshot, query, filters, orders)


def get_entity(snapshot: Snapshot, key: EntityKey, reference: Any) -> Any:
    """Return the pseudo-entity of a key, or None.

    Only entity groups have any: their version, as ndb.metadata reads it.
    """
    elements = reference.path.element
    if key.kind != ENTITY_GROUP or len(elements) != 2 or elements[-1].id != 1:
        return None
    entity = entity_pb2.EntityProto()
    entity.key.CopyFrom(reference)
    entity.entity_group.element.add().CopyFrom(elements[0])
    version = entity.property.add()
    version.name = "__version__"
    version.multiple = False
    version.value.int64Value = snapshot.group_version(key.group)
    return entity


def kinds_of(snapshot: Snapshot, namespace: str) -> list[tuple[str, int]]:
    """Return name and number of a namespace's kinds."""
    return [(key[1], id) for key, id in snapshot.kinds().items() if key[0] == namespace]


def _list_kinds(
    snapshot: Snapshot, query: Any, filters: Filters, orders: Filters
) -> list[Any]:
    name_range = datastore_stub_util.ParseKindQuery(query, filters, orders)
    return [
        datastore.Entity(
            KIND, name=name, _app=query.app, namespace=query.name_space
        )._ToPb()
        for name, kind_id in kinds_of(snapshot, query.name_space)
        if name_range.Contains(name) and snapshot.count(Scan(kind_id), 1)
    ]


def _list_namespaces(
    snapshot: Snapshot, query: Any, filters: Filters, orders: Filters
) -> list[Any]:
    name_range = datastore_stub_util.ParseNamespaceQuery(query, filters, orders)
    names = {
        namespace
        for (namespace, _), kind_id in snapshot.kinds().items()
        if name_range.Contains(namespace) and snapshot.count(Scan(kind_id), 1)
    }
    return [_namespace_entity(query.app, each) for each in sorted(names)]


def _namespace_entity(app: str, namespace: str) -> Any:
    if namespace:
        return datastore.Entity(NAMESPACE, name=namespace, _app=app)._ToPb()
    empty = datastore_types._EMPTY_NAMESPACE_ID
    return datastore.Entity(NAMESPACE, id=empty, _app=app)._ToPb()


def _list_properties(
    snapshot: Snapshot, query: Any, filters: Filters, orders: Filters
) -> list[Any]:
    name_range = datastore_stub_util.ParsePropertyQuery(query, filters, orders)
    entities = []
    for kind, kind_id in sorted(kinds_of(snapshot, query.name_space)):
        parent = datastore_types.Key.from_path(
            KIND, kind, _app=query.app, namespace=query.name_space
        )
        for name, types in sorted(_property_types(snapshot, kind_id).items()):
            if not name_range.Contains((kind, name)):
                continue
            entity = datastore.Entity(
                PROPERTY,
                name=name,
                parent=parent,
                _app=query.app,
                namespace=query.name_space,
            )
            if not query.keys_only:
                entity["property_representation"] = types
            entities.append(entity._ToPb())
    return entities


def _property_types(snapshot: Snapshot, kind_id: int) -> Mapping[str, list[str]]:
    types_by_name = {}
    for definition, index in snapshot.indexes(kind_id).items():
        name = definition.properties[0][0]
        if definition != IndexDefinition.single(name):
            continue
        types = [
            datastore_stub_util._PROPERTY_TYPE_NAMES[tag]
            for tag in values.TAGS
            if snapshot.count(_values_with(tag, kind_id, index), 1)
        ]
        if types:
            types_by_name[name] = types
    return types_by_name


def _values_with(tag: int, kind_id: int, index: Index) -> Scan:
    return Scan(kind_id, index_id=index.id, low=bytes([tag]), high=bytes([tag + 1]))


_Lister = Callable[[Snapshot, Any, Filters, Filters], list[Any]]
_LISTERS: Mapping[str, _Lister] = {
    KIND: _list_kinds,
    NAMESPACE: _list_namespaces,
    PROPERTY: _list_properties,
}
PSEUDO_KINDS: Final = frozenset({*_LISTERS, ENTITY_GROUP})
