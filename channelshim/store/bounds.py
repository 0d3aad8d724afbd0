"""Tuning that every engine shares."""

from __future__ import annotations

from typing import Final

CACHE_BYTES: Final = 64 << 20
"""Bytes of memcache keys and values in the store; the longest unwritten give way."""

CACHE_EVICTION_ROWS: Final = 64
"""Entries taken out together when the cache is full."""

STORE_BUILD_BATCH: Final = 1000
"""Entities read in one commit while an index is built beside running writers."""

MAXIMUM_ACCOUNTS: Final = 10_000
"""Who has logged in: on a trusted network each visitor may add as many as he likes."""

MAXIMUM_LOGIN_KEYS: Final = 100_000
"""Addresses and accounts whose attempts to log in are counted."""
