"""Which kinds and indexes there are: kept in memory, right in every process.

store/catalogue.py says how.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from channelshim.contracts.entities import Index
from channelshim.contracts.index_definitions import IndexDefinition
from channelshim.store.catalogue import Draft, NewestState, State, make_state
from channelshim.store.sqlite.database import Database

EPOCH = "catalogue"


class SqliteDraft(Draft):
    """A draft within one SQLite transaction."""

    def __init__(self, connection: sqlite3.Connection, state: State) -> None:
        super().__init__(state)
        self._connection = connection

    def _insert_kind(self, namespace: str, name: str) -> int:
        return _insert(
            self._connection,
            "INSERT INTO kind (namespace, name) VALUES (?, ?)",
            (namespace, name),
        )

    def _insert_index(
        self, kind_id: int, definition: IndexDefinition, *, is_ready: bool
    ) -> int:
        return _insert(
            self._connection,
            "INSERT INTO index_definition (kind_id, definition, is_ready) "
            "VALUES (?, ?, ?)",
            (kind_id, definition.to_text(), is_ready),
        )

    def _set(self, index: Index, column: Literal["is_repeated", "is_ready"]) -> None:
        self._connection.execute(
            f"UPDATE index_definition SET {column} = 1 WHERE id = ?", (index.id,)
        )

    def _write_epoch(self, epoch: int) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO counter VALUES (?, ?)", (EPOCH, epoch)
        )


class Catalogue(NewestState[sqlite3.Connection]):
    """The newest state that this process has seen."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.damaged)
        self._database = database

    @contextmanager
    def write(self) -> Iterator[tuple[sqlite3.Connection, Draft]]:
        """Open a write transaction together with the catalogue it may extend."""
        with self._database.write() as connection:
            draft = SqliteDraft(connection, self.state(connection))
            yield connection, draft
            draft.finish()
        if draft.is_changed:
            self._note(draft.state)

    def clear(self, connection: sqlite3.Connection) -> None:
        """Delete all kinds and indexes; the epoch moves on."""
        epoch = self._read_epoch(connection)
        connection.execute("DELETE FROM kind")
        connection.execute("DELETE FROM index_definition")
        connection.execute(
            "INSERT OR REPLACE INTO counter VALUES (?, ?)", (EPOCH, epoch + 1)
        )

    def _read_epoch(self, connection: sqlite3.Connection) -> int:
        row = connection.execute(
            "SELECT next FROM counter WHERE name = ?", (EPOCH,)
        ).fetchone()
        return 0 if row is None else int(row[0])

    def _load(self, connection: sqlite3.Connection, epoch: int) -> State:
        kinds = {
            (namespace, name): id
            for id, namespace, name in connection.execute(
                "SELECT id, namespace, name FROM kind"
            )
        }
        rows = connection.execute(
            "SELECT id, kind_id, definition, is_repeated, is_ready "
            "FROM index_definition"
        )
        return make_state(epoch, kinds, rows)


def _insert(
    connection: sqlite3.Connection, statement: str, values: tuple[object, ...]
) -> int:
    made = connection.execute(statement, values).lastrowid
    assert made is not None
    return made
