"""memcache on Redis: contracts.cache.Memcache.

Each call is one function in Redis for each shard that it concerns, so that adding,
comparing and counting are one step for all processes. A Redis that does not answer is
an empty memcache, as apps must expect at any time; it is asked again after a second.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from channelshim.broker.redis.address import Address
from channelshim.broker.redis.clients import driver, reach, refusals
from channelshim.broker.redis.scripts import Script, load_cache
from channelshim.contracts.cache import (
    CacheStatistics,
    Entry,
    Increment,
    NewValue,
    Outcome,
)
from channelshim.errors import StorageError

CLUSTER_SHARDS: Final = 16
"""Shards on a cluster, so that its servers share the values."""

AWAY_SECONDS: Final = 1.0
"""So long a Redis that did not answer is not asked again."""

_LISTED: Final = 100_000
"""Values that statistics look at."""

_OUTCOMES: Final = {1: Outcome.STORED, 2: Outcome.NOT_STORED, 3: Outcome.EXISTS}

_T = TypeVar("_T")


class RedisMemcache:
    """Implements contracts.cache.Memcache. Any thread.

    Args:
        address: of the Redis.
        application_id: its values are apart from those of other applications.

    Raises:
        ConfigurationError: the driver is missing, or the Redis cannot serve.
    """

    def __init__(self, address: Address, application_id: str) -> None:
        self._address = address
        self._client = reach(address)
        count = CLUSTER_SHARDS if address.kind == "cluster" else 1
        tag = application_id.replace("{", "(").replace("}", ")")
        self._keys = [f"{{cm:{tag}/{number}}}:g" for number in range(count)]
        self._scripts = load_cache()
        self._away_until = 0.0
        self._trouble = ""

    def describe_trouble(self) -> str:
        """Return "" while Redis answers, else a sentence."""
        trouble = self._trouble
        return (
            f"the Redis of memcache at {self._address} does not answer: {trouble}"
            if trouble
            else ""
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, namespace: str, names: Sequence[bytes]) -> list[Entry | None]:
        """See contracts.cache.Memcache."""
        found = self._each("cache_get", namespace, names, lambda name: (name, ()))
        return [_entry(fields) for fields in found]

    def store(self, namespace: str, values: Sequence[NewValue]) -> list[Outcome]:
        """See contracts.cache.Memcache."""
        found = self._each(
            "cache_store",
            namespace,
            values,
            lambda new: (
                new.name,
                (
                    new.value,
                    b"%d" % new.flags,
                    b"%d" % new.seconds,
                    new.policy.value.encode("ascii"),
                    b"" if new.cas_id is None else b"%d" % new.cas_id,
                ),
            ),
        )
        return [_OUTCOMES[int(each)] for each in found]

    def delete(self, namespace: str, names: Sequence[tuple[bytes, int]]) -> list[bool]:
        """See contracts.cache.Memcache."""
        found = self._each(
            "cache_delete", namespace, names, lambda each: (each[0], (b"%d" % each[1],))
        )
        return [each == 1 for each in found]

    def increment(self, namespace: str, each: Sequence[Increment]) -> list[int | None]:
        """See contracts.cache.Memcache."""
        found = self._each(
            "cache_increment",
            namespace,
            each,
            lambda change: (
                change.name,
                (
                    b"-" if change.delta < 0 else b"+",
                    b"%d" % abs(change.delta),
                    b"" if change.initial is None else b"%d" % change.initial,
                    b"%d" % change.flags,
                ),
            ),
        )
        return [_counter(text) for text in found]

    def clear(self) -> None:
        """See contracts.cache.Memcache."""

        def clear() -> None:
            for key in self._keys:
                self._client.incr(key)

        self._asked(clear)

    def statistics(self) -> CacheStatistics:
        """See contracts.cache.Memcache: of the first 100,000 values."""

        def read() -> CacheStatistics:
            items = size = 0
            oldest: float | None = None
            for name, value, written in self._values():
                items += 1
                size += name + value
                oldest = written if oldest is None else min(oldest, written)
            now = int(self._evaluate(self._scripts["cache_time"], 0, ())) / 1e6
            age = 0.0 if oldest is None else max(0.0, now - oldest)
            return CacheStatistics(items, size, age)

        return self._asked(read)

    def _values(self) -> Iterator[tuple[int, int, float]]:
        """Yield length of name and value, and when it was written, of each value."""
        seen = 0
        for key in self._keys:
            generation = self._client.get(key) or b"0"
            prefix = key[:-1].encode("utf-8") + generation + b":"
            for found in self._client.scan_iter(_escaped(prefix) + b"*", count=1000):
                value, written = self._client.hmget(found, "v", "w")
                if value is None or written is None:
                    continue
                name = found[len(prefix) :].partition(b":")[2]
                yield len(name), len(value), int(written) / 1e6
                seen += 1
                if seen >= _LISTED:
                    return

    def _each(
        self,
        script: str,
        namespace: str,
        items: Sequence[_T],
        spread: Callable[[_T], tuple[bytes, Sequence[bytes]]],
    ) -> list[Any]:
        """Call a function with the arguments of all items; return its answers in order.

        Args:
            script: its name.
            namespace: of all.
            items: what the call is about.
            spread: returns name and further arguments of one.
        """
        space = namespace.encode("utf-8", "surrogateescape")
        head = b"%d:" % len(space) + space
        places: dict[int, list[int]] = {}
        arguments: dict[int, list[bytes]] = {}
        for place, item in enumerate(items):
            name, more = spread(item)
            key = head + name
            shard = zlib.crc32(key) % len(self._keys)
            places.setdefault(shard, []).append(place)
            arguments.setdefault(shard, []).extend((key, *more))
        answers: list[Any] = [None] * len(items)
        for shard, own in places.items():
            call = partial(
                self._evaluate, self._scripts[script], shard, arguments[shard]
            )
            reply = self._asked(call)
            for place, answer in zip(own, reply, strict=True):
                answers[place] = answer
        return answers

    def _evaluate(self, script: Script, shard: int, arguments: Sequence[bytes]) -> Any:
        key = self._keys[shard]
        try:
            digest = script.digest.decode("ascii")
            return self._client.evalsha(digest, 1, key, *arguments)
        except driver().exceptions.NoScriptError:
            source = script.source.decode("utf-8")
            return self._client.eval(source, 1, key, *arguments)

    def _asked(self, run: Callable[[], _T]) -> _T:
        """Run something; what Redis refuses is a StorageError."""
        if self._away_until > time.monotonic():
            raise StorageError(f"memcache is away: {self._trouble}")
        try:
            answer = run()
        except refusals() as error:
            self._trouble = str(error)
            self._away_until = time.monotonic() + AWAY_SECONDS
            raise StorageError(f"memcache is away: {error}") from error
        if self._trouble:
            self._trouble = ""
        return answer


def _entry(fields: Sequence[Any]) -> Entry | None:
    value, flags, cas_id, expires_at, lock, written_at = fields
    if value is None:
        return None
    till = int(expires_at)
    return Entry(
        value,
        int(flags),
        int(cas_id),
        till / 1e6 if till else None,
        lock == b"1",
        int(written_at) / 1e6,
    )


def _counter(text: bytes) -> int | None:
    if text == b"":
        return None
    return -1 if text == b"-" else int(text)


def _escaped(prefix: bytes) -> bytes:
    """Return a prefix for a pattern of SCAN."""
    for sign in b"\\*?[]":
        prefix = prefix.replace(bytes((sign,)), b"\\" + bytes((sign,)))
    return prefix
