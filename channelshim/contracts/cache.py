"""The cache: memcache's values."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


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
