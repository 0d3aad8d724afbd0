"""A plan's rows: merged, each entity once, groups once; and what their codes say."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from google.appengine.datastore import entity_bytes_pb2 as entity_pb2

from channelshim.contracts import ordering
from channelshim.contracts.entities import Snapshot
from channelshim.contracts.scan import Position, Row, Scan
from channelshim.services.datastore_v3 import values
from channelshim.services.datastore_v3.plan import Plan


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a plan's rows that is still to be read.

    Attributes:
        after: where to begin; None for the first row.
        until: where to end; None for the last row.
    """

    after: Position | None = None
    until: Position | None = None


def read_rows(
    snapshot: Snapshot,
    plan: Plan,
    window: Window,
    *,
    limit: int,
    offset: int = 0,
    wants_bodies: bool,
) -> Iterator[Row]:
    """Yield up to `limit` rows of a window, leaving out `offset` rows before.

    Args:
        limit: -1 for all.
        wants_bodies: False leaves bodies empty where they are not needed to decide.
    """
    if not plan.scans:
        return iter(())
    if plan.shape.groups:
        rows = _read_groups(snapshot, plan, window)
    elif len(plan.scans) > 1:
        most = -1 if limit < 0 else limit + offset
        rows = _merge(snapshot, plan, window, most, wants_bodies=wants_bodies)
    elif plan.is_deduplicated:
        rows = _read_first_rows(snapshot, plan, window)
    else:
        whole = _within(plan.scans[0], window)
        return snapshot.rows(
            whole,
            bodies=wants_bodies,
            limit=limit,
            offset=offset,
        )
    return islice(rows, offset, None if limit < 0 else offset + limit)


def skip_rows(
    snapshot: Snapshot, plan: Plan, window: Window, offset: int
) -> tuple[int, Position | None]:
    """Return how many of the next `offset` rows there are, and the last one's place."""
    skipped, last = 0, None
    is_plain = len(plan.scans) == 1 and not plan.shape.groups
    if is_plain and not plan.is_deduplicated:
        whole = _within(plan.scans[0], window)
        skipped = snapshot.count(whole, offset)
        rows = read_rows(
            snapshot,
            plan,
            window,
            limit=1,
            offset=max(skipped - 1, 0),
            wants_bodies=False,
        )
        return skipped, next((position_of(plan, row) for row in rows), None)
    for row in read_rows(snapshot, plan, window, limit=offset, wants_bodies=False):
        skipped, last = skipped + 1, position_of(plan, row)
    return skipped, last


def position_of(plan: Plan, row: Row) -> Position:
    """Return the place right behind a row."""
    if plan.shape.groups:
        return Position(_group_code(plan, row[0]), b"")
    return Position(row[0], row[1])


def decode_orders(plan: Plan, code: bytes) -> list[tuple[str, Any]]:
    """Return (property, PropertyValue) for each order that a row's code holds.

    Args:
        code: of a row, or of a position in a query with groups.
    """
    index = plan.index
    if index is None:
        return []
    inverted = ordering.invert(code)
    orders, place = [], len(plan.prefix)
    for name, is_descending in plan.shape.orders:
        if place >= len(code):
            break
        is_inverted = is_descending and not index.definition.is_built_in
        value = entity_pb2.PropertyValue()
        place = values.decode_value(inverted if is_inverted else code, place, value)
        orders.append((name, value))
    return orders


def encode_orders(plan: Plan, codes: list[bytes]) -> bytes:
    """Return the code of a row with these codes for the orders; the inverse."""
    index = plan.index
    if index is None:
        return plan.prefix
    is_built_in = index.definition.is_built_in
    parts = [plan.prefix]
    for code, (_, is_descending) in zip(codes, plan.shape.orders, strict=False):
        is_inverted = is_descending and not is_built_in
        parts.append(ordering.invert(code) if is_inverted else code)
    return b"".join(parts)


def _within(whole: Scan, window: Window) -> Scan:
    return replace(whole, after=window.after, until=window.until)


def _merge(
    snapshot: Snapshot, plan: Plan, window: Window, limit: int, *, wants_bodies: bool
) -> Iterator[Row]:
    streams = [
        snapshot.rows(
            _within(each, window),
            bodies=wants_bodies,
            limit=limit,
        )
        for each in plan.scans
    ]
    return heapq.merge(
        *streams, key=lambda row: row[1], reverse=plan.shape.is_key_descending
    )


def _read_first_rows(snapshot: Snapshot, plan: Plan, window: Window) -> Iterator[Row]:
    """Yield only the row at which each entity is met first, whatever the window."""
    index, whole = plan.index, plan.scans[0]
    assert index is not None
    assert whole.high is not None
    low, high = whole.low, whole.high
    first = max if whole.is_descending else min
    for row in snapshot.rows(_within(whole, window), bodies=True):
        codes = index.definition.row_values(row[1], values.values_of_body(row[3]))
        if row[0] == first(code for code in codes if low <= code < high):
            yield row


def _read_groups(snapshot: Snapshot, plan: Plan, window: Window) -> Iterator[Row]:
    """Yield the first row of each group, jumping over the others."""
    whole = _within_groups(plan.scans[0], window)
    while True:
        row = next(snapshot.rows(whole, bodies=False, limit=1), None)
        if row is None:
            return
        yield row
        behind = Window(after=Position(_group_code(plan, row[0]), b""))
        whole = _within_groups(whole, behind)


def _within_groups(whole: Scan, window: Window) -> Scan:
    low, high = whole.low, whole.high
    assert high is not None
    for position, is_start in ((window.after, True), (window.until, False)):
        if position is None:
            continue
        # A place before a group is, read downwards, behind its codes.
        is_behind = position.is_before == whole.is_descending
        edge = position.value
        if is_behind:
            edge = ordering.after_prefix(edge)
        if is_start == whole.is_descending:
            high = min(high, edge)
        else:
            low = max(low, edge)
    return replace(whole, low=low, high=high)


def _group_code(plan: Plan, code: bytes) -> bytes:
    """Return the beginning of a code, up to the last property of the group."""
    assert plan.index is not None
    inverted = ordering.invert(code)
    place, ignored = len(plan.prefix), entity_pb2.PropertyValue()
    for _, is_descending in plan.shape.orders[: plan.shape.groups]:
        is_inverted = is_descending and not plan.index.definition.is_built_in
        place = values.decode_value(inverted if is_inverted else code, place, ignored)
    return code[:place]
