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

MAXIMUM_ENDED_LOGINS: Final = 1_000_000
"""Logins that have ended early, kept until they would have ended by themselves. One
that is forgotten is good again, so that whoever logs out often enough would undo
everybody's logouts. Each takes a login: by the default bound of 60 a minute, one client
address needs eleven days for so many, and a login is good for fourteen."""

MAXIMUM_LOGIN_KEYS: Final = 100_000
"""Addresses and accounts whose attempts to log in are counted."""
