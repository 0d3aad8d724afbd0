"""Entities: their keys, what is written, what is read, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from channelshim.contracts import ordering
from channelshim.contracts.index_definitions import IndexDefinition, Values
from channelshim.contracts.scan import Row, Scan
from channelshim.contracts.tasks import Added, NewTask
from channelshim.errors import StorageError

ValuesOf = Callable[[bytes], Values]
"""Returns the codes of a stored body's indexed properties.

Handed to the store by whoever opens it: bodies are Google's protocol buffers, which no
store knows.
"""

Group = tuple[str, bytes]
"""Namespace and root path of an entity group."""


class EntityKey(NamedTuple):
    """Where an entity stands; the kind is the last of its path.

    Namespace and kind are any text that UTF-8 can spell, NUL included.
    """

    namespace: str
    kind: str
    path: bytes

    @property
    def group(self) -> Group:
        """The entity group."""
        return self.namespace, ordering.root_path(self.path)


@dataclass(frozen=True, slots=True)
class Write:
    """One entity to put or delete.

    Attributes:
        key: whose.
        body: its bytes; None deletes it.
        values: codes of its indexed properties.
        is_insert: fail when the key is taken.
    """

    key: EntityKey
    body: bytes | None = None
    values: Values | None = None
    is_insert: bool = False


class Conflict(StorageError):
    """An entity group changed since it was read; nothing was written."""


class KeyTaken(StorageError):
    """An insert met an entity; nothing was written."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index of one kind.

    Attributes:
        id: its number in the store.
        definition: what it is made of.
        is_repeated: whether any entity ever had more than one row in it.
        is_ready: whether all entities are in it; writers keep it up before that.
    """

    id: int
    definition: IndexDefinition
    is_repeated: bool = False
    is_ready: bool = True


class Applied(NamedTuple):
    """What a commit did.

    Attributes:
        versions: the new version of each write's entity group, in order.
        added: what became of each task, in order.
    """

    versions: Sequence[int]
    added: Sequence[Added]


class KindSize(NamedTuple):
    """How much of a kind is stored.

    Attributes:
        entities: how many.
        bytes: of their keys and bodies; no index.
    """

    entities: int
    bytes: int


class Snapshot(Protocol):
    """What the store held at one moment. One thread at a time.

    Every method raises StorageError when the store refuses.
    """

    def get(self, key: EntityKey) -> tuple[int, bytes] | None:
        """Return version and body of an entity, or None."""

    def group_version(self, group: Group) -> int:
        """Return the version of an entity group in microseconds; 0 for an empty one."""

    def kind_id(self, namespace: str, kind: str) -> int | None:
        """Return the number of a kind, or None when it never had an entity."""

    def kinds(self) -> Mapping[tuple[str, str], int]:
        """Return the number of each (namespace, kind), those now empty included."""

    def index(self, kind_id: int, definition: IndexDefinition) -> Index | None:
        """Return the kind's index of this definition, ready or not, or None."""

    def indexes(self, kind_id: int) -> Mapping[IndexDefinition, Index]:
        """Return all indexes of a kind, ready or not."""

    def rows(
        self, scan: Scan, *, bodies: bool, limit: int = -1, offset: int = 0
    ) -> Iterator[Row]:
        """Yield the rows in order, read as they are asked for, before `close`.

        Args:
            scan: what to read.
            bodies: whether versions and bodies are wanted; without, both say nothing.
            limit: how many; -1 for all.
            offset: how many to leave out before.
        """

    def count(self, scan: Scan, limit: int) -> int:
        """Return how many rows there are, counting no further than limit; -1: all."""

    def explain(self, scan: Scan) -> Sequence[str]:
        """Return in the store's own words how it reads a scan; for people to read."""

    def close(self) -> None:
        """Forget the moment. Idempotent; for those that `Entities.open` gave."""


class Entities(Protocol):
    """Entities, their index rows, group versions and id counters. Any thread.

    What was acknowledged survives the process. Every method raises StorageError, and
    has changed nothing, when the store refuses; StoreBusy when others kept it busy.
    """

    def get_many(self, keys: Sequence[EntityKey]) -> Sequence[tuple[int, bytes] | None]:
        """Return version and body of each, or None, as of one moment."""

    def read(self) -> AbstractContextManager[Snapshot]:
        """Give a snapshot of this moment."""

    def open(self) -> Snapshot:
        """Return a snapshot of this moment that is held, for any thread, to `close`."""

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

    def build_index(
        self, namespace: str, kind: str, definition: IndexDefinition
    ) -> None:
        """Put all entities of a kind into an index, beside running writers.

        Writers keep the index up from its beginning on; it is ready when the call
        returns. One that was cut short starts again at its next call.
        """

    def allocate(self, counter: str, size: int, *, first: int = 1) -> int:
        """Take `size` consecutive numbers for ever and return the lowest.

        Args:
            counter: its name.
            size: how many.
            first: where a new counter begins.
        """

    def reserve(self, counter: str, number: int, *, first: int = 1) -> tuple[int, int]:
        """Never give out numbers up to this one; return the next before and after."""

    def summary(self) -> Mapping[tuple[str, str], int]:
        """Return how many entities each (namespace, kind) has; empty kinds left out."""

    def sizes(self) -> Mapping[tuple[str, str], KindSize]:
        """Return how much each (namespace, kind) takes; looks at every entity."""

    def clear(self) -> None:
        """Delete all entities and indexes; id counters go on, as ids may be known."""
