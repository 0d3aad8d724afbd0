"""Which kinds and indexes there are: kept in memory, right in every process.

Each state of the catalogue has a number, its epoch, which stands in the store and is
read in the same SQLite transaction as the data. So a reader never uses an index that
its snapshot lacks, and a writer never misses one that another process has made.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from channelshim.contracts.entities import Index
from channelshim.contracts.index_definitions import IndexDefinition
from channelshim.store.sqlite.database import Database

_EPOCH = "catalogue"


@dataclass(frozen=True, slots=True)
class State:
    """All kinds and indexes at one epoch; never changed."""

    epoch: int = -1
    kinds: Mapping[tuple[str, str], int] = field(default_factory=dict)
    indexes: Mapping[int, Mapping[IndexDefinition, Index]] = field(default_factory=dict)

    def kind_id(self, namespace: str, name: str) -> int | None:
        """Return the number of a kind, or None when it never had an entity."""
        return self.kinds.get((namespace, name))

    def index(self, kind_id: int, definition: IndexDefinition) -> Index | None:
        """Return the kind's index of this definition, ready or not, or None."""
        return self.indexes.get(kind_id, {}).get(definition)


class Draft:
    """A state that one write transaction may extend; published when it commits."""

    def __init__(self, connection: sqlite3.Connection, state: State) -> None:
        self._connection = connection
        self.state = state
        self.is_changed: bool = False

    def kind_id(self, namespace: str, name: str) -> int:
        """Return the number of a kind, made now if need be."""
        known_id = self.state.kind_id(namespace, name)
        if known_id is not None:
            return known_id
        new_id = _insert(
            self._connection,
            "INSERT INTO kind (namespace, name) VALUES (?, ?)",
            (namespace, name),
        )
        kinds = {**self.state.kinds, (namespace, name): new_id}
        self._become(replace(self.state, kinds=kinds))
        return new_id

    def index(
        self, kind_id: int, definition: IndexDefinition, *, is_ready: bool = True
    ) -> Index:
        """Return the kind's index of this definition, made now if need be.

        Args:
            is_ready: of a new one: whether no entity needs to be added.
        """
        index = self.state.index(kind_id, definition)
        if index is not None:
            return index
        new_id = _insert(
            self._connection,
            "INSERT INTO index_definition (kind_id, definition, is_ready) "
            "VALUES (?, ?, ?)",
            (kind_id, definition.to_text(), is_ready),
        )
        return self._keep(kind_id, Index(new_id, definition, is_ready=is_ready))

    def mark_repeated(self, kind_id: int, index: Index) -> None:
        """Note that an entity has more than one row in the index."""
        if not index.is_repeated:
            self._set(index, "is_repeated")
            self._keep(kind_id, replace(index, is_repeated=True))

    def mark_ready(self, kind_id: int, definition: IndexDefinition) -> None:
        """Note that all entities are in the index."""
        index = self.state.index(kind_id, definition)
        if index is not None and not index.is_ready:
            self._set(index, "is_ready")
            self._keep(kind_id, replace(index, is_ready=True))

    def finish(self) -> None:
        """Write the new epoch, if anything changed; before the commit."""
        if not self.is_changed:
            return
        self.state = replace(self.state, epoch=self.state.epoch + 1)
        self._connection.execute(
            "INSERT OR REPLACE INTO counter VALUES (?, ?)", (_EPOCH, self.state.epoch)
        )

    def _set(self, index: Index, column: str) -> None:
        self._connection.execute(
            f"UPDATE index_definition SET {column} = 1 WHERE id = ?", (index.id,)
        )

    def _keep(self, kind_id: int, index: Index) -> Index:
        of_kind = {**self.state.indexes.get(kind_id, {}), index.definition: index}
        indexes = {**self.state.indexes, kind_id: of_kind}
        self._become(replace(self.state, indexes=indexes))
        return index

    def _become(self, state: State) -> None:
        self.state = state
        self.is_changed = True


class Catalogue:
    """The newest state that this process has seen."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._newest = State()

    def state(self, connection: sqlite3.Connection) -> State:
        """Return the state that belongs to what connection sees.

        Args:
            connection: within a transaction.

        Raises:
            StorageError: the file is damaged.
        """
        try:
            epoch = _read_epoch(connection)
            state = self._newest
            if state.epoch == epoch:
                return state
            state = _load(connection, epoch)
        except (ValueError, TypeError, RecursionError) as error:
            raise self._database.damaged() from error
        if epoch > self._newest.epoch:
            self._newest = state
        return state

    @contextmanager
    def write(self) -> Iterator[tuple[sqlite3.Connection, Draft]]:
        """Open a write transaction together with the catalogue it may extend."""
        with self._database.write() as connection:
            draft = Draft(connection, self.state(connection))
            yield connection, draft
            draft.finish()
        if draft.is_changed and draft.state.epoch > self._newest.epoch:
            self._newest = draft.state

    def clear(self, connection: sqlite3.Connection) -> None:
        """Delete all kinds and indexes; the epoch moves on."""
        epoch = _read_epoch(connection)
        connection.execute("DELETE FROM kind")
        connection.execute("DELETE FROM index_definition")
        connection.execute(
            "INSERT OR REPLACE INTO counter VALUES (?, ?)", (_EPOCH, epoch + 1)
        )


def _read_epoch(connection: sqlite3.Connection) -> int:
    row = connection.execute(
        "SELECT next FROM counter WHERE name = ?", (_EPOCH,)
    ).fetchone()
    return 0 if row is None else int(row[0])


def _load(connection: sqlite3.Connection, epoch: int) -> State:
    kinds = {
        (namespace, name): id
        for id, namespace, name in connection.execute(
            "SELECT id, namespace, name FROM kind"
        )
    }
    indexes: dict[int, dict[IndexDefinition, Index]] = {}
    for id, kind_id, text, is_repeated, is_ready in connection.execute(
        "SELECT id, kind_id, definition, is_repeated, is_ready FROM index_definition"
    ):
        definition = IndexDefinition.from_text(text)
        index = Index(id, definition, bool(is_repeated), bool(is_ready))
        indexes.setdefault(kind_id, {})[definition] = index
    return State(epoch, kinds, indexes)


def _insert(
    connection: sqlite3.Connection, statement: str, values: tuple[object, ...]
) -> int:
    made = connection.execute(statement, values).lastrowid
    assert made is not None
    return made
