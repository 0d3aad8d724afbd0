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
    return connection.execute(text, [*statement.values, limit, offset])


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
