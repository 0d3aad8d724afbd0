"""One SQLite file: a connection per thread, short write transactions, clear errors.

WAL lets readers and the one writer work side by side, between processes too.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Literal

from channelshim.contracts.durations import Durations
from channelshim.errors import StorageError, StoreBusy
from channelshim.store.folders import make_private
from channelshim.store.sqlite import schema
from channelshim.store.sqlite.turns import Turns

STORE_BUSY_SECONDS: Final = 10.0
"""How long a writer waits for another process; the default deadline of a datastore
call in ndb is longer (60 s), that of a page's visitor is not."""

_SHORT_SECONDS: Final = 0.05
"""A wait for other threads that need not be taken off the wait in SQLite."""

STORE_CACHED_STATEMENTS: Final = 512
"""Prepared statements kept per connection; query shapes share them."""

STORE_CACHE_KIBIBYTES: Final = 8192
"""Page cache per connection."""

STORE_IDLE_CONNECTIONS: Final = 16
"""Connections kept for the next transactions."""

FILE_NAME: Final = "channelshim.sqlite3"

Synchronous = Literal["NORMAL", "FULL"]

_BUSY_CODES = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED"})
_DAMAGED: Final = "the file is damaged"
_REASONS = {
    "SQLITE_FULL": ("is full", "the disk is full"),
    "SQLITE_READONLY": ("readonly", "it is read-only"),
    "SQLITE_CANTOPEN": ("unable to open", "it cannot be opened"),
    "SQLITE_IOERR": ("disk I/O", "the disk refuses"),
    "SQLITE_CORRUPT": ("malformed", _DAMAGED),
    "SQLITE_NOTADB": ("not a database", "the file is no database"),
}
"""SQLite's code, its text (all that Python 3.10 hands on), and what we say."""


REFUSALS: Final = (sqlite3.Error, UnicodeError)
"""What the driver raises. UnicodeError: text of ours with half of a surrogate pair, or
text in a damaged file, is no UTF-8."""


class _Held:
    """A thread's connection, closed when the thread ends."""

    # At the interpreter's end the module may have lost its names before the last of
    # these goes.
    _current_process_id = staticmethod(os.getpid)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._process_id = self._current_process_id()

    def __del__(self) -> None:
        # In a forked child it is the parent's to close.
        if self._process_id == self._current_process_id():
            self.connection.close()


class Database:
    """The file, opened and brought to the newest schema.

    Args:
        directory: made with mode 0700 if it is missing.
        synchronous: "NORMAL" survives kill -9; "FULL" a power cut as well.

    Attributes:
        path: of the file.
        writes: how long those took that were committed, their wait included.

    Raises:
        StorageError: the file cannot be used, or a newer channelshim wrote it.
    """

    def __init__(self, directory: Path, *, synchronous: Synchronous = "NORMAL") -> None:
        self.path: Path = directory / FILE_NAME
        self._synchronous = synchronous
        self._local = threading.local()
        self._turns = Turns()
        # Added to by whoever has the turn.
        self.writes: Durations = Durations()
        self._process_id = os.getpid()
        self._idle: list[sqlite3.Connection] = []
        self._inherited: list[object] = []
        self._is_closed = False
        make_private(directory, FILE_NAME)
        with self.explained():
            schema.migrate(self.connection(), str(self.path))

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection, opened at its first use."""
        if self._process_id != os.getpid():
            self._leave_parent()
        if self._is_closed:
            raise self._closed()
        held: _Held | None = getattr(self._local, "held", None)
        if held is None:
            held = self._local.held = _Held(self.open())
        return held.connection

    def open(self) -> sqlite3.Connection:
        """Open a further connection in autocommit mode; the caller closes it."""
        if self._is_closed:
            raise self._closed()
        with self.explained():
            connection = sqlite3.connect(
                self.path,
                timeout=STORE_BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=STORE_CACHED_STATEMENTS,
            )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute(f"PRAGMA cache_size = -{STORE_CACHE_KIBIBYTES}")
        return connection

    def borrow(self) -> sqlite3.Connection:
        """Return a connection of nobody's thread, for `give_back`."""
        if self._process_id != os.getpid():
            self._leave_parent()
        try:
            return self._idle.pop()
        except IndexError:
            return self.open()

    def give_back(self, connection: sqlite3.Connection) -> None:
        """Take a borrowed connection back; what it has open is rolled back."""
        with self.explained():
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if len(self._idle) < STORE_IDLE_CONNECTIONS and not self._is_closed:
                self._idle.append(connection)
            else:
                connection.close()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Give a connection within which all statements see one state.

        Raises:
            StorageError: in the body or at its end.
        """
        connection = self.connection()
        with self.explained():
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("COMMIT")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Give a connection whose changes are committed together at the end.

        The threads of a process wait for each other at Turns, processes in SQLite:
        for no longer than STORE_BUSY_SECONDS together.

        Raises:
            StoreBusy: others wrote for that long.
            StorageError: nothing was changed.
        """
        connection = self.connection()
        begun = time.monotonic()
        with self.explained(), self._turn(connection):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
                self.writes.add(time.monotonic() - begun)
            except BaseException:
                # After some errors SQLite has rolled back by itself.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _turn(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Wait for the other threads; leave SQLite what is left of the time."""
        turns = self._turns
        begun = time.monotonic()
        has_waited = False
        try:
            if not turns.take(STORE_BUSY_SECONDS):
                raise self._busy()
            waited = time.monotonic() - begun
            if waited > _SHORT_SECONDS:
                has_waited = True
                _set_patience(connection, max(0.0, STORE_BUSY_SECONDS - waited))
            yield
        finally:
            turns.give_back()
            if has_waited:
                _set_patience(connection, STORE_BUSY_SECONDS)

    def copy_to(self, path: Path) -> None:
        """Write a copy of the file, as one transaction sees it.

        In one step, which reads in one transaction: in WAL mode that holds up nobody,
        and begins anew for nobody's write.

        Raises:
            StorageError: it cannot be read or written.
        """
        with self.explained(), closing(self.open()) as source:
            try:
                with closing(sqlite3.connect(path)) as target:
                    source.backup(target)
            except sqlite3.Error as error:
                raise explain(error, path) from error

    def damaged(self) -> StorageError:
        """Return the error for what stands in the file and cannot be."""
        return StorageError(f"the store {self.path} refused: {_DAMAGED}")

    def _busy(self) -> StoreBusy:
        return StoreBusy(f"the store {self.path} was busy for too long")

    def close(self) -> None:
        """Close this thread's connection; others close when their threads end."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._process_id == os.getpid():
            for each in self._idle:
                each.close()
            held: _Held | None = getattr(self._local, "held", None)
            if held is not None:
                held.connection.close()
            # Those of other threads stay: one may be in the middle of a statement.
            self._idle = []

    def _closed(self) -> StorageError:
        return StorageError(f"the store {self.path} is closed")

    def _leave_parent(self) -> None:
        # A connection must not cross a fork (SQLite, "How To Corrupt", 2.6), nor may
        # the child close it: that would drop the parent's file locks.
        self._inherited.append((self._local, self._idle))
        self._local, self._idle = threading.local(), []
        self._turns = Turns()
        self._process_id = os.getpid()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Raise what SQLite says in the body as an error of ours."""
        try:
            yield
        except REFUSALS as error:
            raise self.explain(error) from error

    def explain(self, error: Exception) -> StorageError:
        """Return the error of ours for one of REFUSALS, to be raised in its place."""
        if isinstance(error, sqlite3.Error):
            return explain(error, self.path)
        return StorageError(f"the store {self.path} refused: {error}")


def check_file(path: Path) -> None:
    """Refuse a file that is not whole.

    Args:
        path: a store's file that nobody has open.

    Raises:
        StorageError: SQLite finds it damaged, or cannot read it.
    """
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.Error as error:
        raise explain(error, path) from error
    if found != [("ok",)]:
        raise StorageError(f"the store {path} refused: {_DAMAGED}")


def _set_patience(connection: sqlite3.Connection, seconds: float) -> None:
    """Set how long a connection waits for other processes."""
    connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")


def explain(error: sqlite3.Error, path: Path) -> StorageError:
    """Return the error of ours that says what SQLite's means."""
    name = str(getattr(error, "sqlite_errorname", ""))
    text = str(error)
    if any(name.startswith(code) for code in _BUSY_CODES) or "locked" in text:
        return StoreBusy(f"the store {path} was busy for too long")
    for code, (words, reason) in _REASONS.items():
        if name.startswith(code) or (not name and words in text):
            return StorageError(f"the store {path} refused: {reason}")
    return StorageError(f"the store {path} refused: {text}")
