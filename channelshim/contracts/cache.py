"""The cache: memcache's values."""

from __future__ import annotations

from dataclasses import dataclass


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
