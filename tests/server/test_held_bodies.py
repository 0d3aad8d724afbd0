"""Bodies that are whole and wait for a worker are within the bound of all bodies."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from channelshim.transports.connection_table import ConnectionTable
from tests.server.bridges import site as site_of
from tests.server.pipes import Front, ask, get, post, until
from tests.server.plain_site import until_end
from tests.server.test_connections import Site

WaitUntil = Callable[..., Any]

SIZE = 100_000


@pytest.fixture
def site() -> Iterator[Site]:
    running = Site(ping_seconds=3600.0)
    running.table.bodies._maximum_bytes = 3 * SIZE + SIZE // 2
    yield running
    running.stop()


def number(site: Site, name: str) -> float:
    return site.status.counters()[f"transports.{name}"]


def ask_to_wait(site: Site, size: int) -> socket.socket:
    return site.client.raw(post(b"x" * size, "/wait"))


def test_the_largest_of_those_that_wait_goes(site: Site, wait_until: WaitUntil) -> None:
    with ExitStack() as stack:

        def send(size: int) -> socket.socket:
            return stack.enter_context(ask_to_wait(site, size))

        busy = [stack.enter_context(site.client.raw(get("/wait"))) for _ in range(2)]
        wait_until(lambda: site.bridge.requests_in_hand == 2)
        waiting = []
        for count in range(1, 4):
            waiting.append(send(SIZE))
            wait_until(lambda: number(site, "bodies_held") == count)  # noqa: B023
        assert number(site, "body_bytes") == 3 * SIZE
        # As large as any: it goes itself.
        refused = until_end(send(SIZE))
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in refused.lower()
        # Smaller: the last of the large ones gives way.
        small = send(SIZE * 3 // 4)
        refused = until_end(waiting.pop())
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in refused.lower()
        assert number(site, "bodies_held") == 3
        site.gate.set()
        for peer in (*busy, *waiting, small):
            assert until_end(peer).startswith(b"HTTP/1.1 200 ")
    wait_until(lambda: site.bridge.requests_in_hand == 0)
    assert number(site, "bodies_held") == number(site, "body_bytes") == 0


def test_a_peer_that_leaves_frees_nothing_that_still_waits(
    site: Site, wait_until: WaitUntil
) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(site.client.raw(get("/wait")))
        wait_until(lambda: site.bridge.requests_in_hand == 2)
        with ask_to_wait(site, SIZE):
            wait_until(lambda: number(site, "bodies_held") == 1)
        wait_until(lambda: len(site.table) == 2)
        assert number(site, "body_bytes") == SIZE
        site.gate.set()
        wait_until(lambda: number(site, "bodies_held") == 0)
    assert number(site, "body_bytes") == 0


def test_what_the_app_has_begun_with_is_answered(
    site: Site, wait_until: WaitUntil
) -> None:
    with ExitStack() as stack:
        begun = [stack.enter_context(ask_to_wait(site, SIZE)) for _ in range(2)]
        wait_until(lambda: site.bridge.requests_in_hand == 2)
        waiting = stack.enter_context(ask_to_wait(site, SIZE))
        wait_until(lambda: number(site, "bodies_held") == 3)
        smaller = stack.enter_context(ask_to_wait(site, SIZE - 1))
        assert until_end(waiting).startswith(b"HTTP/1.1 503 ")
        with ask_to_wait(site, SIZE - 1) as another:
            assert until_end(another).startswith(b"HTTP/1.1 503 ")
        site.gate.set()
        for peer in (*begun, smaller):
            assert until_end(peer).startswith(b"HTTP/1.1 200 ")


def test_a_request_that_waits_for_a_process_is_taken_back() -> None:
    async def run() -> None:
        front = Front(room=1)
        front.start()
        link, _ = front.raw()
        table = ConnectionTable()
        try:
            async with site_of(front.bridge, table) as port:
                loop = asyncio.get_running_loop()
                begun = loop.create_task(ask(port, post(b"x" * SIZE)))
                await until(lambda: len(link.in_hand) == 1)
                waiting = loop.create_task(ask(port, post(b"x" * SIZE)))
                await until(lambda: len(front.pool._waiting) == 1)
                bodies = table.bodies
                held = [*bodies._waiting]
                assert [each.withdraw() for each in held] == [False, True]
                status, head, _ = await waiting
                assert status == 503
                assert b"retry-after: 1" in head.lower()
                assert bodies.held == 1
                begun.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await begun
        finally:
            front.close()

    asyncio.run(run())
