"""Which kinds and indexes there are: kept in memory, right in every process.

store/catalogue.py says how. Writers share a lock of the catalogue; whoever adds a kind
or an index, or fills one, holds it alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

from channelshim.contracts.entities import Index
from channelshim.contracts.index_definitions import IndexDefinition
from channelshim.store.catalogue import Draft, NewestState, State, make_state
from channelshim.store.postgres.connections import Database
from channelshim.store.postgres.locks import lock_number
from channelshim.store.postgres.session import Connection

_EPOCH = b"catalogue"

EPOCH_QUESTION: Final = (
    "SELECT coalesce((SELECT next FROM counter WHERE name = 'catalogue'), 0)"
)
"""Asked with the BEGIN of whoever reads entities. It always has a row."""


class PostgresDraft(Draft):
    """A draft within one transaction that holds the catalogue alone."""

    def __init__(self, connection: Connection, state: State) -> None:
        super().__init__(state)
        self._connection = connection

    def _insert_kind(self, namespace: str, name: str) -> int:
        return _first(
            self._connection.row(
                "INSERT INTO kind (namespace, name) VALUES (%s, %s) RETURNING id",
                (namespace.encode(), name.encode()),
            )
        )

    def _insert_index(
        self, kind_id: int, definition: IndexDefinition, *, is_ready: bool
    ) -> int:
        return _first(
            self._connection.row(
                "INSERT INTO index_definition (kind_id, definition, is_ready) "
                "VALUES (%s, %s, %s) RETURNING id",
                (kind_id, definition.to_text().encode(), is_ready),
            )
        )

    def _set(self, index: Index, column: Literal["is_repeated", "is_ready"]) -> None:
        self._connection.run(
            f"UPDATE index_definition SET {column} = true WHERE id = %s", (index.id,)
        )

    def _write_epoch(self, epoch: int) -> None:
        _write_epoch(self._connection, epoch)

    def _next_epoch(self) -> int:
        return _after(self.state.epoch)


class Catalogue(NewestState[Connection]):
    """The newest state that this process has seen.

    Attributes:
        lock: its advisory lock.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database.damaged)
        self._database = database
        self.lock: int = lock_number(database.place, _EPOCH)

    @property
    def newest(self) -> State:
        """What it was when this process last looked."""
        return self._newest

    def refresh(self) -> State:
        """Look again, in a transaction of its own."""
        with self._database.read(EPOCH_QUESTION) as connection:
            state = self.state(connection)
        # Lower where a standby that lags, or a backup, has taken the server's place.
        self._newest = state
        return state

    @contextmanager
    def write(self) -> Iterator[tuple[Connection, PostgresDraft]]:
        """Open a transaction that holds the catalogue alone, and may extend it."""
        with self._database.write(self.lock) as connection:
            draft = PostgresDraft(connection, self.state(connection))
            yield connection, draft
            draft.finish()
        if draft.is_changed:
            self._note(draft.state)

    def clear(self, connection: Connection) -> None:
        """Delete all kinds and indexes; the epoch moves on.

        Args:
            connection: within a transaction that holds the catalogue alone.
        """
        epoch = self._read_epoch(connection)
        connection.script("DELETE FROM kind; DELETE FROM index_definition")
        _write_epoch(connection, _after(epoch))

    def _read_epoch(self, connection: Connection) -> int:
        # What a transaction that only reads has seen at its beginning holds to its end.
        return _first(connection.answer(EPOCH_QUESTION))

    def _load(self, connection: Connection, epoch: int) -> State:
        kinds = {
            (namespace.decode(), name.decode()): int(id)
            for id, namespace, name in connection.rows(
                "SELECT id, namespace, name FROM kind"
            )
        }
        rows = [
            (id, kind_id, definition.decode(), is_repeated, is_ready)
            for id, kind_id, definition, is_repeated, is_ready in connection.rows(
                "SELECT id, kind_id, definition, is_repeated, is_ready "
                "FROM index_definition"
            )
        ]
        return make_state(epoch, kinds, rows)


def _after(epoch: int) -> int:
    """Return the next epoch: of the clock, so that none that was lost comes again."""
    return max(epoch + 1, time.time_ns() // 1000)


def _write_epoch(connection: Connection, epoch: int) -> None:
    connection.run(
        "INSERT INTO counter VALUES ('catalogue', %s) "
        "ON CONFLICT (name) DO UPDATE SET next = excluded.next",
        (epoch,),
    )


def _first(row: Any) -> int:
    return int(row[0])
