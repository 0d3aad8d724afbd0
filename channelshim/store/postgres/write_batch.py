"""Writes of entities as the columns that apply_writes takes; see writing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from channelshim import limits
from channelshim.contracts.entities import EntityKey, Group, Index, Write
from channelshim.contracts.index_definitions import IndexDefinition, TooManyIndexRows
from channelshim.store.catalogue import State
from channelshim.store.postgres.locks import group_locks
from channelshim.store.postgres.place import Place

_NOBODY: Final = "'{}', '{}', '{}'"
_WATCHED: Final = "%s::bytea[], %s::bytea[], %s::bigint[]"

_ONE: Final = (
    "ARRAY[%s::bigint], ARRAY[%s::bytea], ARRAY[%s::bytea], ARRAY[%s::bytea], "
    "ARRAY[%s::bytea], ARRAY[%s::boolean], ARRAY[%s::bigint]"
)
"""One write: to turn a list into an array costs the driver more than all the rest."""

_MANY: Final = (
    "%s::bigint[], %s::bytea[], %s::bytea[], %s::bytea[], "
    "%s::bytea[], %s::boolean[], %s::bigint[]"
)


class CatalogueMoved(Exception):
    """The catalogue lacks what a write needs, or another process has changed it."""


class Kinds(Protocol):
    """What a batch asks for kinds and indexes."""

    @property
    def state(self) -> State: ...

    def kind_id(self, namespace: str, name: str) -> int: ...

    def index(self, kind_id: int, definition: IndexDefinition) -> Index: ...

    def mark_repeated(self, kind_id: int, index: Index) -> None: ...


class KnownKinds:
    """Kinds and indexes of one state.

    What it lacks raises CatalogueMoved; the caller retries with the catalogue's lock.
    """

    def __init__(self, state: State) -> None:
        self.state = state

    def kind_id(self, namespace: str, name: str) -> int:
        """Return the number of a kind that is there."""
        kind_id = self.state.kinds.get((namespace, name))
        if kind_id is None:
            raise CatalogueMoved
        return kind_id

    def index(self, kind_id: int, definition: IndexDefinition) -> Index:
        """Return an index that is there."""
        index = self.state.index(kind_id, definition)
        if index is None:
            raise CatalogueMoved
        return index

    def mark_repeated(self, kind_id: int, index: Index) -> None:
        """Raise CatalogueMoved unless the index is marked as repeated."""
        if not index.is_repeated:
            raise CatalogueMoved


class WriteBatch:
    """Writes as the columns that apply_writes takes.

    Args:
        kinds: asked for kinds and indexes.
        writes: at most one for each key.

    Attributes:
        keys: of the writes, in their order.

    Raises:
        CatalogueMoved: `kinds` lacks one, and makes none.
        TooManyIndexRows: an entity has too many combinations of values.
    """

    def __init__(self, kinds: Kinds, writes: Iterable[Write]) -> None:
        self._kinds = kinds
        self.keys: list[EntityKey] = []
        self._groups: list[Group] = []
        self._kind_ids: list[int] = []
        self._bodies: list[bytes | None] = []
        self._inserts: list[bool] = []
        self._ends: list[int] = []
        self._indexes: list[int] = []
        self._values: list[bytes] = []
        for write in writes:
            self._add(write)

    def _add(self, write: Write) -> None:
        key = write.key
        kind_id = self._kinds.kind_id(key.namespace, key.kind)
        self.keys.append(key)
        self._groups.append(key.group)
        self._kind_ids.append(kind_id)
        self._bodies.append(write.body)
        self._inserts.append(write.is_insert)
        if write.body is not None:
            self._add_rows(kind_id, write)
        self._ends.append(len(self._indexes))

    def _add_rows(self, kind_id: int, write: Write) -> None:
        values = write.values or {}
        for name in values:
            self._kinds.index(kind_id, IndexDefinition.single(name))
        total = 0
        for index in self._kinds.state.indexes.get(kind_id, {}).values():
            codes = index.definition.row_values(write.key.path, values)
            total += len(codes)
            if len(codes) > 1:
                self._kinds.mark_repeated(kind_id, index)
            self._indexes += [index.id] * len(codes)
            self._values += codes
        if total > limits.STORE_MAXIMUM_INDEX_ROWS:
            raise TooManyIndexRows(f"an entity has {total} index rows")

    def call(
        self, place: Place, lock: int, watched: Mapping[Group, int], now: float
    ) -> tuple[str, list[object]]:
        """Return the call of apply_writes, and its values.

        Args:
            place: whose groups are locked.
            lock: the catalogue's.
            watched: versions that groups must still have.
            now: Unix seconds.
        """
        locks = group_locks(place, {*self._groups, *watched})
        epoch = self._kinds.state.epoch
        values: list[object] = [epoch, int(now * 1_000_000), lock, locks]
        watching = _NOBODY
        if watched:
            watching = _WATCHED
            values.append([namespace.encode() for namespace, _ in watched])
            values.append([root for _, root in watched])
            values.append(list(watched.values()))
        writing, columns = _MANY, list[object](self._columns())
        if len(self.keys) == 1:
            writing, columns = _ONE, [column[0] for column in self._columns()]
        statement = (
            f"SELECT apply_writes(%s, %s, %s, %s::bigint[], {watching}, {writing}, "
            "%s::bigint[], %s::bytea[])"
        )
        return statement, [*values, *columns, self._indexes, self._values]

    def _columns(self) -> list[Sequence[object]]:
        """Return what apply_writes takes of each write, a column each."""
        return [
            self._kind_ids,
            [namespace.encode() for namespace, _ in self._groups],
            [root for _, root in self._groups],
            [key.path for key in self.keys],
            self._bodies,
            self._inserts,
            self._ends,
        ]
