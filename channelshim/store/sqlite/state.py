"""What must outlive the process, in one SQLite file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from channelshim.contracts.entities import ValuesOf
from channelshim.contracts.index_definitions import Values
from channelshim.contracts.status import Status
from channelshim.contracts.store import RollCall
from channelshim.errors import StorageError, StoreInUse
from channelshim.store import bounds
from channelshim.store.folders import make_private
from channelshim.store.lease import Lease
from channelshim.store.sqlite.accounts import (
    SqliteAccounts,
    SqliteJournal,
    SqliteSecrets,
)
from channelshim.store.sqlite.database import Database, Synchronous
from channelshim.store.sqlite.entities import SqliteEntities
from channelshim.store.sqlite.tasks import SqliteTasks

if TYPE_CHECKING:
    from channelshim.store.sqlite.cache import SqliteCache
    from channelshim.store.sqlite.data import SqliteData
    from channelshim.store.sqlite.mails import SqliteMails
    from channelshim.store.sqlite.passwords import SqlitePasswords
    from channelshim.store.sqlite.pull_tasks import SqlitePullTasks
    from channelshim.store.sqlite.search import SqliteSearchIndexes

LEASE_FILE_NAME: Final = "channelshim.lock"

_WINDOWS = "windows"
_IMPORT = "import"


def _cannot_read(_body: bytes) -> Values:
    raise AssertionError("the store was opened without a way to read bodies")


class SqliteStore:
    """The store contract over a SQLite file that one server holds.

    Args:
        directory: its folder, made with mode 0700 if it is missing.
        values_of: reads a stored body; None for who touches no entities.
        synchronous: "NORMAL": what was acknowledged survives kill -9. "FULL": it
            survives a power cut too, for a sync of the disk at each commit.
        takes_lease: False for tools and tests that open the store beside a server.
        may_share: do without the lease while another server has it.
        clock: Unix seconds.
        cache_bytes: of the cache's names and values together.

    Raises:
        StoreInUse: another server holds it.
        StorageError: it cannot be opened, or a newer channelshim wrote it.
    """

    def __init__(
        self,
        directory: Path,
        values_of: ValuesOf | None = None,
        *,
        synchronous: Synchronous = "NORMAL",
        takes_lease: bool = True,
        may_share: bool = False,
        clock: Callable[[], float] = time.time,
        cache_bytes: int = bounds.CACHE_BYTES,
    ) -> None:
        self._directory = directory
        self._may_share = may_share
        self._lease: Lease | None = None
        self._is_leased = False
        if takes_lease:
            # First: a second server must not even migrate the file.
            self.lease()
        try:
            database = Database(directory, synchronous=synchronous)
        except BaseException:
            self._close_lease()
            raise
        self.database = database
        self.entities: SqliteEntities = SqliteEntities(
            database, values_of or _cannot_read, clock=clock
        )
        self.tasks: SqliteTasks = SqliteTasks(database)
        self.accounts: SqliteAccounts = SqliteAccounts(database)
        self.secrets: SqliteSecrets = SqliteSecrets(database)
        self.journal: SqliteJournal = SqliteJournal(database)
        # Made, and imported, when they are first asked for.
        self._making = threading.Lock()
        self._clock = clock
        self._cache_bytes = cache_bytes
        self._cache: SqliteCache | None = None
        self._search: SqliteSearchIndexes | None = None
        self._pull_tasks: SqlitePullTasks | None = None
        self._passwords: SqlitePasswords | None = None
        self._mails: SqliteMails | None = None
        self._data: SqliteData | None = None

    @property
    def cache(self) -> SqliteCache:
        """The cache that memcache is made from."""
        with self._making:
            if self._cache is None:
                from channelshim.store.sqlite.cache import SqliteCache

                self._cache = SqliteCache(
                    self.database, clock=self._clock, maximum_bytes=self._cache_bytes
                )
            return self._cache

    @property
    def search(self) -> SqliteSearchIndexes:
        """The documents of the search service."""
        with self._making:
            if self._search is None:
                from channelshim.store.sqlite.search import SqliteSearchIndexes

                self._search = SqliteSearchIndexes(self.database)
            return self._search

    @property
    def pull_tasks(self) -> SqlitePullTasks:
        """The tasks of pull queues."""
        with self._making:
            if self._pull_tasks is None:
                from channelshim.store.sqlite.pull_tasks import SqlitePullTasks

                self._pull_tasks = SqlitePullTasks(self.database)
            return self._pull_tasks

    @property
    def passwords(self) -> SqlitePasswords:
        """The accounts that log in by a password."""
        with self._making:
            if self._passwords is None:
                from channelshim.store.sqlite.passwords import SqlitePasswords

                self._passwords = SqlitePasswords(self.database)
            return self._passwords

    @property
    def mails(self) -> SqliteMails:
        """The mails that are to leave."""
        with self._making:
            if self._mails is None:
                from channelshim.store.sqlite.mails import SqliteMails

                self._mails = SqliteMails(self.database)
            return self._mails

    @property
    def data(self) -> SqliteData:
        """All of it together, to be moved."""
        with self._making:
            if self._data is None:
                from channelshim.store.sqlite.data import SqliteData

                self._data = SqliteData(self.database)
            return self._data

    @property
    def cron(self) -> None:
        """None: one server has the store."""
        return None

    @property
    def blobs(self) -> None:
        """None: blobs are files beside the store's."""
        return None

    def save_windows(self, saved: bytes | None) -> None:
        """Keep the broker's windows over an orderly restart; None forgets them."""
        self._save(_WINDOWS, saved)

    def load_windows(self) -> bytes | None:
        """Return what save_windows kept, or None."""
        return self._load(_WINDOWS)

    def note_import(self, note: bytes | None) -> None:
        """Keep how far an import has come; None forgets it, when it is whole."""
        self._save(_IMPORT, note)

    def unfinished_import(self) -> bytes | None:
        """Return what note_import kept, or None."""
        return self._load(_IMPORT)

    def _save(self, name: str, saved: bytes | None) -> None:
        with self.database.write() as connection:
            connection.execute("DELETE FROM saved WHERE name = ?", (name,))
            if saved is not None:
                connection.execute("INSERT INTO saved VALUES (?, ?)", (name, saved))

    def _load(self, name: str) -> bytes | None:
        with self.database.read() as connection:
            row = connection.execute(
                "SELECT CAST(value AS BLOB) FROM saved WHERE name = ?", (name,)
            ).fetchone()
        return None if row is None else bytes(row[0] or b"")

    @property
    def is_leased(self) -> bool:
        """Whether this process has the lease."""
        return self._is_leased

    def lease(self) -> bool:
        """Take the lease if nobody has it; return whether this process has it now.

        Raises:
            StoreInUse: another process has it, and it may not be shared.
        """
        try:
            if self._lease is None:
                path = make_private(self._directory, LEASE_FILE_NAME)
                self._lease = Lease(path, self._directory)
            elif not self._is_leased:
                # Inherited by a fork.
                self._lease.claim()
        except StoreInUse:
            if not self._may_share:
                raise
            return False
        self._is_leased = True
        return True

    def claim(self) -> None:
        """Make this process the one that serves, after a fork; see Lease.claim.

        Raises:
            StoreInUse: another process forked by the same one does.
        """
        if self._lease is None:
            return
        try:
            self._lease.claim()
        except StoreInUse:
            self._is_leased = False
            if not self._may_share:
                raise

    def stay(self, *, takes_connections: bool) -> RollCall:
        """Return that nobody else keeps a roll here: the lease says who lives."""
        return RollCall()

    def copy_to(self, path: Path) -> None:
        """See contracts.store.Store."""
        self.database.copy_to(path)

    def report_to(self, status: Status) -> None:
        """Register whether the file can be used, and its size."""
        status.check("store", self._describe_fault)
        status.histogram("store.write_seconds", self.database.writes.read)
        status.counter("store.bytes", lambda: self.database.path.stat().st_size)

    def _describe_fault(self) -> str:
        path = self.database.path
        try:
            # One that was deleted still answers whoever has it open.
            path.stat()
            with self.database.read():
                return ""
        except (OSError, StorageError) as error:
            return f"the store {path} cannot be used: {error}"

    def close(self) -> None:
        """Close the file and give the lease back. Idempotent."""
        self.database.close()
        self._close_lease()

    def _close_lease(self) -> None:
        if self._lease is not None:
            self._lease.close()
