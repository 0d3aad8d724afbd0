"""memcache's calls over a store's cache, each one transaction.

Source of the answers: SDK, api/memcache/memcache_stub.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from channelshim.contracts.cache import (
    ABSOLUTE_TIMES_FROM,
    COUNTERS_BELOW,
    Cache,
    CacheStatistics,
    CacheView,
    Entry,
    Increment,
    NewValue,
    Outcome,
    Policy,
)


class StoredMemcache:
    """Implements contracts.cache.Memcache.

    Args:
        cache: the store's.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def get(self, namespace: str, names: Sequence[bytes]) -> list[Entry | None]:
        """See contracts.cache.Memcache."""
        with self._cache.read() as view:
            return [view.get(namespace, name) for name in names]

    def store(self, namespace: str, values: Sequence[NewValue]) -> list[Outcome]:
        """See contracts.cache.Memcache."""
        outcomes = []
        with self._cache.write() as view:
            for new in values:
                outcome = _judge(new, view.get(namespace, new.name))
                outcomes.append(outcome)
                if outcome is Outcome.STORED:
                    expires_at = expiry(view.now, new.seconds)
                    entry = Entry(new.value, new.flags, expires_at=expires_at)
                    view.set(namespace, new.name, entry)
        return outcomes

    def delete(self, namespace: str, names: Sequence[tuple[bytes, int]]) -> list[bool]:
        """See contracts.cache.Memcache."""
        found = []
        with self._cache.write() as view:
            for name, seconds in names:
                entry = view.get(namespace, name)
                found.append(entry is not None)
                if entry is None:
                    continue
                view.delete(namespace, name)
                if seconds:
                    until = expiry(view.now, seconds)
                    lock = Entry(b"", entry.flags, expires_at=until, is_locked=True)
                    view.set(namespace, name, lock)
        return found

    def increment(self, namespace: str, each: Sequence[Increment]) -> list[int | None]:
        """See contracts.cache.Memcache."""
        with self._cache.write() as view:
            return [_increment(view, namespace, change) for change in each]

    def clear(self) -> None:
        """See contracts.cache.Memcache."""
        with self._cache.write() as view:
            view.clear()

    def statistics(self) -> CacheStatistics:
        """See contracts.cache.Memcache."""
        with self._cache.read() as view:
            items, oldest = view.statistics()
            size = view.total_bytes()
            age = 0.0 if oldest is None else max(0.0, view.now - oldest)
        return CacheStatistics(items, size, age)


def expiry(now: float, seconds: int) -> float | None:
    """Return when a value ends, in Unix seconds; None for never."""
    if not seconds:
        return None
    return float(seconds) if seconds > ABSOLUTE_TIMES_FROM else now + seconds


def _judge(new: NewValue, old: Entry | None) -> Outcome:
    is_there = old is not None and not old.is_locked
    if new.policy is Policy.CAS:
        if old is None or not is_there or new.cas_id is None:
            is_stored = False
        elif old.cas_id != new.cas_id:
            return Outcome.EXISTS
        else:
            is_stored = True
    elif new.policy is Policy.ADD:
        is_stored = old is None
    elif new.policy is Policy.REPLACE:
        is_stored = is_there
    else:
        is_stored = True
    return Outcome.STORED if is_stored else Outcome.NOT_STORED


def _increment(view: CacheView, namespace: str, change: Increment) -> int | None:
    entry = view.get(namespace, change.name)
    if entry is None or entry.is_locked:
        if change.initial is None:
            return None
        entry = Entry(b"%d" % change.initial, change.flags)
    try:
        old = int(entry.value)
    except ValueError:
        return -1
    if not 0 <= old < COUNTERS_BELOW:
        return -1
    new = max(old + change.delta, 0) % COUNTERS_BELOW
    view.set(namespace, change.name, replace(entry, value=b"%d" % new))
    return new
