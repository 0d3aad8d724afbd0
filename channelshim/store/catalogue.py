"""Which kinds and indexes a store has: one state of them, and how a writer adds more.

Each state of the catalogue has a number, its epoch, which stands in the store and is
read in the same transaction as the data. So a reader never uses an index that its
snapshot lacks, and a writer never misses one that another process has made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar

from channelshim.contracts.entities import Index
from channelshim.contracts.index_definitions import IndexDefinition
from channelshim.errors import StorageError

ConnectionT = TypeVar("ConnectionT")
"""An engine's connection."""


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


class CatalogueView:
    """What a snapshot says of kinds and indexes: the half of every engine's.

    Args:
        state: that belongs to its transaction.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def kind_id(self, namespace: str, kind: str) -> int | None:
        """Return the number of a kind, or None when it never had an entity."""
        return self._state.kinds.get((namespace, kind))

    def kinds(self) -> Mapping[tuple[str, str], int]:
        """Return the number of each (namespace, kind), those now empty included."""
        return self._state.kinds

    def index(self, kind_id: int, definition: IndexDefinition) -> Index | None:
        """Return the kind's index of this definition, ready or not, or None."""
        return self._state.index(kind_id, definition)

    def indexes(self, kind_id: int) -> Mapping[IndexDefinition, Index]:
        """Return all indexes of a kind, ready or not."""
        return self._state.indexes.get(kind_id, {})


def make_state(
    epoch: int,
    kinds: Mapping[tuple[str, str], int],
    rows: Iterable[tuple[int, int, str, object, object]],
) -> State:
    """Return a state of what the store has.

    Args:
        epoch: its number.
        kinds: number of each (namespace, kind).
        rows: of indexes: number, kind's number, definition, is_repeated, is_ready.

    Raises:
        ValueError, TypeError, RecursionError: a definition is damaged.
    """
    indexes: dict[int, dict[IndexDefinition, Index]] = {}
    for id, kind_id, text, is_repeated, is_ready in rows:
        definition = IndexDefinition.from_text(text)
        index = Index(id, definition, bool(is_repeated), bool(is_ready))
        indexes.setdefault(kind_id, {})[definition] = index
    return State(epoch, kinds, indexes)


class Draft(ABC):
    """A state that one write transaction may extend; published when it commits.

    Args:
        state: the newest, as the transaction sees it.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.is_changed: bool = False

    def kind_id(self, namespace: str, name: str) -> int:
        """Return the number of a kind, made now if need be."""
        known_id = self.state.kind_id(namespace, name)
        if known_id is not None:
            return known_id
        new_id = self._insert_kind(namespace, name)
        kinds = {**self.state.kinds, (namespace, name): new_id}
        self._become(replace(self.state, kinds=kinds))
        return new_id

    def index(
        self, kind_id: int, definition: IndexDefinition, *, is_ready: bool = True
    ) -> Index:
        """Return the kind's index of this definition, made now if need be.

        Args:
            kind_id: of the kind.
            definition: what the index is made of.
            is_ready: of a new one: whether no entity needs to be added.
        """
        index = self.state.index(kind_id, definition)
        if index is not None:
            return index
        new_id = self._insert_index(kind_id, definition, is_ready=is_ready)
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
        self.state = replace(self.state, epoch=self._next_epoch())
        self._write_epoch(self.state.epoch)

    @abstractmethod
    def _insert_kind(self, namespace: str, name: str) -> int:
        """Store a kind and return its number."""

    @abstractmethod
    def _insert_index(
        self, kind_id: int, definition: IndexDefinition, *, is_ready: bool
    ) -> int:
        """Store an index and return its number."""

    @abstractmethod
    def _set(self, index: Index, column: Literal["is_repeated", "is_ready"]) -> None:
        """Make a column of an index's row true."""

    @abstractmethod
    def _write_epoch(self, epoch: int) -> None:
        """Store the epoch."""

    def _next_epoch(self) -> int:
        """Return a number that no state has had."""
        return self.state.epoch + 1

    def _keep(self, kind_id: int, index: Index) -> Index:
        of_kind = {**self.state.indexes.get(kind_id, {}), index.definition: index}
        indexes = {**self.state.indexes, kind_id: of_kind}
        self._become(replace(self.state, indexes=indexes))
        return index

    def _become(self, state: State) -> None:
        self.state = state
        self.is_changed = True


class NewestState(ABC, Generic[ConnectionT]):
    """The newest state that this process has seen: half of every engine's catalogue.

    Args:
        damaged: returns the error for what is stored and cannot be.
    """

    def __init__(self, damaged: Callable[[], StorageError]) -> None:
        self._damaged = damaged
        self._newest = State()

    def state(self, connection: ConnectionT) -> State:
        """Return the state that belongs to what connection sees.

        Args:
            connection: within a transaction.

        Raises:
            StorageError: what is stored is damaged.
        """
        try:
            epoch = self._read_epoch(connection)
            state = self._newest
            if state.epoch == epoch:
                return state
            state = self._load(connection, epoch)
        except (ValueError, TypeError, RecursionError) as error:
            raise self._damaged() from error
        self._note(state)
        return state

    def _note(self, state: State) -> None:
        """Keep a state that a transaction has seen, or has committed."""
        if state.epoch > self._newest.epoch:
            self._newest = state

    @abstractmethod
    def _read_epoch(self, connection: ConnectionT) -> int:
        """Return the number of the state that connection sees."""

    @abstractmethod
    def _load(self, connection: ConnectionT, epoch: int) -> State:
        """Return the state that connection sees, whose number this is."""
