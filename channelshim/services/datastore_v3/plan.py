"""Which index answers a query, and between which rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from channelshim.contracts import ordering
from channelshim.contracts.entities import Index, Snapshot
from channelshim.contracts.index_definitions import IndexDefinition
from channelshim.contracts.scan import Scan
from channelshim.services.datastore_v3.shape import Shape


@dataclass(frozen=True, slots=True)
class Plan:
    """How to read a query's rows in its order.

    Attributes:
        shape: what is asked.
        scans: ranges to merge by key; one, unless all kinds are asked; none when
            nothing can match.
        index: whose rows they are; None for rows of keys.
        prefix: what all codes begin with, before the codes of the orders.
        is_deduplicated: an entity may have several rows, and only its first counts.
    """

    shape: Shape
    scans: tuple[Scan, ...] = ()
    index: Index | None = None
    prefix: bytes = b""
    is_deduplicated: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """No index answers the query yet.

    Attributes:
        definition: the one that would.
        candidates: the smallest range that holds all results, to be sorted.
        is_repeated: an order's property has several values in some entity.
    """

    definition: IndexDefinition
    candidates: Plan
    is_repeated: bool


def make_plan(snapshot: Snapshot, shape: Shape) -> Plan | Missing:
    """Return how to read the query's rows, or which index is missing."""
    if shape.kind is None:
        return _plan_all_kinds(snapshot, shape)
    kind_id = snapshot.kind_id(shape.namespace, shape.kind)
    if kind_id is None or not _has_properties(snapshot, kind_id, shape):
        return Plan(shape)
    if shape.orders:
        return _plan_orders(snapshot, kind_id, shape)
    return _plan_keys(snapshot, kind_id, shape)


def candidates(snapshot: Snapshot, shape: Shape) -> Plan:
    """Return the smallest range, in order of keys, that holds all results."""
    bare = replace(
        shape,
        orders=[],
        bounds=[],
        groups=0,
        projection=frozenset(),
        is_keys_only=False,
    )
    plan = make_plan(snapshot, bare)
    assert isinstance(plan, Plan)
    return plan


def definition_for(shape: Shape) -> IndexDefinition:
    """Return the index in which the results of a sorted query stand in one range."""
    equal = sorted({name for name, _ in shape.equalities})
    columns = tuple((name, False) for name in equal) + tuple(shape.orders)
    if not equal and len(columns) == 1 and shape.ancestor is None:
        return IndexDefinition.single(columns[0][0])
    return IndexDefinition(columns, has_ancestor=shape.ancestor is not None)


def _has_properties(snapshot: Snapshot, kind_id: int, shape: Shape) -> bool:
    names = [name for name, _ in (*shape.equalities, *shape.orders)]
    return all(
        snapshot.index(kind_id, IndexDefinition.single(name)) is not None
        for name in names
    )


def _built_in(snapshot: Snapshot, kind_id: int, name: str) -> Index:
    """Return the index of a property that `_has_properties` has found."""
    index = snapshot.index(kind_id, IndexDefinition.single(name))
    assert index is not None
    return index


def _plan_all_kinds(snapshot: Snapshot, shape: Shape) -> Plan:
    scans = [
        _scan_keys(kind_id, shape)
        for (namespace, _), kind_id in snapshot.kinds().items()
        if namespace == shape.namespace
    ]
    return Plan(shape, tuple(scans))


def _scan_keys(kind_id: int, shape: Shape) -> Scan:
    return Scan(
        kind_id,
        path_low=shape.path_low,
        path_high=shape.path_high,
        is_path_descending=shape.is_key_descending,
    )


def _plan_keys(snapshot: Snapshot, kind_id: int, shape: Shape) -> Plan:
    keys = _scan_keys(kind_id, shape)
    if not shape.equalities:
        return Plan(shape, (keys,))
    scans = []
    for name, code in shape.equalities:
        index = _built_in(snapshot, kind_id, name)
        scans.append(replace(keys, index_id=index.id, low=code))
    if len(scans) > 1:
        scans = _shortest_first(snapshot, scans)
    probes = tuple((each.index_id, each.low) for each in scans[1:] if each.index_id)
    return Plan(shape, (replace(scans[0], probes=probes),))


def _shortest_first(snapshot: Snapshot, scans: list[Scan]) -> list[Scan]:
    # Doubling finds the shortest while looking at no range further than twice its
    # length.
    limit = 16
    while True:
        counts = [snapshot.count(each, limit) for each in scans]
        if min(counts) < limit or limit > _ENOUGH:
            best = counts.index(min(counts))
            return [scans[best], *scans[:best], *scans[best + 1 :]]
        limit *= 2


_ENOUGH = 4096
"""When all ranges are longer than this, walking any of them is alike."""


def _plan_orders(snapshot: Snapshot, kind_id: int, shape: Shape) -> Plan | Missing:
    definition = definition_for(shape)
    index = snapshot.index(kind_id, definition)
    if index is None or not index.is_ready:
        is_repeated = any(
            _built_in(snapshot, kind_id, name).is_repeated for name, _ in shape.orders
        )
        return Missing(definition, candidates(snapshot, shape), is_repeated)
    prefix, rest = _prefix(shape)
    if definition.is_built_in:
        return _plan_built_in(kind_id, shape, index)
    low, high = shape.value_range(prefix)
    probes = []
    for name, code in rest:
        probes.append((_built_in(snapshot, kind_id, name).id, code))
    whole = replace(
        _scan_keys(kind_id, shape),
        index_id=index.id,
        low=low,
        high=high,
        probes=tuple(probes),
    )
    return _finish(shape, index, whole, prefix)


def _plan_built_in(kind_id: int, shape: Shape, index: Index) -> Plan:
    # One index serves both directions: its codes are never inverted.
    is_descending = shape.orders[0][1]
    upwards = replace(shape, orders=[(shape.orders[0][0], False)])
    low, high = upwards.value_range(b"")
    whole = replace(
        _scan_keys(kind_id, shape),
        index_id=index.id,
        low=low,
        high=high,
        is_descending=is_descending,
    )
    return _finish(shape, index, whole, b"")


def _finish(shape: Shape, index: Index, whole: Scan, prefix: bytes) -> Plan:
    is_deduplicated = index.is_repeated and not shape.projection and not shape.groups
    return Plan(shape, (whole,), index, prefix, is_deduplicated)


def _prefix(shape: Shape) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Return what codes begin with, and the equalities that it does not hold."""
    first: dict[str, bytes] = {}
    rest = []
    for name, code in shape.equalities:
        if first.setdefault(name, code) is not code:
            rest.append((name, code))
    prefix = b"".join(first[name] for name in sorted(first))
    if shape.ancestor is not None:
        prefix = shape.ancestor + ordering.END + prefix
    return prefix, rest
