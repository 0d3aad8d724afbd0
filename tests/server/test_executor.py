"""Who runs the app, and when its answers go out."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from channelshim.composition.status import StatusRegistry
from channelshim.contracts.status import Status
from channelshim.hub.pacing import Pacing
from channelshim.server import executor as executor_module
from channelshim.server.bridge import WsgiBridge
from channelshim.server.exchange import Exchange
from channelshim.server.serve import make_bridge
from tests.lanes import timeout_factor
from tests.server.bridges import Client, site

PATIENCE_SECONDS = 10.0 * timeout_factor()


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


def test_an_answer_waits_until_its_messages_are_safe() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"whole"]

    async def run() -> None:
        safe, pacing = Safe(), Pacing()
        finished: list[int] = []
        pacing.subscribe(lambda: finished.append(pacing.count))
        bridge = make_bridge(app, 1, pacing=pacing, when_safe=safe.when_safe)
        async with site(bridge) as port:
            client = Client(port)
            await safe.wait()
            for _ in range(5):
                await asyncio.sleep(0)
            assert client.received == b""
            # It counts as in hand, but nobody waits for what it may still send.
            assert bridge.requests_in_hand == 1
            assert finished == [1]
            safe.say()
            assert await client.whole() == (200, b"whole")
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
        async with site(make_bridge(app, 1, when_safe=safe.when_safe)) as port:
            client = Client(port)
            await safe.wait()
            assert client.received == b""
            safe.say()
            goes_on.set()
            await safe.wait()
            while not client.received.endswith(b"two\r\n"):
                await asyncio.sleep(0.001)
            assert not client.task.done()
            safe.say()
            assert await client.whole() == (200, b"one two")

    asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))


class Elsewhere:
    """An executor whose app runs in no thread of ours: it answers in calls."""

    def __init__(self, *, is_full: bool = False) -> None:
        self.is_full = is_full
        self.log: list[str] = []

    def submit(self, exchange: Exchange) -> bool:
        exchange.worker = self
        if not self.is_full:
            asyncio.get_running_loop().call_soon(self._answer, exchange)
        return not self.is_full

    def withdraw(self, exchange: Exchange) -> bool:
        return False

    def report_to(self, status: Status) -> None:
        status.counter("elsewhere.calls", lambda: len(self.log))

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
        async with site(WsgiBridge(Elsewhere())) as port:
            assert await Client(port, path).whole() == (status, body)

    asyncio.run(run())


def test_too_many_requests_are_told_when_to_come_back() -> None:
    async def run() -> None:
        async with site(WsgiBridge(Elsewhere(is_full=True))) as port:
            status, body = await Client(port).whole()
        assert (status, body[:17]) == (503, b"Too many requests")

    asyncio.run(run())


def test_headers_that_can_be_gone_through_once_all_arrive() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", ((f"X-{n}", str(n)) for n in range(3)))
        return [b""]

    async def run() -> None:
        async with site(make_bridge(app, 1)) as port:
            client = Client(port)
            await client.whole()
        lines = client.received.split(b"\r\n")
        assert {b"x-0: 0", b"x-1: 1", b"x-2: 2", b"content-length: 0"} < set(lines)

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
            async with site(made) as port:
                await Client(port, "/whole").whole()

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


def test_requests_that_no_thread_takes_are_reported_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(executor_module, "STUCK_SECONDS", 0.05)
    begun, may_end = threading.Event(), threading.Event()

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/hang":
            begun.set()
            assert may_end.wait(PATIENCE_SECONDS)
        start_response("200 OK", [])
        return [b"whole"]

    async def until(condition: Callable[[], bool]) -> None:
        async def wait() -> None:
            while not condition():
                await asyncio.sleep(0.001)

        await asyncio.wait_for(wait(), PATIENCE_SECONDS)

    async def run() -> None:
        status = StatusRegistry()
        bridge = make_bridge(app, 1)
        bridge.report_to(status)
        async with site(bridge) as port:
            hangs = Client(port, "/hang")
            await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
            others = [Client(port, "/other") for _ in range(3)]
            await until(lambda: "server.workers" in status.problems())
            sentence = status.problems()["server.workers"]
            assert "the handler of /hang runs for the longest" in sentence
            # Two more looks.
            await asyncio.sleep(0.15)
            assert caplog.text.count("no thread was free for") == 1
            may_end.set()
            for client in (hangs, *others):
                assert await client.whole() == (200, b"whole")
            assert status.problems() == {}

    asyncio.run(run())
