"""What one transaction sees of the entities."""

from __future__ import annotations

from collections.abc import Iterator

from channelshim.contracts.entities import EntityKey, Group
from channelshim.contracts.scan import Row, Scan
from channelshim.store.catalogue import CatalogueView, State
from channelshim.store.postgres.connections import Database
from channelshim.store.postgres.refusals import REFUSALS
from channelshim.store.postgres.scan import count, explain, rows
from channelshim.store.postgres.session import Connection


class PostgresSnapshot(CatalogueView):
    """What one transaction sees: contracts.entities.Snapshot.

    Errors are translated in here too, since a snapshot that is held, and rows that are
    read later, outlive the call that began the transaction.

    Args:
        connection: within a transaction.
        state: the catalogue's state that belongs to it.
        database: whose connection it is.
        is_borrowed: whether `close` gives the connection back.
    """

    def __init__(
        self,
        connection: Connection,
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
            row: tuple[int, bytes] | None = self._connection.row(
                "SELECT version, body FROM entity WHERE kind_id = %s AND path = %s",
                (kind_id, key.path),
            )
        except REFUSALS as error:
            raise self._database.explain(error) from error
        return row

    def group_version(self, group: Group) -> int:
        """Return the version of an entity group in microseconds; 0 for an empty one."""
        namespace, root = group
        try:
            row = self._connection.row(
                "SELECT version FROM entity_group WHERE namespace = %s AND root = %s",
                (namespace.encode(), root),
            )
        except REFUSALS as error:
            raise self._database.explain(error) from error
        return 0 if row is None else int(row[0])

    def rows(
        self, scan: Scan, *, bodies: bool, limit: int = -1, offset: int = 0
    ) -> Iterator[Row]:
        """Yield the rows in order, read a page at a time as they are asked for."""
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

    def explain(self, scan: Scan) -> list[str]:
        """Return how PostgreSQL reads a scan, a line for each step."""
        try:
            return explain(self._connection, scan)
        except REFUSALS as error:
            raise self._database.explain(error) from error

    def close(self) -> None:
        """Give a borrowed connection back. Idempotent."""
        if self._is_borrowed:
            self._is_borrowed = False
            self._database.end(self._connection)
