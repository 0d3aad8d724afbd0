"""Entities with their index rows and group versions, written whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

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
from channelshim.contracts.index_definitions import IndexDefinition
from channelshim.contracts.tasks import NewTask
from channelshim.store import bounds
from channelshim.store.catalogue import State
from channelshim.store.postgres.catalogue import (
    EPOCH_QUESTION,
    Catalogue,
    PostgresDraft,
)
from channelshim.store.postgres.connections import Database
from channelshim.store.postgres.session import Connection
from channelshim.store.postgres.snapshot import PostgresSnapshot
from channelshim.store.postgres.tasks import add_tasks
from channelshim.store.postgres.write_batch import (
    CatalogueMoved,
    KnownKinds,
    WriteBatch,
)
from channelshim.store.postgres.writing import CONFLICT, MOVED, TAKEN

COUNTER_PREFIX: Final = b"+"
"""How an app's counters begin; our own do not."""

_GET_ONE: Final = (
    "SELECT e.version, e.body FROM kind k JOIN entity e ON e.kind_id = k.id "
    "WHERE k.namespace = %s AND k.name = %s AND e.path = %s"
)

_GET_MANY: Final = (
    "SELECT w.place, e.version, e.body FROM "
    "unnest(%s::bytea[], %s::bytea[], %s::bytea[]) WITH ORDINALITY "
    "AS w (namespace, name, path, place) "
    "JOIN kind k ON k.namespace = w.namespace AND k.name = w.name "
    "JOIN entity e ON e.kind_id = k.id AND e.path = w.path"
)


_Ask = Callable[[str, Sequence[object]], list[Any]]
"""Runs a statement and returns its rows, in a transaction or as one."""


class _Found(NamedTuple):
    """An entity that an index is built over."""

    path: bytes
    body: bytes
    indexes: Sequence[int]


class PostgresEntities:
    """The entities of one store: contracts.entities.Entities. Any process.

    Args:
        database: where they are.
        values_of: needed to build indexes.
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
        try:
            if len(keys) == 1:
                ((namespace, kind, path),) = keys
                values = namespace.encode(), kind.encode(), path
                rows = self._database.ask(_GET_ONE, values)
                return [rows[0] if rows else None]
            columns = (
                [key.namespace.encode() for key in keys],
                [key.kind.encode() for key in keys],
                [key.path for key in keys],
            )
        except UnicodeError as error:
            raise self._database.explain(error) from error
        rows = self._database.ask(_GET_MANY, columns)
        found: list[tuple[int, bytes] | None] = [None] * len(keys)
        for place, version, body in rows:
            found[place - 1] = version, body
        return found

    @contextmanager
    def read(self) -> Iterator[PostgresSnapshot]:
        """Give a snapshot of this moment."""
        database = self._database
        with database.read(EPOCH_QUESTION) as connection:
            state = self._catalogue.state(connection)
            yield PostgresSnapshot(connection, state, database)

    def open(self) -> PostgresSnapshot:
        """Return a snapshot of this moment that is held, for any thread, to `close`.

        Raises:
            StorageError: no server answers, or it refuses.
        """
        database = self._database
        # The first read, not BEGIN, fixes what the connection sees.
        connection = database.borrow(question=EPOCH_QUESTION)
        try:
            with database.explained():
                state = self._catalogue.state(connection)
        except BaseException:
            database.give_back(connection)
            raise
        return PostgresSnapshot(connection, state, database, is_borrowed=True)

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
        wanted = list(writes)
        watched = expected or {}
        if not wanted and not watched and not tasks:
            return Applied([], [])
        now = self._clock()
        state = self._catalogue.newest
        while True:
            try:
                return self._apply(state, wanted, watched, tasks, now)
            except CatalogueMoved:
                newer = self._catalogue.refresh()
            if newer.epoch == state.epoch:
                break
            state = newer
        # Something is missing in it.
        with self._catalogue.write() as (connection, draft):
            batch = WriteBatch(draft, wanted)
            versions = self._run(connection.rows, batch, watched, now)
            return Applied(versions, add_tasks(connection, tasks, now))

    def _apply(
        self,
        state: State,
        wanted: Sequence[Write],
        watched: Mapping[Group, int],
        tasks: Sequence[NewTask],
        now: float,
    ) -> Applied:
        """Write all beside others, in one round trip where there are no tasks."""
        batch = WriteBatch(KnownKinds(state), wanted)
        if not tasks:
            ask = self._database.ask
            return Applied(self._run(ask, batch, watched, now), [])
        with self._database.write() as connection:
            versions = self._run(connection.rows, batch, watched, now)
            return Applied(versions, add_tasks(connection, tasks, now))

    def _run(
        self,
        ask: _Ask,
        batch: WriteBatch,
        watched: Mapping[Group, int],
        now: float,
    ) -> list[int]:
        """Call apply_writes and return the new versions.

        Raises:
            CatalogueMoved: nothing was written.
            Conflict, KeyTaken: nothing was written.
        """
        with self._database.explained():
            place, lock = self._database.place, self._catalogue.lock
            statement, values = batch.call(place, lock, watched, now)
        ((versions,),) = ask(statement, values)
        answer = versions[0] if versions else 0
        if answer == MOVED:
            raise CatalogueMoved
        if answer == CONFLICT:
            raise Conflict(f"the group {list(watched)[versions[1] - 1]!r} has changed")
        if answer == TAKEN:
            kind = batch.keys[versions[1] - 1].kind
            raise KeyTaken(f"there is an entity {kind} with this key already")
        return list(versions)

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
        last: bytes | None = b""
        while last is not None and not index.is_ready:
            last = self._build_batch(kind_id, definition, last)

    def _build_batch(
        self, kind_id: int, definition: IndexDefinition, after: bytes
    ) -> bytes | None:
        """Put some entities into an index; return the last path, None at the end."""
        # Alone: no writer may change an entity between its reading and its row.
        with self._catalogue.write() as (connection, draft):
            index = draft.state.index(kind_id, definition)
            if index is None or index.is_ready:
                return None
            entities = [
                _Found(*row)
                for row in connection.rows(
                    "SELECT path, body, row_indexes FROM entity WHERE kind_id = %s "
                    "AND path > %s ORDER BY path LIMIT %s",
                    (kind_id, after, bounds.STORE_BUILD_BATCH),
                )
            ]
            self._add_to_index(connection, draft, kind_id, index, entities)
            if len(entities) < bounds.STORE_BUILD_BATCH:
                draft.mark_ready(kind_id, definition)
                return None
            return entities[-1].path

    def _add_to_index(
        self,
        connection: Connection,
        draft: PostgresDraft,
        kind_id: int,
        index: Index,
        entities: Sequence[_Found],
    ) -> None:
        added = []
        for entity in entities:
            # A writer, or a build before, may have been here first.
            if index.id in entity.indexes:
                continue
            values = self._values_of(entity.body)
            codes = index.definition.row_values(entity.path, values)
            if len(codes) > 1:
                draft.mark_repeated(kind_id, index)
            if codes:
                added.append((entity.path, list(codes)))
        connection.run_many(
            "INSERT INTO index_row SELECT %s, value, %s FROM unnest(%s::bytea[]) "
            "AS new (value) ON CONFLICT DO NOTHING",
            [(index.id, path, codes) for path, codes in added],
        )
        connection.run_many(
            "UPDATE entity SET row_indexes = row_indexes || %s::bigint[], "
            "row_values = row_values || %s::bytea[] WHERE kind_id = %s AND path = %s",
            [([index.id] * len(codes), codes, kind_id, path) for path, codes in added],
        )

    def allocate(self, counter: str, size: int, *, first: int = 1) -> int:
        """Take `size` consecutive numbers for ever and return the lowest.

        Args:
            counter: its name.
            size: how many.
            first: where a new counter begins.
        """
        with self._database.once() as connection:
            (end,) = connection.row(
                "INSERT INTO counter AS c VALUES (%s, %s) ON CONFLICT (name) "
                "DO UPDATE SET next = c.next + %s RETURNING next",
                (_counter(counter), first + size, size),
            )
        return int(end) - size

    def reserve(self, counter: str, number: int, *, first: int = 1) -> tuple[int, int]:
        """Never give out numbers up to this one; return the next before and after."""
        name = _counter(counter)
        with self._database.write() as connection:
            connection.run(
                "INSERT INTO counter VALUES (%s, %s) ON CONFLICT DO NOTHING",
                (name, first),
            )
            (start,) = connection.row(
                "SELECT next FROM counter WHERE name = %s FOR UPDATE", (name,)
            )
            end = max(int(start), number + 1)
            connection.run("UPDATE counter SET next = %s WHERE name = %s", (end, name))
            return int(start), end

    def summary(self) -> Mapping[tuple[str, str], int]:
        """Return how many entities each (namespace, kind) has; empty kinds left out."""
        rows = self._database.ask(
            "SELECT k.namespace, k.name, count(*) FROM kind k "
            "JOIN entity e ON e.kind_id = k.id GROUP BY k.id ORDER BY 1, 2"
        )
        return {(row[0].decode(), row[1].decode()): row[2] for row in rows}

    def sizes(self) -> Mapping[tuple[str, str], KindSize]:
        """Return how much each (namespace, kind) takes; looks at every entity."""
        rows = self._database.ask(
            "SELECT k.namespace, k.name, count(*), "
            "sum(length(e.path) + length(e.body))::bigint FROM kind k "
            "JOIN entity e ON e.kind_id = k.id GROUP BY k.id ORDER BY 1, 2"
        )
        return {
            (namespace.decode(), name.decode()): KindSize(count, size)
            for namespace, name, count, size in rows
        }

    def clear(self) -> None:
        """Delete all entities and indexes; id counters go on, as ids may be known."""
        with self._database.write(self._catalogue.lock) as connection:
            connection.script(
                "DELETE FROM entity; DELETE FROM index_row; DELETE FROM entity_group"
            )
            self._catalogue.clear(connection)


def _counter(name: str) -> bytes:
    """Return an app's counter as it is stored, apart from our own."""
    return COUNTER_PREFIX + name.encode()
