"""Entities with their index rows and group versions, written whole or not at all."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from channelshim import limits
from channelshim.contracts.entities import (
    Applied,
    Conflict,
    EntityKey,
    Group,
    Index,
    KeyTaken,
    KindSize,
    ValuesOf,
    Write,
)
from channelshim.contracts.index_definitions import (
    IndexDefinition,
    TooManyIndexRows,
    Values,
)
from channelshim.contracts.tasks import NewTask
from channelshim.store import bounds
from channelshim.store.catalogue import Draft
from channelshim.store.sqlite.catalogue import Catalogue
from channelshim.store.sqlite.database import Database
from channelshim.store.sqlite.snapshot import SqliteSnapshot, group_version
from channelshim.store.sqlite.tasks import add_tasks


class SqliteEntities:
    """The entities of one store: contracts.entities.Entities. Any process.

    Args:
        database: where they are.
        values_of: needed to take old rows out and to build indexes.
        clock: Unix seconds, for versions and the rest of tasks' names.
    """

    def __init__(
        self,
        database: Database,
        values_of: ValuesOf,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._catalogue = Catalogue(database)
        self._values_of = values_of
        self._clock = clock

    def get_many(self, keys: Sequence[EntityKey]) -> list[tuple[int, bytes] | None]:
        """Return version and body of each, or None, as of one moment."""
        with self.read() as snapshot:
            return [snapshot.get(key) for key in keys]

    @contextmanager
    def read(self) -> Iterator[SqliteSnapshot]:
        """Give a snapshot of this moment."""
        database = self._database
        with database.read() as connection:
            state = self._catalogue.state(connection)
            yield SqliteSnapshot(connection, state, database)

    def open(self) -> SqliteSnapshot:
        """Return a snapshot of this moment that is held, for any thread, to `close`."""
        database = self._database
        connection = database.borrow()
        try:
            with database.explained():
                # The first read, not BEGIN, fixes what the connection sees.
                connection.execute("BEGIN")
                state = self._catalogue.state(connection)
        except BaseException:
            database.give_back(connection)
            raise
        return SqliteSnapshot(connection, state, database, is_borrowed=True)

    def apply(
        self,
        writes: Iterable[Write],
        expected: Mapping[Group, int] | None = None,
        tasks: Sequence[NewTask] = (),
    ) -> Applied:
        """Write all in one commit.

        Args:
            writes: at most one for each key.
            expected: versions that groups must still have.
            tasks: added in the same commit; one that cannot be stops nothing else.

        Raises:
            Conflict: a group has another version.
            KeyTaken: an insert met an entity.
            TooManyIndexRows: an entity has too many combinations of values.
        """
        with self._catalogue.write() as (connection, draft):
            for group, version in (expected or {}).items():
                if group_version(connection, group) != version:
                    raise Conflict(f"the group {group!r} has changed")
            now = self._clock()
            batch = _Batch(connection, draft, self._values_of, now)
            versions = [batch.write(write) for write in writes]
            added = add_tasks(connection, tasks, now) if tasks else ()
            return Applied(versions, added)

    def build_index(
        self, namespace: str, kind: str, definition: IndexDefinition
    ) -> None:
        """Put all entities of a kind into an index, a batch at a time.

        Writers keep the index up from the first batch on; queries use it after the
        last. A build that a crash cut short starts again at its next call.
        """
        with self._catalogue.write() as (_, draft):
            kind_id = draft.kind_id(namespace, kind)
            index = draft.index(kind_id, definition, is_ready=False)
        last: int | None = -1
        while last is not None and not index.is_ready:
            last = self._build_batch(kind_id, definition, last)
            if last is None:
                with self._catalogue.write() as (_, draft):
                    draft.mark_ready(kind_id, definition)

    def allocate(self, counter: str, size: int, *, first: int = 1) -> int:
        """Take `size` consecutive numbers for ever and return the lowest.

        Args:
            counter: its name.
            first: where a new counter begins.
        """
        with self._database.write() as connection:
            start = _next(connection, counter, first)
            _set_next(connection, counter, start + size)
            return start

    def reserve(self, counter: str, number: int, *, first: int = 1) -> tuple[int, int]:
        """Never give out numbers up to this one; return the next before and after."""
        with self._database.write() as connection:
            start = _next(connection, counter, first)
            end = max(start, number + 1)
            _set_next(connection, counter, end)
            return start, end

    def summary(self) -> Mapping[tuple[str, str], int]:
        """Return how many entities each (namespace, kind) has; empty kinds left out."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT k.namespace, k.name, count(*) FROM kind k "
                "JOIN entity e ON e.kind_id = k.id GROUP BY k.id ORDER BY 1, 2"
            ).fetchall()
        return {(row[0], row[1]): row[2] for row in rows}

    def sizes(self) -> Mapping[tuple[str, str], KindSize]:
        """Return how much each (namespace, kind) takes; looks at every entity."""
        with self._database.read() as connection:
            # The table in its own order: by its index each row would be a search.
            rows = connection.execute(
                "SELECT k.namespace, k.name, s.entities, s.bytes FROM kind k JOIN "
                "(SELECT kind_id, count(*) AS entities, "
                "sum(length(path) + length(body)) AS bytes "
                "FROM entity NOT INDEXED GROUP BY kind_id) s ON s.kind_id = k.id "
                "ORDER BY 1, 2"
            ).fetchall()
        return {(row[0], row[1]): KindSize(row[2], row[3]) for row in rows}

    def clear(self) -> None:
        """Delete all entities and indexes; id counters go on, as ids may be known."""
        with self._database.write() as connection:
            for table in ("entity", "index_row", "entity_group"):
                connection.execute(f"DELETE FROM {table}")
            self._catalogue.clear(connection)

    def _build_batch(
        self, kind_id: int, definition: IndexDefinition, after: int
    ) -> int | None:
        with self._catalogue.write() as (connection, draft):
            index = draft.state.index(kind_id, definition)
            if index is None or index.is_ready:
                return None
            entities = connection.execute(
                "SELECT id, path, body FROM entity WHERE kind_id = ? AND id > ? "
                "ORDER BY id LIMIT ?",
                (kind_id, after, bounds.STORE_BUILD_BATCH),
            ).fetchall()
            for id, path, body in entities:
                codes = definition.row_values(path, self._values_of(body))
                _insert_rows(connection, index, codes, path, id)
                if len(codes) > 1:
                    draft.mark_repeated(kind_id, index)
            return entities[-1][0] if entities else None


class _Batch:
    """Writes within one transaction."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        draft: Draft,
        values_of: ValuesOf,
        now: float,
    ) -> None:
        self._connection = connection
        self._draft = draft
        self._values_of = values_of
        self._now = int(now * 1_000_000)

    def write(self, write: Write) -> int:
        """Put or delete one entity and return the version of its group."""
        key = write.key
        kind_id = self._draft.kind_id(key.namespace, key.kind)
        old = self._connection.execute(
            "SELECT id, body FROM entity WHERE kind_id = ? AND path = ?",
            (kind_id, key.path),
        ).fetchone()
        if old is not None and write.is_insert:
            raise KeyTaken(f"there is an entity {key.kind} with this key already")
        if old is None and write.body is None:
            return self._now
        change = (write.body is not None) - (old is not None)
        version = self._advance_group(key.group, change)
        if write.body is None:
            self._delete(kind_id, key.path, old)
        else:
            self._put(kind_id, write, old, version)
        return version

    def _put(
        self, kind_id: int, write: Write, old: tuple[int, bytes] | None, version: int
    ) -> None:
        path, body = write.key.path, write.body
        if old is None:
            entity_id = self._connection.execute(
                "INSERT INTO entity (kind_id, path, version, body) VALUES (?, ?, ?, ?)",
                (kind_id, path, version, body),
            ).lastrowid
            assert entity_id is not None
            self._change_rows(kind_id, path, entity_id, {}, write.values or {})
            return
        self._connection.execute(
            "UPDATE entity SET version = ?, body = ? WHERE id = ?",
            (version, body, old[0]),
        )
        if old[1] != body:
            before = self._values_of(old[1])
            self._change_rows(kind_id, path, old[0], before, write.values or {})

    def _delete(self, kind_id: int, path: bytes, old: tuple[int, bytes]) -> None:
        self._connection.execute("DELETE FROM entity WHERE id = ?", (old[0],))
        self._change_rows(kind_id, path, old[0], self._values_of(old[1]), {})

    def _change_rows(
        self, kind_id: int, path: bytes, entity_id: int, before: Values, after: Values
    ) -> None:
        for name in after:
            self._draft.index(kind_id, IndexDefinition.single(name))
        total = 0
        for index in self._draft.state.indexes.get(kind_id, {}).values():
            old = index.definition.row_values(path, before)
            new = index.definition.row_values(path, after)
            total += len(new)
            if len(new) > 1:
                self._draft.mark_repeated(kind_id, index)
            if old != new:
                self._replace_rows(index, path, entity_id, set(old), set(new))
        if total > limits.STORE_MAXIMUM_INDEX_ROWS:
            raise TooManyIndexRows(f"an entity has {total} index rows")

    def _replace_rows(
        self,
        index: Index,
        path: bytes,
        entity_id: int,
        old: set[bytes],
        new: set[bytes],
    ) -> None:
        self._connection.executemany(
            "DELETE FROM index_row WHERE index_id = ? AND value = ? AND path = ?",
            [(index.id, code, path) for code in old - new],
        )
        _insert_rows(self._connection, index, new - old, path, entity_id)

    def _advance_group(self, group: Group, change: int) -> int:
        row = self._connection.execute(
            "SELECT version, entities FROM entity_group "
            "WHERE namespace = ? AND root = ?",
            group,
        ).fetchone()
        version, entities = row or (0, 0)
        version = max(self._now, version + 1)
        if entities + change > 0:
            self._connection.execute(
                "INSERT OR REPLACE INTO entity_group VALUES (?, ?, ?, ?)",
                (*group, version, entities + change),
            )
        else:
            # An empty group is version 0 for everybody: nothing is left to remember.
            self._connection.execute(
                "DELETE FROM entity_group WHERE namespace = ? AND root = ?", group
            )
        return version


def _insert_rows(
    connection: sqlite3.Connection,
    index: Index,
    codes: Iterable[bytes],
    path: bytes,
    entity_id: int,
) -> None:
    # OR REPLACE: while an index is built, a writer may have been here first.
    connection.executemany(
        "INSERT OR REPLACE INTO index_row VALUES (?, ?, ?, ?)",
        [(index.id, code, path, entity_id) for code in codes],
    )


def _next(connection: sqlite3.Connection, counter: str, first: int) -> int:
    row = connection.execute(
        "SELECT next FROM counter WHERE name = ?", (counter,)
    ).fetchone()
    return first if row is None else int(row[0])


def _set_next(connection: sqlite3.Connection, counter: str, number: int) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO counter VALUES (?, ?)", (counter, number)
    )
