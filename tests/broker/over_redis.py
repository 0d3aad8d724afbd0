"""A broker over Redis for tests that step the time, driven turn by turn.

The test's thread is the loop's: the loop runs while a test waits for the broker to be
quiet, and stands still otherwise.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from channelshim.broker.redis import scripts, session
from channelshim.broker.redis.address import parse
from channelshim.broker.redis.broker import RedisBroker
from channelshim.broker.redis.clients import make_client
from channelshim.contracts.overview import KnownId
from tests.lanes import timeout_factor
from tests.redis_servers import RedisServer
from tests.stepped_clock import SteppedClock

_QUIET_SECONDS = 20.0

_numbers = itertools.count()

CLOCK = "the-time-of-this-test"
"""A key that holds the microseconds of a stepped clock."""


def step_time_in_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the functions in Redis take the time from a key, until the test ends."""
    read = scripts._read

    def read_stepped(name: str) -> bytes:
        source = read(name)
        if name not in ("shared", "cache"):
            return source
        own = b"local time = redis.call('TIME')\n  return time[1] * 1000000 + time[2]"
        assert own in source
        stepped = f"return tonumber(redis.call('GET', SHARD .. ':{CLOCK}'))"
        return source.replace(own, stepped.encode("ascii"))

    scripts.load.cache_clear()
    scripts.load_cache.cache_clear()
    monkeypatch.setattr(scripts, "_read", read_stepped)
    # The time stands still while an epoch settles.
    monkeypatch.setattr(session, "SETTLE_SECONDS", 0.0)


def let_time_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """End what `step_time_in_redis` began."""
    monkeypatch.undo()
    scripts.load.cache_clear()
    scripts.load_cache.cache_clear()


class Quiet:
    """As much of a loop as tests/broker/test_contract.py asks for.

    Args:
        broker: over Redis.
        clock: the test's; None for Redis' own.
        client: of the Redis.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        broker: RedisBroker,
        clock: SteppedClock | None,
        client: Any,
    ) -> None:
        self.loop = loop
        self._broker = broker
        self._clock = clock
        self._client = client

    def turn(self) -> None:
        """Let the loop run for one turn, and what has come by then."""
        self.sync()
        self.loop.run_until_complete(asyncio.sleep(0))

    def run(self) -> None:
        """Let the loop run until nothing is on its way."""
        self.sync()
        self.loop.run_until_complete(
            asyncio.wait_for(self._until_quiet(), _QUIET_SECONDS * timeout_factor())
        )

    def sync(self) -> None:
        """Let Redis know the time."""
        if self._clock is not None:
            micros = int(self._clock.time() * 1_000_000)
            for key in self._broker._keys:
                self._client.set(f"{key[:-2]}:{CLOCK}", micros)

    async def _until_quiet(self) -> None:
        turns = 0
        while turns < 3:
            turns = turns + 1 if self._is_quiet() else 0
            await asyncio.sleep(0 if turns else 0.0005)

    def _is_quiet(self) -> bool:
        broker = self._broker
        if broker._loop is None:
            return True
        if not broker._outbox.is_empty:
            return False
        for key, shard in zip(broker._keys, broker._shards.all, strict=True):
            session = shard.session
            if not session.is_ready or session.sent or session.unsent:
                return False
            assert session._mailbox is not None
            counted = self._client.hget(f"{key[:-2]}:n", session.front.decode())
            if int(counted or 0) != session._mailbox.position:
                return False
        return True


class OverRedis:
    """A RedisBroker whose blocking questions are asked from another thread."""

    def __init__(self, inner: RedisBroker, turns: Quiet) -> None:
        self.inner = inner
        self.turns = turns

    def __getattr__(self, name: str) -> Any:
        """Return what the broker has."""
        return getattr(self.inner, name)

    def start(self, *arguments: Any) -> None:
        """See contracts.Broker."""

        async def start() -> None:
            self.inner.start(*arguments)

        self.turns.sync()
        self.turns.loop.run_until_complete(start())
        self.turns.run()

    def expect(self, client_id: str) -> int:
        """See contracts.Broker."""
        self.turns.sync()
        loop = self.turns.loop
        number: int = loop.run_until_complete(
            loop.run_in_executor(None, self.inner.expect, client_id)
        )
        return number

    def known_ids(self, after: str, limit: int) -> Sequence[KnownId]:
        """See contracts.Overview."""
        self.turns.sync()
        return self.inner.known_ids(after, limit)

    def find(self, client_id: str) -> KnownId | None:
        """See contracts.Overview."""
        self.turns.sync()
        return self.inner.find(client_id)


class Opener:
    """Opens brokers over one Redis, and closes them.

    Args:
        server: the Redis; None where only the URL says it.
        clock: the tests' time; None for Redis' own.
        url: of the Redis; None for the server's own.
    """

    def __init__(
        self,
        server: RedisServer | None,
        clock: SteppedClock | None = None,
        url: str | None = None,
    ) -> None:
        assert url or server is not None
        self._url = url or (server.url if server is not None else "")
        self._clock = clock
        self._client = make_client(parse(self._url))
        self._opened: list[OverRedis] = []
        self._loop = asyncio.new_event_loop()

    def open(self, app: str | None = None, **options: Any) -> OverRedis:
        """Return a broker that is not started.

        Args:
            app: whose channels; None for those of nobody else.
            **options: of RedisBroker.
        """
        app = app or f"app{next(_numbers)}"
        if self._clock is not None:
            # It asks for the time before there is a loop.
            micros = int(self._clock.time() * 1_000_000)
            for shard in range(options.get("shards", 0) or 1):
                self._client.set(f"{{cs:{app}/{shard}}}:{CLOCK}", micros)
        broker = RedisBroker(parse(self._url), app, **options)
        turns = Quiet(self._loop, broker, self._clock, self._client)
        opened = OverRedis(broker, turns)
        self._opened.append(opened)
        while len(self._opened) > 40:
            self._opened.pop(0).inner.stop()
        return opened

    def close(self) -> None:
        """End all."""
        for opened in self._opened:
            opened.inner.stop()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        self._client.close()
