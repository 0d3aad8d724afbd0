"""Which handlers may go on sending: what the hub asks before it delivers."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from channelshim import limits
from channelshim.server.bridge import WsgiBridge
from channelshim.server.workers import Workers
from tests.lanes import timeout_factor

PATIENCE_SECONDS = 10.0 * timeout_factor()


class Site:
    """A bridge to an app whose handlers wait until they are let go."""

    def __init__(self) -> None:
        self.bridge = WsgiBridge(self.app, Workers(4))
        self.begun: dict[str, asyncio.Future[object]] = {}
        self.held: dict[str, threading.Event] = {}
        self.loop = asyncio.get_running_loop()

    def app(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"]
        # Asked for by those that send.
        request = None if "silent" in path else self.bridge.current_request()
        self.loop.call_soon_threadsafe(self.begun[path].set_result, request)
        assert self.held[path].wait(PATIENCE_SECONDS)
        start_response("200 OK", [])
        return [b""]

    async def begin(self, path: str) -> tuple[object, asyncio.Task[None]]:
        """Begin a request and return it, as its handler sees it, and its end."""
        self.begun[path] = self.loop.create_future()
        self.held[path] = threading.Event()
        scope = {
            "method": "GET",
            "raw_path": path.encode(),
            "query_string": b"",
            "http_version": "1.1",
            "headers": [],
        }
        waiting = asyncio.Event()

        async def receive() -> Any:
            await waiting.wait()

        async def send(event: Any) -> None:
            return None

        answered = self.loop.create_task(self.bridge(scope, receive, send))
        return await asyncio.wait_for(self.begun[path], PATIENCE_SECONDS), answered


def test_a_request_sends_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NEW_REQUEST_SECONDS", -1.0)

    async def run() -> None:
        site = Site()
        told: list[bool] = []
        assert not site.bridge.is_running(site.bridge.current_request())
        request, answered = await site.begin("/a")
        old, ended = await site.begin("/old")
        site.bridge.on_finished = lambda: told.append(site.bridge.is_running(request))
        assert site.bridge.is_running(request)
        site.held["/a"].set()
        await answered
        # Another one that has run for long is not waited for.
        assert told == [False]
        assert site.bridge.is_running(old)
        site.held["/old"].set()
        await ended

    asyncio.run(run())


@pytest.mark.parametrize("second", ["/second", "/silent"])
def test_requests_that_have_just_begun_may_send_too_where_others_have(
    monkeypatch: pytest.MonkeyPatch, second: str
) -> None:
    monkeypatch.setattr(limits, "NEW_REQUEST_SECONDS", PATIENCE_SECONDS)

    async def run() -> None:
        site = Site()
        first, answered = await site.begin("/first")
        _, ended = await site.begin(second)
        site.held["/first"].set()
        await answered
        assert site.bridge.is_running(first) == (second != "/silent")
        assert not site.bridge.is_running(None)
        site.held[second].set()
        await ended
        assert not site.bridge.is_running(first)

    asyncio.run(run())


def test_addresses_that_have_sent_are_bounded_and_the_latest_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "NEW_REQUEST_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr("channelshim.server.bridge._MOST_PATHS", 2)

    async def run() -> None:
        site = Site()
        for path in ("/a", "/b", "/c"):
            request, answered = await site.begin(path)
            site.held[path].set()
            await answered
        _, ended = await site.begin("/c")
        assert site.bridge.is_running(request)
        site.held["/c"].set()
        await ended

    asyncio.run(run())
