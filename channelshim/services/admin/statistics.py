"""The statistics of the datastore: `__Stat_*__` entities, as Google wrote them.

Google counted in the background, once a day or so; here somebody asks for it. What the
entities hold is what google.appengine.ext.ndb.stats reads.

Source: "Datastore statistics", the table of kinds and their properties.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Final

from google.appengine.api import datastore
from google.appengine.datastore import datastore_pb
from google.appengine.datastore import entity_bytes_pb2 as entity_pb2
from google.protobuf.message import DecodeError

from channelshim.contracts import ordering
from channelshim.contracts.entities import Entities, Index
from channelshim.contracts.index_definitions import TooManyIndexRows
from channelshim.contracts.scan import Position, Scan
from channelshim.services.admin import fields, keys, property_types
from channelshim.services.admin.entities import (
    DELETED_AT_ONCE,
    call,
    delete_references,
)
from channelshim.services.datastore_v3 import values

ENTITIES_AT_ONCE: Final = 500
"""Entities that are read in one step."""

MOST_STATISTICS: Final = 20_000
"""Entities that are written; names of properties beyond them are not counted apart."""

PREFIX: Final = "__Stat_"

_LONGEST_NAME: Final = 400
_TOTAL_NAME: Final = "total_entity_usage"
_EMPTY_NAMESPACE_ID: Final = 1


@dataclass(slots=True)
class _Count:
    """What one statistic adds up."""

    count: int = 0
    entity_bytes: int = 0
    builtin_index_count: int = 0
    builtin_index_bytes: int = 0
    composite_index_count: int = 0
    composite_index_bytes: int = 0

    def add(self, other: _Count) -> None:
        self.count += other.count
        self.entity_bytes += other.entity_bytes
        self.builtin_index_count += other.builtin_index_count
        self.builtin_index_bytes += other.builtin_index_bytes
        self.composite_index_count += other.composite_index_count
        self.composite_index_bytes += other.composite_index_bytes

    @property
    def bytes(self) -> int:
        indexes = self.builtin_index_bytes + self.composite_index_bytes
        return self.entity_bytes + indexes


_Place = tuple[str, str, tuple[tuple[str, "str | int"], ...]]
"""Namespace that a statistic stands in, its kind, its own properties."""


@dataclass(slots=True)
class _Counts:
    """All statistics while they add up."""

    by_place: dict[_Place, _Count] = field(default_factory=dict)

    def add(self, kind: str, namespace: str, count: _Count, **own: str | int) -> None:
        """Add to a statistic of the whole app, and of a namespace."""
        parts = tuple(own.items())
        for place in (
            ("", f"{PREFIX}{kind}__", parts),
            (namespace, f"{PREFIX}Ns_{kind}__", parts),
        ):
            found = self.by_place.get(place)
            if found is None:
                if "property_name" in own and len(self.by_place) >= MOST_STATISTICS:
                    continue
                found = self.by_place[place] = _Count()
            found.add(count)

    def add_namespace(self, namespace: str, count: _Count) -> None:
        place = ("", f"{PREFIX}Namespace__", (("subject_namespace", namespace),))
        self.by_place.setdefault(place, _Count()).add(count)


def generate(entities: Entities, now: float) -> Iterator[tuple[int, int]]:
    """Count all entities, and write the statistics in the place of the old ones.

    Args:
        entities: of the store.
        now: Unix seconds.

    Yields:
        how many entities are counted, of how many, step by step.

    Raises:
        BadEntity: the datastore refuses.
        StorageError: the store does.
    """
    counts = _Counts()
    kinds = {
        kind: size
        for kind, size in entities.summary().items()
        if not kind[1].startswith(PREFIX)
    }
    done, total = 0, sum(kinds.values())
    for namespace, kind in kinds:
        for counted in _count_kind(entities, namespace, kind, counts):
            done += counted
            yield done, max(done, total)
    _delete_old(entities)
    # Without a zone, as the datastore has it.
    moment = datetime.fromtimestamp(now, timezone.utc).replace(tzinfo=None)
    _write(counts.by_place, moment)
    yield done, max(done, total)


def _count_kind(
    entities: Entities, namespace: str, kind: str, counts: _Counts
) -> Iterator[int]:
    after: Position | None = None
    while True:
        with entities.read() as snapshot:
            kind_id = snapshot.kind_id(namespace, kind)
            if kind_id is None:
                return
            indexes = [
                index
                for definition, index in snapshot.indexes(kind_id).items()
                if not definition.is_built_in
            ]
            scan = Scan(kind_id, after=after)
            rows = list(snapshot.rows(scan, bodies=True, limit=ENTITIES_AT_ONCE))
        for _, path, _, body in rows:
            _count_entity(namespace, kind, path, body, indexes, counts)
        if not rows:
            return
        yield len(rows)
        after = Position(b"", rows[-1][1])


def _count_entity(
    namespace: str,
    kind: str,
    path: bytes,
    body: bytes,
    indexes: Sequence[Index],
    counts: _Counts,
) -> None:
    entity = entity_pb2.EntityProto()
    try:
        entity.ParseFromString(body)
    except DecodeError:
        # Of a damaged file: it still counts.
        entity.Clear()
    whole = _Count(1, len(body))
    for is_indexed, prop in fields.properties_of(entity):
        own = _Count(1, len(prop.SerializePartialToString()))
        if is_indexed:
            own.builtin_index_count = 1
            code = values.encode_value(prop.value)
            own.builtin_index_bytes = len(code) + len(path)
            whole.builtin_index_count += 1
            whole.builtin_index_bytes += own.builtin_index_bytes
        _count_property(namespace, kind, prop, own, counts)
    for index in indexes:
        rows, size = _rows_of(index, path, entity)
        whole.composite_index_count += rows
        whole.composite_index_bytes += size
        of_index = _Count(rows, 0, 0, 0, rows, size)
        counts.add(
            "Kind_CompositeIndex",
            namespace,
            of_index,
            kind_name=kind,
            index_id=index.id,
        )
    counts.add("Total", namespace, whole)
    counts.add_namespace(namespace, whole)
    counts.add("Kind", namespace, whole, kind_name=kind)
    is_root = ordering.root_path(path) == path
    root = "Kind_IsRootEntity" if is_root else "Kind_NotRootEntity"
    counts.add(root, namespace, _Count(1, len(body)), kind_name=kind)


def _count_property(
    namespace: str, kind: str, prop: Any, own: _Count, counts: _Counts
) -> None:
    label = "NULL"
    found = property_types.type_of(prop)
    if found != "null":
        label = property_types.LABELS.get(found, "Unknown")
    name = prop.name
    if isinstance(name, bytes):
        name = name.decode("utf-8", "backslashreplace")
    counts.add("PropertyType", namespace, own, property_type=label)
    counts.add("PropertyType_Kind", namespace, own, property_type=label, kind_name=kind)
    counts.add("PropertyName_Kind", namespace, own, property_name=name, kind_name=kind)
    counts.add(
        "PropertyType_PropertyName_Kind",
        namespace,
        own,
        property_type=label,
        property_name=name,
        kind_name=kind,
    )


def _rows_of(index: Index, path: bytes, entity: Any) -> tuple[int, int]:
    try:
        codes = index.definition.row_values(path, values.values_of(entity))
    except TooManyIndexRows:
        return 0, 0
    return len(codes), sum(len(code) + len(path) for code in codes)


def _delete_old(entities: Entities) -> None:
    for namespace, kind in entities.summary():
        while kind.startswith(PREFIX):
            with entities.read() as snapshot:
                kind_id = snapshot.kind_id(namespace, kind)
                rows = (
                    []
                    if kind_id is None
                    else list(
                        snapshot.rows(
                            Scan(kind_id), bodies=False, limit=DELETED_AT_ONCE
                        )
                    )
                )
            if not rows:
                break
            app = keys.own_app()
            delete_references(
                [values.make_reference(app, namespace, row[1]) for row in rows]
            )


def _write(by_place: Mapping[_Place, _Count], now: datetime) -> None:
    made = [_entity(place, count, now) for place, count in by_place.items()]
    for start in range(0, len(made), DELETED_AT_ONCE):
        request = datastore_pb.PutRequest()
        for each in made[start : start + DELETED_AT_ONCE]:
            request.entity.add().CopyFrom(each)
        call("Put", request, datastore_pb.PutResponse())


_FIELDS: Final = {
    "Total": ("entity_bytes", "builtin", "composite"),
    "Namespace": ("entity_bytes", "builtin", "composite"),
    "Kind": ("entity_bytes", "builtin", "composite"),
    "Kind_IsRootEntity": ("entity_bytes",),
    "Kind_NotRootEntity": ("entity_bytes",),
    "Kind_CompositeIndex": (),
}
"""What a statistic has besides bytes, count and timestamp; else as a type's."""


def _entity(place: _Place, count: _Count, now: datetime) -> Any:
    namespace, kind, own = place
    entity = datastore.Entity(kind, namespace=namespace, **_identifier(kind, own))
    shape = kind.removeprefix(PREFIX).removeprefix("Ns_").removesuffix("__")
    for part in _FIELDS.get(shape, ("entity_bytes", "builtin")):
        if part == "entity_bytes":
            entity["entity_bytes"] = count.entity_bytes
        else:
            for end in ("count", "bytes"):
                name = f"{part}_index_{end}"
                entity[name] = getattr(count, name)
    entity["bytes"], entity["count"] = count.bytes, count.count
    entity["timestamp"] = now
    for name, value in own:
        entity[name] = _bounded(value) if isinstance(value, str) else value
    return entity._ToPb()


def _identifier(kind: str, own: tuple[tuple[str, str | int], ...]) -> dict[str, Any]:
    if kind == f"{PREFIX}Namespace__" and own[0][1] == "":
        return {"id": _EMPTY_NAMESPACE_ID}
    if not own:
        return {"name": _TOTAL_NAME}
    return {"name": _bounded("_".join(str(value) for _, value in own))}


def _bounded(text: str) -> str:
    """Return a text that fits into a key, and into an indexed string."""
    data = text.encode("utf-8", "replace")
    if len(data) <= _LONGEST_NAME:
        return text
    digest = hashlib.sha256(data).hexdigest()
    return f"{data[: _LONGEST_NAME - 70].decode('utf-8', 'ignore')}.{digest}"
