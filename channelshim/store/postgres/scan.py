"""One range of one index, or of the keys of a kind, read in its order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from channelshim.contracts.scan import Position, Row, Scan
from channelshim.store.postgres.session import Connection
from channelshim.store.scan_conditions import conditions_of, order_of

STORE_FIRST_PAGE: Final = 50
"""Rows of a scan's first statement: many want no more, and how long they are is not
known yet."""

STORE_PAGE: Final = 1000
"""Rows of each further one at most."""

STORE_PAGE_BYTES: Final = 4 << 20
"""About as many bytes of bodies are in memory together; each has up to 1 MiB."""


def rows(
    connection: Connection, scan: Scan, *, bodies: bool, limit: int, offset: int
) -> Iterator[Row]:
    """Yield the rows in order, a page at a time; see Snapshot.rows.

    Each page begins behind the last row of the one before, in the same transaction.
    """
    size = STORE_FIRST_PAGE
    left = limit
    while left:
        if left > 0:
            size = min(size, left)
        page = _page(connection, scan, bodies=bodies, limit=size, offset=offset)
        yield from page
        if len(page) < size:
            return
        if left > 0:
            left -= size
        scan = replace(scan, after=Position(page[-1][0], page[-1][1]))
        offset = 0
        size = min(STORE_PAGE, size * _GROWTH)
        if bodies:
            length = sum(len(row[3]) for row in page) // len(page)
            size = min(size, STORE_PAGE_BYTES // max(length, 1) + 1)


def _page(
    connection: Connection, scan: Scan, *, bodies: bool, limit: int, offset: int
) -> list[Row]:
    return connection.rows(*_select(scan, bodies=bodies, limit=limit, offset=offset))


def explain(connection: Connection, scan: Scan) -> list[str]:
    """Return how PostgreSQL reads a scan's first page, a line for each step."""
    text, values = _select(scan, bodies=True, limit=STORE_FIRST_PAGE, offset=0)
    rows = connection.rows(f"EXPLAIN (COSTS OFF) {text}", values)
    return [str(row[0]) for row in rows]


def _select(
    scan: Scan, *, bodies: bool, limit: int, offset: int
) -> tuple[str, list[object]]:
    """Return the statement of a page, and its values."""
    statement = conditions_of(scan, "%s")
    order = order_of(scan)
    values = [*statement.values, limit]
    skip = ""
    if offset:
        skip = " OFFSET %s"
        values.append(offset)
    if scan.index_id is None:
        body = "i.body" if bodies else _EMPTY
        text = (
            f"SELECT {_EMPTY}, i.path, i.version, {body} FROM entity i "
            f"WHERE {statement.text} ORDER BY {order} LIMIT %s{skip}"
        )
        return text, values
    text = (
        f"SELECT i.value, i.path, 0::bigint, {_EMPTY} FROM index_row i "
        f"WHERE {statement.text} ORDER BY {order} LIMIT %s{skip}"
    )
    if bodies:
        # The limit inside: no plan may look up an entity that is left out.
        text = (
            f"SELECT i.value, i.path, e.version, e.body FROM ({text}) "
            "AS i (value, path) JOIN entity e ON e.kind_id = %s AND e.path = i.path "
            f"ORDER BY {order}"
        )
        values.append(scan.kind_id)
    return text, values


def count(connection: Connection, scan: Scan, limit: int) -> int:
    """Return how many rows there are, counting no further than limit; -1 for all."""
    statement = conditions_of(scan, "%s")
    source = "entity i" if scan.index_id is None else "index_row i"
    text = f"SELECT 1 FROM {source} WHERE {statement.text}"
    values = statement.values
    if limit >= 0:
        text, values = f"{text} LIMIT %s", [*values, limit]
    (found,) = connection.row(f"SELECT count(*) FROM ({text}) AS found", values)
    return int(found)


_EMPTY: Final = "''::bytea"
_GROWTH: Final = 8
