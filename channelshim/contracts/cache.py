"""The cache: memcache's values.

Two ways to one thing. A store gives a view within a transaction (`Cache`), a server of
caches does each call of memcache in one step (`Memcache`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

ABSOLUTE_TIMES_FROM: Final = 30 * 24 * 60 * 60
"""Longer times are Unix times (memcached, doc/protocol.txt, "Expiration times")."""

COUNTERS_BELOW: Final = 1 << 64
"""Where counters wrap (memcached, doc/protocol.txt, "Increment/Decrement")."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached value.

    Attributes:
        value: its bytes; empty while it is locked.
        flags: the client's.
        cas_id: another one after each write.
        expires_at: Unix seconds; None for never.
        is_locked: deleted with a time during which it cannot be added.
        written_at: Unix seconds.
    """

    value: bytes
    flags: int = 0
    cas_id: int = 0
    expires_at: float | None = None
    is_locked: bool = False
    written_at: float = 0.0


class CacheView(Protocol):
    """The cache within one transaction. One thread."""

    @property
    def now(self) -> float:
        """The transaction's time, Unix seconds."""

    def get(self, namespace: str, name: bytes) -> Entry | None:
        """Return an entry, locked ones too, or None; expired ones are none."""

    def set(self, namespace: str, name: bytes, entry: Entry) -> None:
        """Insert or replace an entry; it gets a new cas_id and time."""

    def delete(self, namespace: str, name: bytes) -> None:
        """Take an entry out, if it is there."""

    def clear(self) -> None:
        """Take everything out."""

    def total_bytes(self) -> int:
        """Return the bytes of all names and values."""

    def statistics(self) -> tuple[int, float | None]:
        """Return how many entries there are, and when the oldest was written."""


class Cache(Protocol):
    """The cache, one for all processes of the store, bounded in bytes. Any thread.

    What has expired, then what was written longest ago, gives way to what is new.
    A `with` of either raises StorageError, at its end, when the store refuses.
    """

    def read(self) -> AbstractContextManager[CacheView]:
        """Give the cache as it is now; nothing may be changed."""

    def write(self) -> AbstractContextManager[CacheView]:
        """Give the cache to change; nobody else changes it meanwhile.

        A body that raises has changed nothing.
        """


class Policy(Enum):
    """When a value is stored."""

    SET = "set"
    ADD = "add"
    REPLACE = "replace"
    CAS = "cas"


class Outcome(Enum):
    """What became of a value."""

    STORED = "stored"
    NOT_STORED = "not stored"
    # Another one has come since it was read.
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class NewValue:
    """A value to be stored.

    Attributes:
        name: as bytes.
        value: its bytes.
        flags: the client's.
        seconds: 0 for no end, up to 30 days from now, or a Unix time.
        policy: when to store it.
        cas_id: of what was read, for Policy.CAS; None for none.
    """

    name: bytes
    value: bytes
    flags: int = 0
    seconds: int = 0
    policy: Policy = Policy.SET
    cas_id: int | None = None


@dataclass(frozen=True, slots=True)
class Increment:
    """A counter to be changed.

    Attributes:
        name: as bytes.
        delta: what is added; below 0 it is taken away, down to 0.
        initial: what to begin with where there is none; None for nothing.
        flags: of a counter that begins.
    """

    name: bytes
    delta: int
    initial: int | None = None
    flags: int = 0


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """How much there is.

    Attributes:
        items: values.
        bytes: of names and values.
        oldest_seconds: since the oldest was written; 0 when there is none.
    """

    items: int
    bytes: int
    oldest_seconds: float


class Memcache(Protocol):
    """The calls of memcache, each in one step. Any thread.

    All raise StorageError when the back end does not answer.
    """

    def get(self, namespace: str, names: Sequence[bytes]) -> list[Entry | None]:
        """Return an entry for each name, locked ones too."""

    def store(self, namespace: str, values: Sequence[NewValue]) -> list[Outcome]:
        """Store values, each as its policy says."""

    def delete(self, namespace: str, names: Sequence[tuple[bytes, int]]) -> list[bool]:
        """Take entries out, and return which there were.

        Args:
            namespace: of all.
            names: each with the time for which it cannot be added, as
                NewValue.seconds; 0 for none.
        """

    def increment(self, namespace: str, each: Sequence[Increment]) -> list[int | None]:
        """Change counters; return each, None for none, -1 where there is no number."""

    def clear(self) -> None:
        """Take everything out."""

    def statistics(self) -> CacheStatistics:
        """Return how much there is; may take a while."""
