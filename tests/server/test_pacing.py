"""Which handlers may go on sending: what the hub asks before it delivers."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from channelshim.hub.pacing import Pacing
from channelshim.server.serve import make_bridge
from tests.lanes import timeout_factor
from tests.server.bridges import Client, port_of, serve

PATIENCE_SECONDS = 10.0 * timeout_factor()


class Site:
    """A bridge to an app whose handlers wait until they are let go."""

    def __init__(self, new_seconds: float) -> None:
        self.pacing = Pacing(new_seconds=new_seconds)
        self.bridge = make_bridge(self.app, 4, pacing=self.pacing)
        self.begun: dict[str, asyncio.Future[Any]] = {}
        self.held: dict[str, threading.Event] = {}
        self.loop = asyncio.get_running_loop()
        self._server: Any = None

    def app(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"]
        # Asked for by those that send.
        request = None if "silent" in path else self.pacing.current()
        self.loop.call_soon_threadsafe(self.begun[path].set_result, request)
        assert self.held[path].wait(PATIENCE_SECONDS)
        start_response("200 OK", [])
        return [b""]

    async def begin(self, path: str) -> tuple[Any, asyncio.Task[None]]:
        """Begin a request and return it, as its handler sees it, and its end."""
        self.begun[path] = self.loop.create_future()
        self.held[path] = threading.Event()
        if self._server is None:
            self._server = await serve(self.bridge)
        answered = Client(port_of(self._server), path).task
        return await asyncio.wait_for(self.begun[path], PATIENCE_SECONDS), answered


def test_a_request_sends_until_it_is_answered() -> None:
    async def run() -> None:
        site = Site(-1.0)
        told: list[bool] = []
        assert not site.pacing.is_sending(site.pacing.current())
        request, answered = await site.begin("/a")
        old, ended = await site.begin("/old")
        site.pacing.subscribe(lambda: told.append(site.pacing.is_sending(request)))
        assert site.pacing.is_sending(request)
        site.held["/a"].set()
        await answered
        # Another one that has run for long is not waited for.
        assert told == [False]
        assert site.pacing.is_sending(old)
        site.held["/old"].set()
        await ended

    asyncio.run(run())


@pytest.mark.parametrize("second", ["/second", "/silent"])
def test_requests_that_have_just_begun_may_send_too_where_others_have(
    second: str,
) -> None:

    async def run() -> None:
        site = Site(PATIENCE_SECONDS)
        first, answered = await site.begin("/first")
        _, ended = await site.begin(second)
        site.held["/first"].set()
        await answered
        assert site.pacing.is_sending(first) == (second != "/silent")
        assert not site.pacing.is_sending(None)
        site.held[second].set()
        await ended
        assert not site.pacing.is_sending(first)

    asyncio.run(run())


def test_addresses_that_have_sent_are_bounded_and_the_latest_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("channelshim.hub.pacing._MOST_PATHS", 2)

    async def run() -> None:
        site = Site(PATIENCE_SECONDS)
        for path in ("/a", "/b", "/c"):
            request, answered = await site.begin(path)
            site.held[path].set()
            await answered
        _, ended = await site.begin("/c")
        assert site.pacing.is_sending(request)
        site.held["/c"].set()
        await ended

    asyncio.run(run())
