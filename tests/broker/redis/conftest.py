"""Brokers of several processes over one Redis, in one loop, in real time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from channelshim.broker.redis import session, shard
from channelshim.contracts.broker import Replay
from channelshim.contracts.presence import Change
from channelshim.errors import BrokerError
from tests.broker.over_redis import Opener, OverRedis
from tests.conftest import await_condition
from tests.redis_servers import RedisServer

WINDOW_SECONDS = 60.0


class Front:
    """One process: a broker with a page for each id that it connects.

    Attributes:
        got: what the page of each id has received, while its numbers follow.
        gaps: ids whose numbers did not.
        told: what it was to tell the app.
        adopted: ids of a process that had died.
        losses: how often it was cut off.
        is_dead: whether it was killed.
        answers_told: whether it tells the app at once.
    """

    def __init__(self, opener: Opener, app: str, **options: Any) -> None:
        options = {"window_seconds": WINDOW_SECONDS, **options}
        self.over: OverRedis = opener.open(app, **options)
        self.broker = self.over.inner
        self.loop = self.over.turns.loop
        self.got: dict[str, list[str]] = {}
        self.numbers: dict[str, int] = {}
        self.gaps: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.adopted: list[str] = []
        self.failures: list[str] = []
        self.losses = 0
        self.is_dead = False
        self.answers_told = True
        self._start()

    def _start(self) -> None:
        async def start() -> None:
            self.broker.start(
                self._deliver, self._tell, self.adopted.extend, self._lose
            )

        self.loop.run_until_complete(start())

    def _deliver(self) -> None:
        self.loop.call_soon_threadsafe(self._collect)

    def _collect(self) -> None:
        for texts, receivers in self.broker.collect():
            for receiver in receivers:
                self._take(receiver.client_id, texts, receiver.number)

    def _take(self, client_id: str, texts: Sequence[str], number: int) -> None:
        if client_id not in self.numbers:
            return
        missing = number - self.numbers[client_id]
        if missing > len(texts):
            self.gaps.append(client_id)
        elif missing > 0:
            self.got[client_id] += texts[len(texts) - missing :]
        self.numbers[client_id] = max(number, self.numbers[client_id])

    def _tell(self, client_id: str, what: Change) -> None:
        self.told.append((what.value, client_id))
        if self.answers_told:
            self.broker.told(client_id, what)

    def _lose(self) -> None:
        self.losses += 1
        self.numbers.clear()

    def open_page(self, client_id: str, after: int | None = None) -> None:
        """Connect a page; it takes what it is owed."""

        def opened(replay: Replay) -> None:
            self.got.setdefault(client_id, []).extend(replay.texts)
            self.numbers[client_id] = replay.last_number

        def failed(error: BrokerError) -> None:
            self.failures.append(str(error))

        self.broker.attach(client_id, (client_id,), after, opened, failed)

    def close_page(self, client_id: str) -> None:
        """The page has left, and its grace is over."""
        self.numbers.pop(client_id, None)
        self.broker.release(client_id)

    def die(self) -> None:
        """End as kill -9 ends a process."""
        self.is_dead = True
        for each in self.broker._shards.all:
            each.session.stop()


class Fronts:
    """Opens the processes of one app, and lets them run.

    Args:
        server: the Redis; None where only the URL says it.
        app: whose channels.
        url: of the Redis; None for the server's own.
    """

    def __init__(
        self, server: RedisServer | None, app: str, url: str | None = None
    ) -> None:
        self._server = server
        self._opener = Opener(server, url=url)
        self._app = app

    @property
    def server(self) -> RedisServer:
        """Return the Redis."""
        assert self._server is not None
        return self._server

    def begin(self, app: str) -> None:
        """Start further processes for another app."""
        self._app = app

    def __call__(self, **options: Any) -> Front:
        """Start one more process, and return it once it has joined."""
        front = Front(self._opener, self._app, **options)
        self.run_until(lambda: not front.broker._outbox.is_away)
        return front

    def run_until(self, condition: Callable[[], Any], seconds: float = 10.0) -> Any:
        """Let all run until a condition holds."""

        def turned() -> Any:
            import asyncio

            self._opener._loop.run_until_complete(asyncio.sleep(0.002))
            return condition()

        return await_condition(turned, seconds)

    def settle(self) -> None:
        """Let all run for a moment: nothing further happens in it."""
        for _ in range(20):
            self.run_until(lambda: True)

    def expect(self, front: Front, client_id: str) -> int:
        """Ask as a worker thread does."""
        return front.over.expect(client_id)

    def close(self) -> None:
        """End all."""
        self._opener.close()


@pytest.fixture
def fronts(
    redis_server: RedisServer,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Fronts]:
    """Start processes of an app of this test's own."""
    # Its Redis is never started again: there is nothing to settle.
    monkeypatch.setattr(session, "SETTLE_SECONDS", 0.0)
    opened = Fronts(redis_server, request.node.name)
    yield opened
    opened.close()


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """Run a server that the test may break."""
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture
def own_fronts(own_redis: RedisServer) -> Iterator[Fronts]:
    """Start processes over a server that the test may break."""
    opened = Fronts(own_redis, "app")
    yield opened
    own_redis.go_on()
    opened.close()


@pytest.fixture
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let leases and silence be short: nobody waits for seconds."""
    for name, seconds in (
        ("LEASE_SECONDS", 1.0),
        ("RENEW_SECONDS", 0.1),
        ("SILENT_SECONDS", 1.2),
        ("FENCE_SECONDS", 1.6),
        ("TICK_SECONDS", 0.05),
    ):
        monkeypatch.setattr(session, name, seconds)
    monkeypatch.setattr(shard, "LEASE_SECONDS", 1.0)
