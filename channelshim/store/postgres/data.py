"""All data of a store together, as one transaction sees it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from channelshim.contracts.identity import User
from channelshim.contracts.store import Account, Password
from channelshim.contracts.tasks import PullTask, Task
from channelshim.store.postgres.catalogue import Catalogue
from channelshim.store.postgres.connections import Database
from channelshim.store.postgres.entities import COUNTER_PREFIX
from channelshim.store.postgres.pull_tasks import COLUMNS as PULL_COLUMNS
from channelshim.store.postgres.pull_tasks import read_pull_task
from channelshim.store.postgres.refusals import REFUSALS
from channelshim.store.postgres.session import Connection
from channelshim.store.postgres.snapshot import PostgresSnapshot
from channelshim.store.task_rows import COLUMNS, UNREADABLE, read_task

_PAGE: Final = 50
"""Tasks or blobs that are read together; a task has up to 1 MiB."""

_EMPTIED: Final = (
    *("entity", "index_row", "entity_group", "task", "task_tombstone", "pull_task"),
    *("paused_queue", "account", "password", "blob_replaced", "blob_piece", "blob"),
)
"""Tables of what an import brings."""

_ASKED: Final = ("entity", "task", "pull_task", "password")
"""Tables that are empty where there is no data."""


class PostgresDataSnapshot:
    """What one transaction sees: contracts.data.DataSnapshot.

    Args:
        connection: within a transaction.
        entities: of it.
        database: whose connection it is.
    """

    def __init__(
        self, connection: Connection, entities: PostgresSnapshot, database: Database
    ) -> None:
        self._connection = connection
        self._database = database
        self.entities: PostgresSnapshot = entities

    def counters(self) -> Mapping[str, int]:
        """Return the next number of each id counter."""
        return {
            name[len(COUNTER_PREFIX) :].decode(): int(number)
            for name, number in self._rows("SELECT name, next FROM counter")
            if name.startswith(COUNTER_PREFIX)
        }

    def tasks(self) -> Iterator[Task]:
        """Yield the tasks of push queues; those in hand too."""
        for row in self._pages(COLUMNS, "task"):
            try:
                task = read_task(row)
            except UNREADABLE as error:
                raise self._database.damaged() from error
            yield task

    def pull_tasks(self) -> Iterator[PullTask]:
        """Yield the tasks of pull queues; leased ones too."""
        yield from map(read_pull_task, self._pages(PULL_COLUMNS, "pull_task"))

    def paused(self) -> Collection[str]:
        """Return the names of the queues that were paused."""
        rows = self._rows("SELECT queue FROM paused_queue")
        return [queue.decode() for (queue,) in rows]

    def accounts(self) -> Sequence[Account]:
        """Return who has logged in."""
        return [
            Account(User(email.decode(), is_admin, user_id.decode()), seen_at)
            for email, is_admin, user_id, seen_at in self._rows(
                "SELECT email, is_admin, user_id, seen_at FROM account ORDER BY email"
            )
        ]

    def passwords(self) -> Sequence[Password]:
        """Return who may log in by a password."""
        rows = self._rows("SELECT email, hash, changed_at FROM password ORDER BY email")
        return [Password(row[0].decode(), row[1].decode(), row[2]) for row in rows]

    def blobs(self) -> Iterator[tuple[str, int]]:
        """Yield key and size of each blob."""
        after = b""
        while rows := self._rows(
            "SELECT key, size FROM blob WHERE key > %s ORDER BY key LIMIT %s",
            (after, _PAGE),
        ):
            for key, size in rows:
                yield key.decode(), int(size)
            after = rows[-1][0]

    def blob_pieces(self, key: str) -> Iterator[bytes]:
        """Yield a blob's bytes, piece by piece."""
        number = 0
        while rows := self._rows(
            "SELECT p.data FROM blob b "
            "JOIN blob_piece p ON p.key = coalesce(b.pieces, b.key) "
            "WHERE b.key = %s AND p.number = %s",
            (key.encode(), number),
        ):
            yield bytes(rows[0][0])
            number += 1

    def _pages(self, columns: str, table: str) -> Iterator[Any]:
        """Yield the rows of a table of tasks, a page at a time."""
        after = b"", b""
        while rows := self._rows(
            f"SELECT {columns} FROM {table} WHERE (queue, name) > (%s, %s) "
            "ORDER BY queue, name LIMIT %s",
            (*after, _PAGE),
        ):
            yield from rows
            after = rows[-1][0], rows[-1][1]

    def _rows(self, text: str, values: Sequence[object] = ()) -> list[Any]:
        try:
            return self._connection.rows(text, values)
        except REFUSALS as error:
            raise self._database.explain(error) from error


class PostgresData:
    """All data of one store: contracts.data.StoreData.

    Args:
        database: where it is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._catalogue = Catalogue(database)

    @contextmanager
    def read(self) -> Iterator[PostgresDataSnapshot]:
        """Give all data as of this moment; others may write meanwhile."""
        database = self._database
        connection = database.borrow()
        try:
            with database.explained():
                # The first read, not BEGIN, fixes what the connection sees.
                state = self._catalogue.state(connection)
            entities = PostgresSnapshot(connection, state, database)
            yield PostgresDataSnapshot(connection, entities, database)
        finally:
            database.give_back(connection)

    def is_empty(self) -> bool:
        """Return whether there is no entity, no task and no password."""
        tables = " UNION ALL ".join(
            f"(SELECT 1 FROM {table} LIMIT 1)" for table in _ASKED
        )
        return not self._database.ask(f"SELECT 1 FROM ({tables}) AS found LIMIT 1")

    def clear(self) -> None:
        """Delete all that an import brings, in one transaction."""
        with self._database.write(self._catalogue.lock) as connection:
            connection.script("; ".join(f"DELETE FROM {table}" for table in _EMPTIED))
            self._catalogue.clear(connection)
