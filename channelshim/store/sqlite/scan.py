"""One range of one index, or of the keys of a kind, read in its order."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from channelshim.contracts.scan import Position, Row, Scan


class _Statement:
    """Conditions and their values, in step."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[object] = []

    def add(self, condition: str, *values: object) -> None:
        self.conditions.append(condition)
        self.values.extend(values)


def rows(
    connection: sqlite3.Connection,
    scan: Scan,
    *,
    bodies: bool,
    limit: int,
    offset: int,
) -> Iterator[Row]:
    """Return the rows in order, read as they are asked for; see Snapshot.rows."""
    text, values = _select(scan, bodies=bodies)
    return connection.execute(text, [*values, limit, offset])


def explain(connection: sqlite3.Connection, scan: Scan) -> list[str]:
    """Return how SQLite reads a scan, a line for each step."""
    text, values = _select(scan, bodies=True)
    rows = connection.execute(f"EXPLAIN QUERY PLAN {text}", [*values, -1, 0])
    return [str(row[3]) for row in rows]


def _select(scan: Scan, *, bodies: bool) -> tuple[str, list[object]]:
    """Return the statement of a scan, its limit and offset left open."""
    statement = _where(scan)
    if scan.index_id is None:
        columns = f"x'', i.path, i.version, {'i.body' if bodies else _EMPTY}"
        source = "entity i"
    elif bodies:
        columns = "i.value, i.path, e.version, e.body"
        # CROSS keeps the index outside: its order is the order of the result.
        source = "index_row i CROSS JOIN entity e ON e.id = i.entity_id"
    else:
        columns = "i.value, i.path, 0, x''"
        source = "index_row i"
    text = (
        f"SELECT {columns} FROM {source} WHERE {' AND '.join(statement.conditions)} "
        f"ORDER BY {_order(scan)} LIMIT ? OFFSET ?"
    )
    return text, statement.values


def count(connection: sqlite3.Connection, scan: Scan, limit: int) -> int:
    """Return how many rows there are, counting no further than limit; -1 for all."""
    statement = _where(scan)
    source = "entity i" if scan.index_id is None else "index_row i"
    text = (
        f"SELECT count(*) FROM (SELECT 1 FROM {source} "
        f"WHERE {' AND '.join(statement.conditions)} LIMIT ?)"
    )
    found: int = connection.execute(text, [*statement.values, limit]).fetchone()[0]
    return found


_EMPTY = "x''"


def _order(scan: Scan) -> str:
    path = "i.path DESC" if scan.is_path_descending else "i.path"
    if scan.index_id is None or scan.high is None:
        return path
    return f"{'i.value DESC' if scan.is_descending else 'i.value'}, {path}"


def _where(scan: Scan) -> _Statement:
    statement = _Statement()
    if scan.index_id is None:
        statement.add("i.kind_id = ?", scan.kind_id)
    else:
        statement.add("i.index_id = ?", scan.index_id)
        _bound_value(statement, scan)
    if scan.path_low:
        statement.add("i.path >= ?", scan.path_low)
    if scan.path_high is not None:
        statement.add("i.path < ?", scan.path_high)
    if scan.after is not None:
        _bound_position(statement, scan, scan.after, is_start=True)
    if scan.until is not None:
        _bound_position(statement, scan, scan.until, is_start=False)
    for index_id, value in scan.probes:
        statement.add(
            "EXISTS (SELECT 1 FROM index_row p WHERE p.index_id = ? AND p.value = ? "
            "AND p.path = i.path)",
            index_id,
            value,
        )
    return statement


def _bound_value(statement: _Statement, scan: Scan) -> None:
    if scan.high is None:
        statement.add("i.value = ?", scan.low)
        return
    statement.add("i.value >= ?", scan.low)
    statement.add("i.value < ?", scan.high)


def _bound_position(
    statement: _Statement, scan: Scan, position: Position, *, is_start: bool
) -> None:
    # A start keeps what is read later, an end what is read earlier. The row exactly at
    # a place that stands before it belongs to what is read later.
    is_inclusive = position.is_before == is_start
    path_sign = "<" if scan.is_path_descending == is_start else ">"
    path_test = f"i.path {path_sign}{'=' if is_inclusive else ''} ?"
    if scan.index_id is None or scan.high is None:
        statement.add(path_test, position.path)
        return
    sign = "<" if scan.is_descending == is_start else ">"
    # The first test says nothing new, but lets SQLite seek instead of filter.
    statement.add(
        f"i.value {sign}= ? AND (i.value {sign} ? OR {path_test})",
        position.value,
        position.value,
        position.path,
    )
