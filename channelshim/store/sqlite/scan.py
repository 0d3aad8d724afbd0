"""One range of one index, or of the keys of a kind, read in its order."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from channelshim.contracts.scan import Row, Scan
from channelshim.store.scan_conditions import conditions_of, order_of


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
    statement = conditions_of(scan, "?")
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
        f"SELECT {columns} FROM {source} WHERE {statement.text} "
        f"ORDER BY {order_of(scan)} LIMIT ? OFFSET ?"
    )
    return text, statement.values


def count(connection: sqlite3.Connection, scan: Scan, limit: int) -> int:
    """Return how many rows there are, counting no further than limit; -1 for all."""
    statement = conditions_of(scan, "?")
    source = "entity i" if scan.index_id is None else "index_row i"
    text = (
        f"SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {statement.text} LIMIT ?)"
    )
    found: int = connection.execute(text, [*statement.values, limit]).fetchone()[0]
    return found


_EMPTY = "x''"
