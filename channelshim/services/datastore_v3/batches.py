"""Queries that an index answers: their batches, and the cursors between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from google.appengine.datastore import datastore_pb, datastore_stub_util
from google.appengine.datastore import entity_bytes_pb2 as entity_pb2

from channelshim import limits
from channelshim.contracts import ordering
from channelshim.contracts.entities import Snapshot
from channelshim.contracts.scan import Position, Row
from channelshim.services.datastore_v3 import values, wire
from channelshim.services.datastore_v3.plan import Plan
from channelshim.services.datastore_v3.reader import (
    Window,
    decode_orders,
    encode_orders,
    position_of,
    read_rows,
    skip_rows,
)
from channelshim.services.datastore_v3.shape import KEY

QUERY_BATCH_ROWS: Final = 1000
"""Results in one answer, unless the query asks for fewer."""

_DESCENDING = datastore_pb.Query.Order.DESCENDING

check = datastore_stub_util.Check


@dataclass(slots=True)
class Batches:
    """A query between its batches. Holds places, no results.

    Attributes:
        app: the query's app.
        first_direction: of its first order; cursors speak of "before" in its terms.
        window: what is still to be read.
        offset: how many rows are still to be left out.
        remaining: how many rows are still wanted; None for all.
    """

    app: str
    first_direction: int
    window: Window
    offset: int
    remaining: int | None

    @classmethod
    def begin(cls, query: Any, plan: Plan, first_direction: int) -> Batches:
        """Return where a query begins.

        Args:
            query: its cursors are put into the form of today, in place.
        """
        check(query.offset >= 0, "Offset must be >= 0")
        datastore_stub_util.NormalizeCursors(query, first_direction)
        window = Window()
        if query.HasField("compiled_cursor"):
            window = Window(after=_read_cursor(plan, query.compiled_cursor))
        if query.HasField("end_compiled_cursor"):
            until = _read_cursor(plan, query.end_compiled_cursor)
            window = Window(window.after, until)
        remaining = query.limit if query.HasField("limit") else None
        ends_at_start = query.HasField("end_compiled_cursor") and window.until is None
        return cls(
            query.app,
            first_direction,
            window,
            query.offset,
            0 if ends_at_start else remaining,
        )

    def next_batch(
        self,
        snapshot: Snapshot,
        plan: Plan,
        result: Any,
        count: int | None,
        *,
        wants_cursors: bool,
    ) -> None:
        """Fill a QueryResult with the next rows and move on behind them.

        Args:
            count: how many at most; None for as many as an answer takes.
            wants_cursors: whether the places between the rows shall be told.
        """
        self._skip(snapshot, plan, result, wants_cursors=wants_cursors)
        most = QUERY_BATCH_ROWS if count is None else count
        if self.remaining is not None:
            most = min(most, self.remaining)
        rows = self._take(snapshot, plan, result, most)
        if rows:
            _write_rows(self.app, plan, result, rows)
            self.window = Window(position_of(plan, rows[-1]), self.window.until)
        if self.remaining is not None:
            self.remaining -= len(rows)
        result.keys_only = plan.shape.is_keys_only
        if not wants_cursors:
            return
        for row in rows:
            self._tell(
                plan, position_of(plan, row), result.result_compiled_cursor.add()
            )
        if self.window.after is not None:
            self._tell(plan, self.window.after, result.compiled_cursor)

    def _skip(
        self, snapshot: Snapshot, plan: Plan, result: Any, *, wants_cursors: bool
    ) -> None:
        if not self.offset:
            return
        skipped, last = skip_rows(snapshot, plan, self.window, self.offset)
        self.offset = 0
        if skipped:
            result.skipped_results = skipped
        if last is not None:
            self.window = Window(last, self.window.until)
            if wants_cursors:
                self._tell(plan, last, result.skipped_results_compiled_cursor)

    def _take(
        self, snapshot: Snapshot, plan: Plan, result: Any, most: int
    ) -> list[Row]:
        is_last = self.remaining is not None and most >= self.remaining
        shape = plan.shape
        # One more row than wanted tells whether there are more.
        candidates = read_rows(
            snapshot,
            plan,
            self.window,
            limit=most if is_last else most + 1,
            wants_bodies=not shape.is_keys_only and not shape.projection,
        )
        rows, is_cut = _take_bytes(candidates, most)
        result.more_results = is_cut
        return rows

    def _tell(self, plan: Plan, position: Position, cursor: Any) -> None:
        place = cursor.postfix_position
        shape = plan.shape
        if not shape.groups:
            values.fill_reference(place.key, self.app, shape.namespace, position.path)
        for name, value in decode_orders(plan, position.value):
            index_value = place.index_value.add()
            index_value.property_name = name
            index_value.value.CopyFrom(value)
        place.before = position.is_before
        place.before_ascending = position.is_before != (
            self.first_direction == _DESCENDING
        )


def _take_bytes(rows: Iterator[Row], most: int) -> tuple[list[Row], bool]:
    """Return up to `most` rows, fewer when they are large, and whether more follow."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        if len(batch) >= most or size > limits.QUERY_BATCH_BYTES:
            return batch, True
        batch.append(row)
        size += len(row[3])
    return batch, False


def _write_rows(app: str, plan: Plan, result: Any, rows: list[Row]) -> None:
    shape = plan.shape
    writer = wire.KeyWriter(app, shape.namespace)
    if shape.projection:
        bodies = [_project(app, plan, row).SerializeToString() for row in rows]
    elif shape.is_keys_only:
        bodies = [writer.bare_entity(row[1]) for row in rows]
    else:
        bodies = [row[3] for row in rows]
        result.version.extend([row[2] for row in rows])
    result.MergeFromString(wire.query_results(bodies))


def _project(app: str, plan: Plan, row: Row) -> Any:
    entity = entity_pb2.EntityProto()
    values.fill_reference(entity.key, app, plan.shape.namespace, row[1])
    entity.entity_group.SetInParent()
    for name, value in decode_orders(plan, row[0]):
        if name in plan.shape.projection:
            prop = entity.property.add()
            prop.name = name
            prop.meaning = entity_pb2.Property.INDEX_VALUE
            prop.multiple = False
            prop.value.CopyFrom(value)
    return entity


def _read_cursor(plan: Plan, cursor: Any) -> Position | None:
    if not cursor.HasField("postfix_position"):
        return None
    place, shape = cursor.postfix_position, plan.shape
    names = [name for name, _ in shape.orders]
    if shape.groups:
        names = names[: shape.groups]
    cursor_values = {each.property_name: each.value for each in place.index_value}
    # A name that is no UTF-8 comes as bytes.
    extra = sorted(map(str, set(cursor_values).difference(names)))
    if shape.groups and place.HasField("key"):
        extra.append(KEY)
    check(not extra, f"Cursor does not match query: extra value {', '.join(extra)}")
    missing = set(names).difference(cursor_values)
    if not shape.groups and not place.HasField("key"):
        missing.add(KEY)
    check(not missing, f"Cursor does not match query: missing values for {missing!r}")
    path = b""
    if not shape.groups:
        path = ordering.encode_path(values.elements_of(place.key.path.element))
    codes = [values.encode_value(cursor_values[name]) for name in names]
    return Position(encode_orders(plan, codes), path, place.before)
