"""Connections to PostgreSQL: a pool of them, transactions, and errors made clear."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import select
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import psycopg_pool
from psycopg import conninfo
from psycopg.types.numeric import Int8BinaryDumper

from channelshim.contracts.durations import Durations
from channelshim.contracts.server_urls import shown
from channelshim.errors import ConfigurationError, StorageError, StoreBusy
from channelshim.store.postgres.place import Place

_logger: Final = logging.getLogger("channelshim.store")

STORE_BUSY_SECONDS: Final = 10.0
"""How long a writer waits for a lock, and a caller for a connection; as with SQLite."""

STORE_CONNECT_SECONDS: Final = 10
"""How long one server is tried, where the URL says nothing else."""

STORE_SILENCE_SECONDS: Final = 10
"""After which a server that acknowledges nothing is given up, where the URL says
nothing else: a machine that was cut off sends no reset."""

STORE_IDLE_SECONDS: Final = 270
"""After which a transaction that nobody goes on with ends: that of a datastore
transaction, limits.TRANSACTION_SECONDS."""

STORE_RECONNECT_SECONDS: Final = 10.0
"""How long the pool goes on by itself with a server that is away. The next caller makes
it try again, at once."""

STORE_PREPARED: Final = 512
"""Statements that are kept prepared in each session; query shapes share them."""

LEAST_VERSION: Final = 130000
"""PostgreSQL 13."""

_SETTINGS: Final = (
    # Half-read indexes are what our queries are: no plan may depend on ANALYZE.
    "enable_seqscan = off",
    # Versions are compared under locks, by a statement that sees what was committed.
    "default_transaction_isolation = 'read committed'",
    "enable_hashjoin = off",
    "enable_mergejoin = off",
    "enable_bitmapscan = off",
    "enable_sort = off",
    "jit = off",
    "plan_cache_mode = force_generic_plan",
    f"lock_timeout = {int(STORE_BUSY_SECONDS * 1000)}",
    f"idle_in_transaction_session_timeout = {STORE_IDLE_SECONDS * 1000}",
)

_BUSY: Final = frozenset({"55P03", "57014", "40001", "40P01"})
"""lock_not_available, query_canceled, serialization_failure, deadlock_detected."""

_ROLLED_BACK: Final = "a statement had failed before, so nothing was changed"

_REASONS: Final = {
    "25P02": _ROLLED_BACK,
    "53100": "the server's disk is full",
    "53200": "the server is out of memory",
    "53300": "all its connections are in use: raise max_connections, or set "
    "store_connections lower",
    "25006": "it is read-only: is this a standby?",
    "25P03": "the transaction was open for too long",
    "42501": "this role may not do that; docs/how-to/grow-postgres.md has its rights",
    "28P01": "the password is wrong",
    "28000": "this role may not log in so: see pg_hba.conf",
    "3D000": "there is no such database",
    "54000": "a key with its indexed values is too long for PostgreSQL's indexes",
    "57P01": "the server is shutting down",
    "57P02": "the server has crashed",
    "57P03": "the server is starting up or shutting down",
}
"""SQLSTATE, and what it means for us. PostgreSQL, appendix "PostgreSQL Error Codes"."""

_TOO_MANY: Final = re.compile(
    r"too many (clients|connections)|connection slots are reserved"
)
"""In the first line of an error while connecting, which comes without a SQLSTATE."""

_OPEN: Final = (
    psycopg.pq.TransactionStatus.INTRANS,
    psycopg.pq.TransactionStatus.INERROR,
)

REFUSALS: Final = (psycopg.Error, UnicodeError)
"""What the driver raises; UnicodeError: text with half of a surrogate pair."""


class Connection:
    """One session, in or out of a transaction. One thread at a time.

    Args:
        raw: the driver's, in autocommit mode.
    """

    __slots__ = ("_process_id", "raw")

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self.raw: psycopg.Connection[Any] = raw
        self._process_id = os.getpid()

    @property
    def is_ours(self) -> bool:
        """Whether this process opened it: a child of a fork must leave it alone."""
        return self._process_id == os.getpid()

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """Run a statement and return all its rows."""
        return self.raw.execute(statement, values, binary=True).fetchall()

    def row(self, statement: str, values: Sequence[object] = ()) -> Any:
        """Run a statement and return its first row, or None."""
        return self.raw.execute(statement, values, binary=True).fetchone()

    def run(self, statement: str, values: Sequence[object] = ()) -> int:
        """Run a statement and return how many rows it changed."""
        return self.raw.execute(statement, values).rowcount

    def run_many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Run a statement for each row of values, in few round trips."""
        if rows:
            with self.raw.cursor() as cursor:
                cursor.executemany(statement, rows)

    def script(self, text: str) -> None:
        """Run statements without values, joined by semicolons, in one round trip."""
        # Several cannot be prepared.
        self.raw.execute(text, prepare=False)

    def commit(self) -> None:
        """Commit the transaction.

        Raises:
            InFailedSqlTransaction: a statement in it had failed, and somebody passed
                over that: the server calls it a rollback and no error.
        """
        if self.raw.execute("COMMIT", prepare=False).statusmessage != "COMMIT":
            raise psycopg.errors.InFailedSqlTransaction(_ROLLED_BACK)

    @property
    def is_suspicious(self) -> bool:
        """Whether an idle session has something to read: most often that it ended."""
        poll = select.poll()
        poll.register(self.raw.fileno(), select.POLLIN)
        return bool(poll.poll(0))


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
        self._settings = (f'search_path = "{place.schema}"', *_SETTINGS)
        self._conninfo = complete(place.url)
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
            raw = psycopg.connect(self._conninfo, **self._options())
            self._configure(raw)
        return Connection(raw)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a session within which all statements see one state.

        Raises:
            StorageError: in the body or at its end.
        """
        outer: _Reading | None = getattr(self._local, "reading", None)
        if outer is not None and not outer.is_over and outer.connection.is_ours:
            with self.explained():
                yield outer.connection
            return
        with self._within(self._begin(is_read=True)) as connection:
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
    def _within(self, begin: str) -> Iterator[Connection]:
        connection = self.borrow(begin)
        try:
            with self.explained():
                yield connection
                connection.commit()
        finally:
            self.give_back(connection)

    def borrow(self, begin: str | None = None) -> Connection:
        """Return a session for `give_back`, within a transaction.

        Args:
            begin: how it is begun; None for one that reads, "" for none.

        Raises:
            StoreBusy: all are in use for too long, or no server answers.
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
                if text or connection.is_suspicious:
                    connection.script(text or "SELECT 1")
            except psycopg.OperationalError as error:
                is_dead = _is_lost(error, connection.raw)
                self.give_back(connection)
                if not is_dead or time.monotonic() > deadline:
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
        code = str(getattr(error, "sqlstate", None) or "")
        if code in _BUSY:
            return StoreBusy(f"{self._name} was busy for too long")
        if code in _REASONS:
            return StorageError(f"{self._name} refused: {_REASONS[code]}")
        # Its first line; the rest is hints and positions.
        text = (str(error).strip() or "the connection was lost").splitlines()[0]
        if not code and _TOO_MANY.search(text):
            return StorageError(f"{self._name} refused: {_REASONS['53300']}")
        return StorageError(f"{self._name} refused: {text}")

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
        if self.place.through_pooler:
            # The session is another one each time, and serves others too.
            text += "".join(f"; SET LOCAL {each}" for each in self._settings)
        return text

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
                    self._conninfo,
                    kwargs=self._options(),
                    min_size=0,
                    max_size=self.place.connections,
                    open=True,
                    configure=self._configure,
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

    def _options(self) -> dict[str, Any]:
        # A pooler in transaction mode may not know of prepared statements.
        threshold = None if self.place.through_pooler else 0
        return {"autocommit": True, "prepare_threshold": threshold}

    def _configure(self, raw: psycopg.Connection[Any]) -> None:
        # One type for every integer: else each size makes a statement of its own.
        raw.adapters.register_dumper(int, Int8BinaryDumper)
        raw.prepared_max = STORE_PREPARED
        if not self.place.through_pooler:
            text = "; ".join(f"SET {each}" for each in self._settings)
            raw.execute(text, prepare=False)


def _is_lost(error: psycopg.Error, raw: psycopg.Connection[Any]) -> bool:
    """Return whether a session has ended; closes it then."""
    code = error.sqlstate or ""
    # class 57, Operator Intervention, and 08, Connection Exception.
    if not raw.closed and (not code or code.startswith(("57P", "08"))):
        raw.close()
    return raw.closed


def complete(url: str) -> str:
    """Return a URL's connection string, with what it leaves to us.

    Raises:
        ConfigurationError: the driver cannot read it. The sentence does not show it.
    """
    try:
        parts = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        raise ConfigurationError(
            "the store's URL cannot be read: it must be like "
            "postgresql://user@host:5432/database"
        ) from None
    defaults: dict[str, str | int] = {
        "application_name": "channelshim",
        "client_encoding": "UTF8",
        "connect_timeout": STORE_CONNECT_SECONDS,
        "tcp_user_timeout": STORE_SILENCE_SECONDS * 1000,
        "keepalives_idle": STORE_SILENCE_SECONDS,
    }
    if "," in str(parts.get("host", "")):
        defaults["target_session_attrs"] = "read-write"
    missing = {name: value for name, value in defaults.items() if name not in parts}
    return conninfo.make_conninfo(url, **missing)
