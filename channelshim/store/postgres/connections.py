"""Connections to PostgreSQL: a pool of them, and transactions."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import psycopg_pool

from channelshim.contracts.durations import Durations
from channelshim.contracts.server_urls import shown
from channelshim.errors import StorageError, StoreBusy
from channelshim.store.postgres.place import Place
from channelshim.store.postgres.refusals import REFUSALS, explanation, is_lost
from channelshim.store.postgres.session import (
    STORE_BUSY_SECONDS,
    Connection,
    SessionSetup,
)

_logger: Final = logging.getLogger("channelshim.store")

STORE_RECONNECT_SECONDS: Final = 10.0
"""How long the pool goes on by itself with a server that is away. The next caller makes
it try again, at once."""

_OPEN: Final = (
    psycopg.pq.TransactionStatus.INTRANS,
    psycopg.pq.TransactionStatus.INERROR,
)


class _Reading:
    """A thread's open `Database.read`, for those within it."""

    __slots__ = ("connection", "is_over")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_over = False


class Database:
    """A pool of sessions with one store's settings.

    Args:
        place: where it is. Nothing is connected before the first use.

    Attributes:
        place: as given.
        writes: how long those took that were committed, their wait included.
    """

    def __init__(self, place: Place) -> None:
        self.place: Place = place
        self._setup = SessionSetup(place)
        self._local = threading.local()
        self._lock = threading.Lock()
        self.writes: Durations = Durations()
        self._process_id = os.getpid()
        self._pool: psycopg_pool.ConnectionPool[Any] | None = None
        self._inherited: list[object] = []
        self._is_closed = False

    def connect(self) -> Connection:
        """Open a session of the caller's own, which closes it.

        Raises:
            StorageError: no server answers, or it refuses.
        """
        with self.explained():
            return Connection(self._setup.connect())

    @contextmanager
    def read(self, question: str = "") -> Iterator[Connection]:
        """Give a session within which all statements see one state.

        Args:
            question: see `borrow`; not asked within another `read`.

        Raises:
            StorageError: in the body or at its end.
        """
        outer: _Reading | None = getattr(self._local, "reading", None)
        if outer is not None and not outer.is_over and outer.connection.is_ours:
            with self.explained():
                yield outer.connection
            return
        with self._within(self._begin(is_read=True), question) as connection:
            reading = self._local.reading = _Reading(connection)
            try:
                yield connection
            finally:
                # Perhaps in another thread, where a generator is collected.
                reading.is_over = True

    @contextmanager
    def write(
        self, lock: int | None = None, *, is_kept: bool = True
    ) -> Iterator[Connection]:
        """Give a session whose changes are committed together at the end.

        Args:
            lock: held until then; one at a time has it.
            is_kept: False where a crash of the server may forget what it acknowledged.

        Raises:
            StoreBusy: others held what is needed for too long.
            StorageError: nothing was changed; but where the connection broke during
                the commit, nobody can know.
        """
        begin = self._begin()
        if not is_kept:
            begin += "; SET LOCAL synchronous_commit = off"
        if lock is not None:
            begin += f"; SELECT pg_advisory_xact_lock({lock})"
        begun = time.monotonic()
        with self._within(begin) as connection:
            yield connection
        with self._lock:
            self.writes.add(time.monotonic() - begun)

    @contextmanager
    def once(self) -> Iterator[Connection]:
        """Give a session for one statement, which is a transaction of its own."""
        if self.place.through_pooler:
            with self._within(self._begin()) as connection:
                yield connection
            return
        connection = self.borrow("")
        try:
            with self.explained():
                yield connection
        finally:
            self.give_back(connection)

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """Return the rows of one statement, which is a transaction of its own.

        The same as `once`, with less around it: a get is one such call.
        """
        if self.place.through_pooler:
            with self.once() as connection:
                return connection.rows(statement, values)
        connection = self.borrow("")
        try:
            return connection.rows(statement, values)
        except REFUSALS as error:
            raise self.explain(error) from error
        finally:
            self.give_back(connection)

    @contextmanager
    def _within(self, begin: str, question: str = "") -> Iterator[Connection]:
        connection = self.borrow(begin, question)
        try:
            with self.explained():
                yield connection
                connection.commit()
        finally:
            self.give_back(connection)

    def borrow(self, begin: str | None = None, question: str = "") -> Connection:
        """Return a session for `give_back`, within a transaction.

        Args:
            begin: how it is begun; None for one that reads, "" for none.
            question: a statement that is asked with it, for Connection.answer:
                that saves a round trip. It needs a `begin`. "" for none.

        Raises:
            StoreBusy: all are in use for too long, or no server answers.
            StorageError: the server refuses what begins it, or the question.
        """
        text = self._begin(is_read=True) if begin is None else begin
        pool = self._open_pool()
        deadline = time.monotonic() + STORE_BUSY_SECONDS
        while True:
            try:
                connection = Connection(pool.getconn(STORE_BUSY_SECONDS))
            except psycopg_pool.PoolTimeout as error:
                self._drop_dead(pool)
                raise StoreBusy(
                    f"{self._name} gave no connection for {STORE_BUSY_SECONDS:g} s: "
                    "the server cannot be reached, or all connections are in use"
                ) from error
            except psycopg_pool.PoolClosed as error:
                raise self._closed() from error
            try:
                # What was kept may have died meanwhile; nothing has been done yet, so
                # another one will do.
                if question:
                    connection.begin(text, question)
                elif text or connection.is_suspicious:
                    connection.script(text or "SELECT 1")
            except psycopg.OperationalError as error:
                is_dead = is_lost(error, connection.raw)
                self.give_back(connection)
                if not is_dead or time.monotonic() > deadline:
                    raise self.explain(error) from error
            except REFUSALS as error:
                self.give_back(connection)
                raise self.explain(error) from error
            except BaseException:
                self.give_back(connection)
                raise
            else:
                return connection

    def give_back(self, connection: Connection) -> None:
        """Take a borrowed session back; what it has open is rolled back."""
        if not connection.is_ours:
            return
        raw = connection.raw
        if raw.pgconn.transaction_status in _OPEN:
            with contextlib.suppress(psycopg.Error):
                raw.rollback()
        pool = self._pool
        if pool is None:
            raw.close()
        else:
            # It drops what is broken.
            pool.putconn(raw)

    def end(self, connection: Connection) -> None:
        """Commit a borrowed session and take it back."""
        if not connection.is_ours:
            return
        # Not rolled back: the driver would forget what it has prepared.
        try:
            with contextlib.suppress(psycopg.Error):
                connection.script("COMMIT")
        finally:
            self.give_back(connection)

    @property
    def connections(self) -> int:
        """How many sessions this process has open."""
        pool = self._pool
        return 0 if pool is None else int(pool.get_stats().get("pool_size", 0))

    def close(self) -> None:
        """Close all sessions. Idempotent."""
        self._is_closed = True
        pool, self._pool = self._pool, None
        if pool is not None and self._process_id == os.getpid():
            pool.close(timeout=STORE_BUSY_SECONDS)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Raise what the driver says in the body as an error of ours."""
        try:
            yield
        except REFUSALS as error:
            raise self.explain(error) from error

    def explain(self, error: Exception) -> StorageError:
        """Return the error of ours for one of REFUSALS, to be raised in its place."""
        return explanation(self._name, error)

    def damaged(self) -> StorageError:
        """Return the error for what stands in the store and cannot be."""
        return StorageError(f"{self._name} holds what cannot be read")

    @property
    def _name(self) -> str:
        return f"the store {shown(self.place.url)}"

    def _closed(self) -> StorageError:
        return StorageError(f"{self._name} is closed")

    def _begin(self, *, is_read: bool = False) -> str:
        """Return what begins a transaction."""
        text = "BEGIN"
        if is_read:
            text = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        return text + self._setup.local_settings

    def _open_pool(self) -> psycopg_pool.ConnectionPool[Any]:
        if self._process_id != os.getpid():
            self._leave_parent()
        pool = self._pool
        if pool is not None:
            return pool
        with self._lock:
            if self._is_closed:
                raise self._closed()
            if self._pool is None:
                self._pool = psycopg_pool.ConnectionPool(
                    self._setup.conninfo,
                    kwargs=self._setup.options,
                    min_size=0,
                    max_size=self.place.connections,
                    open=True,
                    configure=self._setup.configure,
                    timeout=STORE_BUSY_SECONDS,
                    reconnect_timeout=STORE_RECONNECT_SECONDS,
                    # Its threads are known by it.
                    name=f"channelshim-store-{id(self):x}",
                )
            return self._pool

    def _drop_dead(self, pool: psycopg_pool.ConnectionPool[Any]) -> None:
        """Forget a pool whose threads have all ended: it would never connect again.

        They are the driver's, and nobody else looks after them.
        """
        beginning = f"{pool.name}-worker"
        if any(each.name.startswith(beginning) for each in threading.enumerate()):
            return
        with self._lock:
            if self._pool is not pool:
                return
            self._pool = None
        _logger.error("the threads that connect to %s had ended", self._name)
        pool.close(timeout=0)

    def _leave_parent(self) -> None:
        # A session must not be used on both sides of a fork, nor closed by the child.
        with self._lock:
            if self._process_id != os.getpid():
                self._inherited.append((self._local, self._pool))
                self._local, self._pool = threading.local(), None
                self._process_id = os.getpid()
