"""Who runs the app, and when its answers go out."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from channelshim.hub.pacing import Pacing
from channelshim.server.bridge import WsgiBridge
from channelshim.server.exchange import Exchange
from channelshim.server.serve import make_bridge
from tests.lanes import timeout_factor

PATIENCE_SECONDS = 10.0 * timeout_factor()


def scope_of(path: str) -> dict[str, Any]:
    return {
        "method": "GET",
        "raw_path": path.encode(),
        "query_string": b"",
        "http_version": "1.1",
        "headers": [],
    }


class Safe:
    """Stands in for a broker's `when_safe`: says so when a test does."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        self.asked = asyncio.Event()

    def when_safe(self, done: Callable[[], None]) -> None:
        self.waiting.append(done)
        self.asked.set()

    async def wait(self) -> None:
        """Wait until something asks."""
        await asyncio.wait_for(self.asked.wait(), PATIENCE_SECONDS)
        self.asked.clear()

    def say(self) -> None:
        """Say that all is safe now."""
        waiting, self.waiting = self.waiting, []
        for done in waiting:
            done()


class Client:
    """One request to a bridge, and what is sent for it."""

    def __init__(self, bridge: WsgiBridge, path: str = "/") -> None:
        self.events: list[dict[str, Any]] = []
        self._has_come = asyncio.Event()
        self._gone = asyncio.Event()
        self.task = asyncio.get_running_loop().create_task(
            bridge(scope_of(path), self._receive, self._send)
        )

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, event: Any) -> None:
        self.events.append(event)

    async def whole(self) -> bytes:
        """Return the body once all has come."""
        await asyncio.wait_for(self.task, PATIENCE_SECONDS)
        return b"".join(event.get("body", b"") for event in self.events)


def test_an_answer_waits_until_its_messages_are_safe() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"whole"]

    async def run() -> None:
        safe, pacing = Safe(), Pacing()
        finished: list[int] = []
        pacing.subscribe(lambda: finished.append(pacing.count))
        bridge = make_bridge(app, 1, pacing=pacing, when_safe=safe.when_safe)
        client = Client(bridge)
        await safe.wait()
        for _ in range(5):
            await asyncio.sleep(0)
        assert client.events == []
        # It counts as in hand, but nobody waits for what it may still send.
        assert bridge.requests_in_hand == 1
        assert finished == [1]
        safe.say()
        assert await client.whole() == b"whole"
        assert bridge.requests_in_hand == 0

    asyncio.run(run())


def test_the_end_of_a_streamed_answer_waits_too() -> None:
    goes_on = threading.Event()

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"one "
        assert goes_on.wait(PATIENCE_SECONDS)
        yield b"two"

    async def run() -> None:
        safe = Safe()
        client = Client(make_bridge(app, 1, when_safe=safe.when_safe))
        await safe.wait()
        assert client.events == []
        safe.say()
        goes_on.set()
        await safe.wait()
        while len(client.events) < 3:
            await asyncio.sleep(0.001)
        assert not client.task.done()
        assert client.events[-1]["more_body"]
        safe.say()
        assert await client.whole() == b"one two"

    asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))


class Elsewhere:
    """An executor whose app runs in no thread of ours: it answers in calls."""

    def __init__(self, *, is_full: bool = False) -> None:
        self.is_full = is_full
        self.log: list[str] = []

    @property
    def waiting(self) -> int:
        return 0

    def submit(self, exchange: Exchange) -> bool:
        exchange.worker = self
        if not self.is_full:
            asyncio.get_running_loop().call_soon(self._answer, exchange)
        return not self.is_full

    def give_room(self) -> None:
        self.log.append("room")

    def abandon(self) -> None:
        self.log.append("abandon")

    def _answer(self, exchange: Exchange) -> None:
        head = ("200 OK", [("X-Path", exchange.path)])
        if exchange.path == "/whole":
            exchange.take_whole(head, b"whole")
        elif exchange.path == "/silent":
            exchange.take_whole(None, b"")
        else:
            exchange.take_piece(head, b"one ")
            exchange.take_piece(head, b"two")
            exchange.end_pieces()


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/whole", 200, b"whole"),
        ("/pieces", 200, b"one two"),
        ("/silent", 500, b"The app did not answer."),
    ],
)
def test_an_executor_answers_by_calls_alone(
    path: str, status: int, body: bytes
) -> None:
    async def run() -> None:
        client = Client(WsgiBridge(Elsewhere()), path)
        assert await client.whole() == body
        assert client.events[0]["status"] == status

    asyncio.run(run())


def test_too_many_requests_are_told_when_to_come_back() -> None:
    async def run() -> None:
        client = Client(WsgiBridge(Elsewhere(is_full=True)))
        assert b"Too many requests" in await client.whole()
        assert client.events[0]["status"] == 503

    asyncio.run(run())


def test_headers_that_can_be_gone_through_once_all_arrive() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", ((f"X-{n}", str(n)) for n in range(3)))
        return [b""]

    async def run() -> None:
        client = Client(make_bridge(app, 1))
        await client.whole()
        names = [name for name, _ in client.events[0]["headers"]]
        assert names == [b"x-0", b"x-1", b"x-2", b"content-length"]

    asyncio.run(run())


def test_an_answered_request_leaves_nothing_for_the_collector(
    wait_until: Callable[..., Any],
) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"whole"]

    async def run() -> None:
        executor = Elsewhere()
        bridge = make_bridge(app, 1)
        for made in (bridge, WsgiBridge(executor)):
            await Client(made, "/whole").whole()
        await asyncio.sleep(0)

    def exchanges() -> int:
        return sum(isinstance(found, Exchange) for found in gc.get_objects())

    gc.collect()
    before = exchanges()
    gc.disable()
    try:
        asyncio.run(run())
        # The thread lets go of it a moment after the answer.
        wait_until(lambda: exchanges() <= before)
    finally:
        gc.enable()
