"""One session with PostgreSQL: how it begins, and the statements that run in it."""

from __future__ import annotations

import os
import select
from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg import conninfo
from psycopg.types.numeric import Int8BinaryDumper

from channelshim.errors import ConfigurationError
from channelshim.store.postgres.place import Place
from channelshim.store.postgres.refusals import ROLLED_BACK

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

STORE_PREPARED: Final = 512
"""Statements that are kept prepared in each session; query shapes share them."""

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


class Connection:
    """One session, in or out of a transaction. One thread at a time.

    Args:
        raw: the driver's, in autocommit mode.

    Attributes:
        raw: as given.
    """

    __slots__ = ("_first", "_process_id", "_question", "raw")

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self.raw: psycopg.Connection[Any] = raw
        # What the transaction began with; None where it began without a question.
        self._question: str | None = None
        self._first: Any = None
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

    def begin(self, text: str, question: str) -> None:
        """Begin a transaction and ask its first question, in one round trip.

        Args:
            text: as of `script`.
            question: a statement without values that has a row: see `answer`.
        """
        cursor = self.raw.execute(f"{text}; {question}", prepare=False)
        while cursor.nextset():
            pass
        self._question, self._first = question, cursor.fetchone()

    def answer(self, question: str) -> Any:
        """Return the row of a question: at once where the transaction began with it.

        Args:
            question: whose row at the transaction's beginning will do.
        """
        return self._first if question == self._question else self.row(question)

    def commit(self) -> None:
        """Commit the transaction.

        Raises:
            InFailedSqlTransaction: a statement in it had failed, and somebody passed
                over that: the server calls it a rollback and no error.
        """
        if self.raw.execute("COMMIT", prepare=False).statusmessage != "COMMIT":
            raise psycopg.errors.InFailedSqlTransaction(ROLLED_BACK)

    @property
    def is_suspicious(self) -> bool:
        """Whether an idle session has something to read: most often that it ended."""
        poll = select.poll()
        poll.register(self.raw.fileno(), select.POLLIN)
        return bool(poll.poll(0))


class SessionSetup:
    """How each session with a store begins.

    Args:
        place: where the store is.

    Attributes:
        conninfo: connects; the URL with what it leaves to us.
        options: of the driver, beside that.
        local_settings: makes one transaction of a pooler's session ours; "" where the
            sessions are ours.

    Raises:
        ConfigurationError: the URL cannot be read.
    """

    def __init__(self, place: Place) -> None:
        self.conninfo: str = complete(place.url)
        # A pooler in transaction mode may not know of prepared statements.
        threshold = None if place.through_pooler else 0
        self.options: dict[str, Any] = {
            "autocommit": True,
            "prepare_threshold": threshold,
        }
        settings = (f'search_path = "{place.schema}"', *_SETTINGS)
        self.local_settings: str = ""
        self._settings = ""
        if place.through_pooler:
            # The session is another one each time, and serves others too.
            self.local_settings = "".join(f"; SET LOCAL {each}" for each in settings)
        else:
            self._settings = "; ".join(f"SET {each}" for each in settings)

    def connect(self) -> psycopg.Connection[Any]:
        """Open a session; raises what the driver does."""
        raw = psycopg.connect(self.conninfo, **self.options)
        self.configure(raw)
        return raw

    def configure(self, raw: psycopg.Connection[Any]) -> None:
        """Make a new session ready."""
        # One type for every integer: else each size makes a statement of its own.
        raw.adapters.register_dumper(int, Int8BinaryDumper)
        raw.prepared_max = STORE_PREPARED
        if self._settings:
            raw.execute(self._settings, prepare=False)


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
