"""What must outlive the process, in one schema of a PostgreSQL database."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from channelshim.contracts.entities import ValuesOf
from channelshim.contracts.index_definitions import Values
from channelshim.contracts.status import Status
from channelshim.contracts.store import RollCall
from channelshim.errors import StorageError
from channelshim.store import bounds
from channelshim.store.postgres import schema
from channelshim.store.postgres.accounts import (
    PostgresAccounts,
    PostgresJournal,
    PostgresSecrets,
)
from channelshim.store.postgres.cache import PostgresCache
from channelshim.store.postgres.connections import Database
from channelshim.store.postgres.cron import PostgresCronClaims
from channelshim.store.postgres.data import PostgresData
from channelshim.store.postgres.entities import PostgresEntities
from channelshim.store.postgres.files import PostgresBlobs
from channelshim.store.postgres.mails import PostgresMails
from channelshim.store.postgres.passwords import PostgresPasswords
from channelshim.store.postgres.place import Place
from channelshim.store.postgres.pull_tasks import PostgresPullTasks
from channelshim.store.postgres.search import PostgresSearchIndexes
from channelshim.store.postgres.tasks import PostgresTasks

_WINDOWS: Final = "windows"

_IMPORT: Final = (b"", b"import")
"""Of no single server: what is imported is everybody's."""


def _cannot_read(_body: bytes) -> Values:
    raise AssertionError("the store was opened without a way to read bodies")


class PostgresStore:
    """The store contract over a schema that any number of servers share.

    Args:
        place: the database and the schema, which is made if it is missing.
        values_of: reads a stored body; None for who touches no entities.
        server: this one among them: the same after a restart, and no other's.
        clock: Unix seconds.
        cache_bytes: of the cache's names and values together.

    Raises:
        StorageError: no server answers, it is the wrong one or refuses, or a newer
            channelshim wrote the schema.
    """

    def __init__(
        self,
        place: Place,
        values_of: ValuesOf | None = None,
        *,
        server: str = "main",
        clock: Callable[[], float] = time.time,
        cache_bytes: int = bounds.CACHE_BYTES,
    ) -> None:
        schema.check_schema(place.schema)
        database = Database(place)
        connection = database.connect()
        try:
            with database.explained():
                schema.migrate(connection, place)
        finally:
            connection.raw.close()
        self.database = database
        self._server = server.encode()
        self.entities: PostgresEntities = PostgresEntities(
            database, values_of or _cannot_read, clock=clock
        )
        self.tasks: PostgresTasks = PostgresTasks(database, server)
        self.pull_tasks: PostgresPullTasks = PostgresPullTasks(database)
        self.cache: PostgresCache = PostgresCache(
            database, clock=clock, maximum_bytes=cache_bytes
        )
        self.search: PostgresSearchIndexes = PostgresSearchIndexes(database)
        self.accounts: PostgresAccounts = PostgresAccounts(database)
        self.passwords: PostgresPasswords = PostgresPasswords(database)
        self.secrets: PostgresSecrets = PostgresSecrets(database)
        self.journal: PostgresJournal = PostgresJournal(database, server)
        self.data: PostgresData = PostgresData(database)
        self.cron: PostgresCronClaims = PostgresCronClaims(database)
        self.blobs: PostgresBlobs = PostgresBlobs(database)
        self.mails: PostgresMails = PostgresMails(database, server)

    def save_windows(self, saved: bytes | None) -> None:
        """Keep this server's windows over an orderly restart; None forgets them."""
        self._save((self._server, _WINDOWS.encode()), saved)

    def load_windows(self) -> bytes | None:
        """Return what save_windows kept, or None."""
        return self._load((self._server, _WINDOWS.encode()))

    def note_import(self, note: bytes | None) -> None:
        """Keep how far an import has come; None forgets it, when it is whole."""
        self._save(_IMPORT, note)

    def unfinished_import(self) -> bytes | None:
        """Return what note_import kept, or None."""
        return self._load(_IMPORT)

    def _save(self, key: tuple[bytes, bytes], saved: bytes | None) -> None:
        with self.database.write() as connection:
            connection.run("DELETE FROM saved WHERE server = %s AND name = %s", key)
            if saved is not None:
                connection.run("INSERT INTO saved VALUES (%s, %s, %s)", (*key, saved))

    def _load(self, key: tuple[bytes, bytes]) -> bytes | None:
        with self.database.once() as connection:
            row = connection.row(
                "SELECT value FROM saved WHERE server = %s AND name = %s", key
            )
        return None if row is None else bytes(row[0])

    @property
    def is_leased(self) -> bool:
        """Whether this server runs tasks and cron jobs: each does, by turns."""
        return True

    def lease(self) -> bool:
        """Return that this server may: no other one does it alone."""
        return True

    def claim(self) -> None:
        """Do nothing: whoever opened it chose this server's name."""

    def stay(self, *, takes_connections: bool) -> RollCall:
        """Return that nothing was found: whoever opened it keeps no roll."""
        return RollCall()

    def rename(self, server: str) -> None:
        """Be another server from now on: after a fork, or where the name is taken."""
        self._server = server.encode()
        self.tasks.rename(server)
        self.journal.rename(server)
        self.mails.rename(server)

    def copy_to(self, path: Path) -> None:
        """See contracts.store.Store: always refused."""
        raise StorageError("a PostgreSQL database is backed up by its own pg_dump")

    def report_to(self, status: Status) -> None:
        """Register whether the database can be used, and what the schema takes."""
        status.check("store", self._describe_fault)
        status.histogram("store.write_seconds", self.database.writes.read)
        status.counter("store.bytes", self._count_bytes)

    def _describe_fault(self) -> str:
        try:
            with self.database.once() as connection:
                (is_read_only,) = connection.row(
                    "SELECT current_setting('transaction_read_only')::boolean"
                )
        except StorageError as error:
            return f"the store cannot be used: {error}"
        return "the store is read-only: is it a standby?" if is_read_only else ""

    def _count_bytes(self) -> int:
        with self.database.once() as connection:
            (size,) = connection.row(
                "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint "
                "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
                "ON n.oid = c.relnamespace "
                "WHERE n.nspname = current_schema() AND c.relkind = 'r'"
            )
        return int(size)

    def close(self) -> None:
        """Close all connections. Idempotent."""
        self.database.close()
