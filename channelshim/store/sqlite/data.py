"""All data of a store together, as one transaction sees it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from channelshim.contracts.identity import User
from channelshim.contracts.store import Account, Password
from channelshim.contracts.tasks import PullTask, Task
from channelshim.store.sqlite.catalogue import EPOCH, Catalogue
from channelshim.store.sqlite.database import REFUSALS, Database
from channelshim.store.sqlite.pull_tasks import COLUMNS as PULL_COLUMNS
from channelshim.store.sqlite.pull_tasks import read_pull_task
from channelshim.store.sqlite.snapshot import SqliteSnapshot
from channelshim.store.sqlite.tasks import (
    PAUSED,
    RAW_COLUMNS,
    read_paused,
)
from channelshim.store.task_rows import UNREADABLE, read_task

_EMPTIED: Final = (
    *("entity", "index_row", "entity_group", "task", "task_tombstone", "pull_task"),
    *("account", "password"),
)
"""Tables of what an import brings."""

_ASKED: Final = ("entity", "task", "pull_task", "password")
"""Tables that are empty where there is no data."""


class SqliteDataSnapshot:
    """What one transaction sees: contracts.data.DataSnapshot.

    Args:
        connection: within a transaction.
        entities: of it.
        database: whose connection it is.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        entities: SqliteSnapshot,
        database: Database,
    ) -> None:
        self._connection = connection
        self._database = database
        self.entities: SqliteSnapshot = entities

    def counters(self) -> Mapping[str, int]:
        """Return the next number of each id counter."""
        rows = self._rows("SELECT name, next FROM counter WHERE name <> ?", EPOCH)
        return {str(name): int(number) for name, number in rows}

    def tasks(self) -> Iterator[Task]:
        """Yield the tasks of push queues; those in hand too."""
        for row in self._rows(f"SELECT {RAW_COLUMNS} FROM task ORDER BY queue, name"):
            try:
                task = read_task(row)
            except UNREADABLE as error:
                raise self._database.damaged() from error
            yield task

    def pull_tasks(self) -> Iterator[PullTask]:
        """Yield the tasks of pull queues; leased ones too."""
        text = f"SELECT {PULL_COLUMNS} FROM pull_task ORDER BY queue, name"
        yield from map(read_pull_task, self._rows(text))

    def paused(self) -> Collection[str]:
        """Return the names of the queues that were paused."""
        return read_paused(self._connection)

    def accounts(self) -> Sequence[Account]:
        """Return who has logged in."""
        return [
            Account(User(email, bool(is_admin), user_id), float(seen_at))
            for email, is_admin, user_id, seen_at in self._rows(
                "SELECT email, is_admin, user_id, seen_at FROM account ORDER BY email"
            )
        ]

    def passwords(self) -> Sequence[Password]:
        """Return who may log in by a password."""
        rows = self._rows("SELECT email, hash, changed_at FROM password ORDER BY email")
        return [Password(*row) for row in rows]

    def blobs(self) -> Iterator[tuple[str, int]]:
        """Yield nothing: blobs are files."""
        return iter(())

    def blob_pieces(self, key: str) -> Iterator[bytes]:
        """Yield nothing: blobs are files."""
        return iter(())

    def _rows(self, text: str, *values: object) -> Iterator[Any]:
        try:
            yield from self._connection.execute(text, values)
        except REFUSALS as error:
            raise self._database.explain(error) from error


class SqliteData:
    """All data of one store: contracts.data.StoreData.

    Args:
        database: where it is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._catalogue = Catalogue(database)

    @contextmanager
    def read(self) -> Iterator[SqliteDataSnapshot]:
        """Give all data as of this moment; others may write meanwhile."""
        database = self._database
        connection = database.borrow()
        try:
            with database.explained():
                # The first read, not BEGIN, fixes what the connection sees.
                connection.execute("BEGIN")
                state = self._catalogue.state(connection)
            entities = SqliteSnapshot(connection, state, database)
            yield SqliteDataSnapshot(connection, entities, database)
        finally:
            database.give_back(connection)

    def is_empty(self) -> bool:
        """Return whether there is no entity, no task and no password."""
        with self._database.read() as connection:
            return not any(
                connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()
                for table in _ASKED
            )

    def clear(self) -> None:
        """Delete all that an import brings, in one transaction."""
        with self._database.write() as connection:
            for table in _EMPTIED:
                connection.execute(f"DELETE FROM {table}")
            connection.execute("DELETE FROM saved WHERE name = ?", (PAUSED,))
            self._catalogue.clear(connection)
