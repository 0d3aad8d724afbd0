"""What one transaction sees of the entities."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from channelshim.contracts.entities import EntityKey, Group
from channelshim.contracts.scan import Row, Scan
from channelshim.store.catalogue import CatalogueView, State
from channelshim.store.sqlite.database import REFUSALS, Database
from channelshim.store.sqlite.scan import count, explain, rows


class SqliteSnapshot(CatalogueView):
    """What one SQLite transaction sees: contracts.entities.Snapshot.

    SQLite's errors are translated in here too, since a snapshot that is held, and rows
    that are read later, outlive the call that began the transaction.

    Args:
        connection: within a transaction.
        state: the catalogue's state that belongs to it.
        database: whose connection it is.
        is_borrowed: whether `close` gives the connection back.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        state: State,
        database: Database,
        *,
        is_borrowed: bool = False,
    ) -> None:
        super().__init__(state)
        self._connection = connection
        self._database = database
        self._is_borrowed = is_borrowed

    def get(self, key: EntityKey) -> tuple[int, bytes] | None:
        """Return version and body of an entity, or None."""
        kind_id = self._state.kinds.get((key.namespace, key.kind))
        if kind_id is None:
            return None
        try:
            row: tuple[int, bytes] | None = self._connection.execute(
                "SELECT version, body FROM entity WHERE kind_id = ? AND path = ?",
                (kind_id, key.path),
            ).fetchone()
        except REFUSALS as error:
            raise self._database.explain(error) from error
        return row

    def group_version(self, group: Group) -> int:
        """Return the version of an entity group in microseconds; 0 for an empty one."""
        try:
            return group_version(self._connection, group)
        except REFUSALS as error:
            raise self._database.explain(error) from error

    def rows(
        self, scan: Scan, *, bodies: bool, limit: int = -1, offset: int = 0
    ) -> Iterator[Row]:
        """Yield the rows in order, read as they are asked for."""
        try:
            yield from rows(
                self._connection, scan, bodies=bodies, limit=limit, offset=offset
            )
        except REFUSALS as error:
            raise self._database.explain(error) from error

    def count(self, scan: Scan, limit: int) -> int:
        """Return how many rows there are, counting no further than limit; -1: all."""
        try:
            return count(self._connection, scan, limit)
        except REFUSALS as error:
            raise self._database.explain(error) from error

    def explain(self, scan: Scan) -> Sequence[str]:
        """Return how SQLite reads a scan, a line for each step."""
        try:
            return explain(self._connection, scan)
        except REFUSALS as error:
            raise self._database.explain(error) from error

    def close(self) -> None:
        """Give a borrowed connection back. Idempotent."""
        if self._is_borrowed:
            self._is_borrowed = False
            self._database.give_back(self._connection)


def group_version(connection: sqlite3.Connection, group: Group) -> int:
    """Return the version of an entity group; 0 for an empty one."""
    row = connection.execute(
        "SELECT version FROM entity_group WHERE namespace = ? AND root = ?", group
    ).fetchone()
    return 0 if row is None else int(row[0])
