"""Polls and sockets whose broker answers later, fails, or never answers."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from channelshim.broker.memory import MemoryBroker
from channelshim.composition.clock import SystemClock
from channelshim.hub.hub import Hub
from channelshim.protocol.tokens import TokenClaims, TokenSigner
from channelshim.transports import polling
from channelshim.transports.acceptor import Acceptor
from channelshim.transports.connection_table import ConnectionTable
from channelshim.transports.polling import Poller, Reply
from tests.broker.delayed import Call, DelayedBroker
from tests.hub.parts import RecordedReports
from tests.lanes import timeout_factor

PATIENCE_SECONDS = 10.0 * timeout_factor()


class House:
    """A hub on the running loop, and a broker that answers when a test says so."""

    def __init__(self) -> None:
        clock = SystemClock()
        self.reports = RecordedReports()
        self._calls: deque[Call] = deque()
        self.broker = DelayedBroker(
            MemoryBroker(clock, window_seconds=60), self._calls.append
        )
        self.hub = Hub(self.broker, clock, self.reports.tell, grace_seconds=0.01)
        self.hub.start(asyncio.get_running_loop())
        self.tokens = TokenSigner([b"s" * 32])
        self.poller = Poller(self.hub, self.tokens, clock, grace_seconds=0.01)
        self.acceptor = Acceptor(
            self.hub,
            self.tokens,
            clock,
            lambda *_: True,
            table=ConnectionTable(),
            send_buffer_bytes=1 << 20,
        )

    def token(self, client_id: str = "ann") -> str:
        number = self.broker.expect(client_id)
        return self.tokens.sign(TokenClaims(client_id, 1 << 33, number, b"n" * 8))

    def answer(self) -> None:
        """Let the broker answer all that it was asked."""
        while self._calls:
            self._calls.popleft()()

    async def asked(self) -> None:
        """Wait until the broker has been asked."""
        while not self._calls:
            await asyncio.sleep(0.001)

    def start_poll(
        self,
        token: str,
        wait: int = 20,
        gone: asyncio.Future[Any] | None = None,
        **more: str,
    ) -> asyncio.Task[Reply]:
        query = {"token": token, "wait": str(wait), **more}
        polling = self.poller.poll(query, may_hold=True, gone=gone)
        return asyncio.get_running_loop().create_task(polling)


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test with a house of its own, within a bound."""

    def run() -> None:
        async def bounded() -> None:
            await asyncio.wait_for(test(House()), PATIENCE_SECONDS)

        asyncio.run(bounded())

    run.__name__ = test.__name__
    return run


def messages(reply: Reply) -> list[str]:
    assert reply.status == 200
    found: list[str] = json.loads(reply.body)["messages"]
    return found


@on_a_loop
async def test_poll_waits_for_the_answer_and_is_held_then(house: House) -> None:
    poll = house.start_poll(house.token())
    await house.asked()
    house.answer()
    await asyncio.sleep(0.01)
    assert not poll.done()
    house.broker.publish("ann", "text")
    while not poll.done():
        house.answer()
        await asyncio.sleep(0.001)
    assert messages(await poll) == ["text"]


@on_a_loop
async def test_poll_that_is_cancelled_meanwhile_leaves_nothing(house: House) -> None:
    polls = [house.start_poll(house.token()) for _ in range(2)]
    await house.asked()
    for poll in polls:
        poll.cancel()
    await asyncio.gather(*polls, return_exceptions=True)
    assert house.hub.connection_count == house.poller.count == 0
    while ("disconnected", "ann") not in house.reports.changes:
        house.answer()
        await asyncio.sleep(0.001)
    assert house.reports.changes == [("connected", "ann"), ("disconnected", "ann")]


@on_a_loop
async def test_poll_whose_peer_hangs_up_meanwhile_ends(house: House) -> None:
    gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    poll = house.start_poll(house.token(), gone=gone)
    await house.asked()
    gone.set_result(None)
    assert (await poll).status == 503
    assert house.hub.connection_count == 0


@on_a_loop
async def test_poll_that_is_cancelled_at_its_last_question_ends(house: House) -> None:
    poll = house.start_poll(house.token(), wait=0)
    await house.asked()
    house.answer()
    await house.asked()
    poll.cancel()
    await asyncio.gather(poll, return_exceptions=True)
    house.answer()
    assert house.hub.connection_count == 0


@on_a_loop
async def test_polls_end_when_the_server_stops_meanwhile(house: House) -> None:
    token = house.token()
    held = house.start_poll(token)
    await house.asked()
    house.answer()
    await asyncio.sleep(0.01)
    arriving = house.start_poll(token)
    await house.asked()
    house.hub.stop()
    refused = await arriving
    assert refused.status == 503
    assert ("Retry-After", "1") in refused.headers
    await house.asked()
    house.answer()
    assert messages(await held) == []
    assert house.poller.count == 0


@on_a_loop
async def test_poll_is_told_to_try_again_while_the_broker_is_away(house: House) -> None:
    house.broker.is_lost = True
    token = house.token()
    poll = house.start_poll(token)
    await house.asked()
    house.answer()
    assert (await poll).status == 503
    assert house.hub.connection_count == 0
    asked = {"command": "poll", "channel": token}
    old = asyncio.get_running_loop().create_task(house.poller.old_wire(asked))
    await house.asked()
    house.answer()
    assert (await old).status == 503


def test_poll_waits_for_no_answer_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "_ANSWER_SECONDS", 0.01)

    @on_a_loop
    async def run(house: House) -> None:
        token = house.token()
        assert (await house.start_poll(token)).status == 503
        poll = house.start_poll(token, wait=0)
        await house.asked()
        house.answer()
        assert (await poll).status == 503
        house.answer()
        assert house.hub.connection_count == 0

    run()


@on_a_loop
async def test_two_polls_of_the_old_wire_get_a_message_once(house: House) -> None:
    token = house.token()
    # On a busy machine a short grace ends between two of the three.
    house.poller = Poller(house.hub, house.tokens, SystemClock(), grace_seconds=60)
    for text in ("1", "2"):
        house.broker.publish("ann", text)
    loop = asyncio.get_running_loop()
    asked = {"command": "poll", "channel": token}
    polls = [loop.create_task(house.poller.old_wire(asked)) for _ in range(3)]
    while not all(poll.done() for poll in polls):
        house.answer()
        await asyncio.sleep(0.001)
    bodies = sorted([(await poll).body for poll in polls])
    assert bodies == [b"", b"1", b"2"]


class Transport:
    """Takes what a socket would."""

    def __init__(self) -> None:
        self.written = b""
        self.is_aborted = False

    def write(self, data: bytes) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str) -> None:
        return None

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def set_write_buffer_limits(self, high: int) -> None:
        return None

    def abort(self) -> None:
        self.is_aborted = True

    close = abort


KEY = [(b"sec-websocket-key", b"x" * 24)]
PING = b"\x89\x80\x00\x00\x00\x00"
PONG = b"\x8a\x00"


def accept(house: House, rest: bytes = b"") -> Transport:
    transport: Any = Transport()
    target = f"/_ah/channel/socket?token={house.token()}".encode()
    house.acceptor.accept(transport, target, KEY, rest)
    found: Transport = transport
    return found


@on_a_loop
async def test_handshake_is_answered_before_anything_else(house: House) -> None:
    transport = accept(house, PING)
    head, _, rest = transport.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert rest == PONG
    house.answer()
    _, _, rest = transport.written.partition(b"\r\n\r\n")
    assert rest.startswith(PONG + b"\x81")
    assert b'"id"' in rest
    assert transport.written.count(b"101 ") == 1
    house.hub.stop()


@on_a_loop
async def test_socket_that_closes_meanwhile_gets_no_hello(house: House) -> None:
    transport = accept(house)
    transport.protocol.connection_lost(None)
    house.answer()
    assert b'"id"' not in transport.written
    assert house.hub.connection_count == 0


@on_a_loop
async def test_socket_is_told_to_come_back_while_the_broker_is_away(
    house: House,
) -> None:
    house.broker.is_lost = True
    transport = accept(house)
    house.answer()
    # 1012.
    assert transport.written.endswith(b"\x88\x02\x03\xf4")
