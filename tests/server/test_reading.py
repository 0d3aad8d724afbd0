"""What is read of one connection: a request at a time, in order, a little in a turn."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import strategies as st

from channelshim.server import http_protocol
from channelshim.server.http_protocol import HttpProtocol
from channelshim.server.response import Response
from channelshim.server.service import Service
from channelshim.transports.connection_table import SECONDS, ConnectionTable, State
from channelshim.transports.turns import AT_ONCE, Turns
from tests.exploring import Cases, explored
from tests.lanes import timeout_factor
from tests.server.plain_site import (
    ACCEPTED,
    PlainSite,
    masked,
    until,
    until_end,
)

PING = 9


def get(path: str, *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode("ascii")


# --- On sockets -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behind", "status"),
    [
        (b"nonsense\r\n\r\n", b"501"),
        (b"\0", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (get("/x", "X: " + "x" * 70_000), b"431"),
        (get("/x", "Transfer-Encoding: gzip"), b"501"),
    ],
)
def test_refusal_does_not_overtake_the_answer_before_it(
    site: PlainSite, behind: bytes, status: bytes
) -> None:
    with site.raw(get("/wait") + behind) as peer:
        # The gate of another request opens while this one waits for it.
        while site.ask("/go")[0] == 200:
            peer.settimeout(0.1)
            try:
                first = peer.recv(65536)
                break
            except TimeoutError:
                pass
        peer.settimeout(10 * timeout_factor())
        answers = first + until_end(peer)
    assert re.findall(rb"HTTP/1.1 (\d+) ", answers) == [b"200", status]


def test_what_is_behind_an_upgrade_to_another_protocol_is_answered(
    site: PlainSite,
) -> None:
    h2c = get("/seen", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c")
    with site.raw(h2c * 3 + get("/closed", "Connection: close")) as peer:
        answers = until_end(peer)
    assert re.findall(rb"HTTP/1.1 (\d+) ", answers) == [b"200"] * 4


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_upgrade_does_not_overtake_a_head_whose_end_comes_later(
    site: PlainSite, cut: int
) -> None:
    first = get("/seen")
    with site.raw(first[:-cut]) as peer:
        # Another one's answer: the server has read what came before.
        site.ask("/seen")
        peer.sendall(first[-cut:] + site.handshake(site.token("ann")))
        answers = until(peer, ACCEPTED)
    assert re.findall(rb"HTTP/1.1 (\d+) ", answers) == [b"200", b"101"]


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        ("Content-Length: 5", b"hello"),
        ("Transfer-Encoding: chunked", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
    ],
)
def test_body_of_an_upgrade_that_is_not_taken_is_read(
    site: PlainSite, framing: str, body: bytes
) -> None:
    head = get("/echo", "Connection: Upgrade", "Upgrade: h2c", framing)
    sent = head.replace(b"GET", b"POST") + body
    with site.raw(sent * 2 + get("/closed", "Connection: close")) as peer:
        answers = until_end(peer)
    assert re.findall(rb"HTTP/1.1 (\d+) ", answers) == [b"200"] * 3
    assert answers.count(b"\r\n\r\nhello") == 2


def test_lines_of_connection_count_together(site: PlainSite) -> None:
    sent = site.handshake(site.token("ann")).replace(
        b"Connection: Upgrade", b"Connection: Upgrade\r\nConnection: keep-alive"
    )
    with site.raw(sent + masked(PING, b"hi")) as peer:
        assert ACCEPTED in until(peer, b"\x8a\x02hi")


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"GET", b"POST", b"405"),
        (b"HTTP/1.1", b"HTTP/1.0", b"400"),
        (b"Upgrade: websocket", b"Upgrade: websocket\r\nSec-WebSocket-Key: x", b"400"),
    ],
)
def test_handshake_is_as_the_rfc_says(
    site: PlainSite, old: bytes, new: bytes, status: bytes
) -> None:
    sent = site.handshake(site.token("ann")).replace(old, new, 1)
    with site.raw(sent) as peer:
        answer = until_end(peer)
    assert answer.split()[1] == status
    assert (b"\r\nAllow: GET\r\n" in answer) == (status == b"405")


def test_answer_that_comes_before_its_body_is_seen(site: PlainSite) -> None:
    body = b"x" * (8 << 20)
    length = f"Content-Length: {len(body)}"
    with site.raw(get("/echo", length).replace(b"GET", b"POST")) as peer:
        # All of it, as most clients do, before the answer is looked at.
        peer.sendall(body)
        answer = until_end(peer)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close\r\n" in answer


# --- In turns -------------------------------------------------------------------------


class Transport:
    """Takes what a socket would, and notes whether it is read."""

    def __init__(self) -> None:
        self.written = b""
        self.is_reading = True
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return self.is_closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True


class Connection:
    """A protocol of our own on a transport of the test's.

    Attributes:
        begun: all requests that are not answered, their bodies whole or not.
        waiting: those of them that came whole, to be answered by `answer`.
    """

    def __init__(self) -> None:
        self.begun: list[Response] = []
        self.waiting: list[Response] = []
        self.paths: list[str] = []

        def begin(response: Response) -> None:
            self.begun.append(response)
            upload = response.request.upload
            if upload is None or upload.is_whole:
                self.waiting.append(response)

        self.table = ConnectionTable()
        self.protocol = HttpProtocol(Service(begin, self.table))
        self.transport = Transport()
        taken: Any = self.transport
        self.protocol.connection_made(taken)

    def answer(self) -> None:
        """Answer the request that waits."""
        self.answer_to(self.waiting.pop(0))

    def answer_to(self, response: Response) -> None:
        """Answer a request, its body whole or not, without a word."""
        self.begun.remove(response)
        self.paths.append(response.request.path)
        response.status = 200
        response.is_complete = True
        self.protocol.on_response_complete()

    @property
    def unparsed_bytes(self) -> int:
        return len(self.protocol._unparsed) - self.protocol._parsed_bytes


def on_a_loop(test: Callable[[Connection], Coroutine[Any, Any, None]]) -> Any:
    """Run a test with a connection of its own."""

    def run() -> None:
        async def bounded() -> None:
            await test(Connection())

        asyncio.run(bounded())

    run.__name__ = test.__name__
    return run


@on_a_loop
async def test_requests_wait_unparsed_behind_the_first(connection: Connection) -> None:
    requests = [get(f"/{number}") for number in range(1000)]
    connection.protocol.data_received(b"".join(requests))
    assert not connection.transport.is_reading
    for number in range(1000):
        assert [each.request.path for each in connection.waiting] == [f"/{number}"]
        assert connection.begun == connection.waiting
        left = sum(map(len, requests[number + 1 :]))
        assert connection.unparsed_bytes == left or not left
        connection.answer()
        # The next one is another turn's.
        assert not connection.waiting
        await asyncio.sleep(0)
    assert connection.transport.is_reading


@on_a_loop
async def test_read_that_was_under_way_is_kept(connection: Connection) -> None:
    connection.protocol.data_received(get("/a"))
    connection.protocol.data_received(get("/b")[:10])
    connection.protocol.data_received(get("/b")[10:] + get("/c"))
    for _ in range(3):
        connection.answer()
        await asyncio.sleep(0)
    assert connection.paths == ["/a", "/b", "/c"]


def test_requests_are_one_at_a_time_however_they_are_cut() -> None:
    chunks = b"3\r\nabc\r\n0\r\n\r\n"
    chunked = get("/b", "Transfer-Encoding: chunked").replace(b"GET", b"POST") + chunks
    long = get("/c", "Content-Length: 4").replace(b"GET", b"POST") + b"\r\n\r\n"
    sent = get("/a") + chunked + long + get("/d")

    @on_a_loop
    async def run(connection: Connection) -> None:
        for first in range(1, len(sent)):
            # The second cut: one end of a head comes in three pieces, too.
            for piece in (sent[:first], sent[first : first + 1], sent[first + 1 :]):
                connection.protocol.data_received(piece)
                await asyncio.sleep(0)
                assert len(connection.begun) <= 1
            for _ in range(4):
                assert len(connection.waiting) == 1
                connection.answer()
                for _ in range(4):
                    await asyncio.sleep(0)
            assert connection.paths == ["/a", "/b", "/c", "/d"]
            connection.paths.clear()

    run()


CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "flood",
    [
        CHUNKED + b"1\r\nx\r\n" * 20_000,
        b"\r\n" * 12_000,
        b"\r\n" + b"\r\n\r\n" * 6_000,
        CHUNKED + b"4000\r\n%b\r\n" % bytes(1 << 14) * 8 + b"1\r\nx\r\n" * 20_000,
    ],
    ids=["chunks", "lines", "more lines", "chunks behind long ones"],
)
def test_little_is_parsed_in_a_turn(flood: bytes) -> None:
    # However it is sent: the parser's calls take a constant, and bytes far less.
    most_bytes = AT_ONCE * (http_protocol.BODY_TURN_BYTES + (1 << 14))
    most_pieces = AT_ONCE * 512

    @on_a_loop
    async def run(connection: Connection) -> None:
        protocol = connection.protocol
        pieces = 0
        protocol.data_received(flood)
        left = len(flood)
        while protocol._unparsed:
            assert not connection.transport.is_reading
            assert left - connection.unparsed_bytes <= most_bytes
            assert protocol._body_pieces - pieces <= most_pieces
            left, pieces = connection.unparsed_bytes, protocol._body_pieces
            await asyncio.sleep(0)
        assert protocol._turns > http_protocol.FREE_TURNS

    run()


class HeldTurns(Turns):
    """Turns that come when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Callable[[], None]] = []

    def wait(self, turn: Callable[[], None]) -> None:
        self.held.append(turn)


def test_peer_that_sends_without_end_waits_for_its_turns() -> None:
    @on_a_loop
    async def run(connection: Connection) -> None:
        turns = connection.table.turns = HeldTurns()
        connection.protocol.data_received(b"\r\n" * 12_000)
        # The first turns come at once, and every other one when it is called.
        for _ in range(http_protocol.FREE_TURNS):
            assert not turns.held
            await asyncio.sleep(0)
        for _ in range(5):
            left = connection.unparsed_bytes
            await asyncio.sleep(0)
            assert connection.unparsed_bytes == left
            turns.held.pop()()
            assert connection.unparsed_bytes < left

    run()


def test_body_that_waits_for_its_turns_is_not_late() -> None:
    @on_a_loop
    async def run(connection: Connection) -> None:
        turns = connection.table.turns = HeldTurns()
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.protocol.data_received(head + b"1\r\nx\r\n" * 12_000)
        while not turns.held:
            await asyncio.sleep(0)
        # As many turns as others let it have, each after a while.
        now, late = 0.0, 2 * SECONDS[State.BODY]
        loop: Any = SteppedLoop(connection.protocol._loop)
        connection.protocol._loop = loop
        loop.now = connection.protocol._waits_since
        for _ in range(4):
            for _ in range(int(late)):
                now += 1.0
                loop.now += 1.0
                connection.table.beat(now)
            assert b"408" not in connection.transport.written
            turns.held.pop()()
        # Nor does it have more time than others once it waits no more.
        while turns.held:
            turns.held.pop()()
        for _ in range(int(SECONDS[State.BODY]) + 3):
            now += 1.0
            connection.table.beat(now)
        assert b"408" in connection.transport.written

    run()


class SteppedLoop:
    """An event loop whose time a test says."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


@pytest.mark.parametrize("length", [100, 5_000, 60_000])
def test_longest_head_does_not_wait(length: int) -> None:
    @on_a_loop
    async def run(connection: Connection) -> None:
        turns = connection.table.turns = HeldTurns()
        connection.protocol.data_received(get("/", "Cookie: " + "x" * length))
        while not connection.waiting:
            assert not turns.held
            await asyncio.sleep(0)

    run()


def test_body_in_long_chunks_takes_few_turns() -> None:
    chunk = b"10000\r\n%b\r\n" % bytes(1 << 16)
    assert _turns_of(CHUNKED + chunk * 15 + b"0\r\n\r\n") <= http_protocol.FREE_TURNS
    # Lines might be those of chunks: it takes four times as many.
    chunk = b"10000\r\n%b\r\n" % (b"one of many lines, long\n" * 2731)[: 1 << 16]
    most = 4 * http_protocol.FREE_TURNS
    assert _turns_of(CHUNKED + chunk * 15 + b"0\r\n\r\n") <= most


def _turns_of(sent: bytes) -> int:
    turns = []

    @on_a_loop
    async def run(connection: Connection) -> None:
        connection.protocol.data_received(sent)
        while not connection.begun:
            await asyncio.sleep(0)
        upload = connection.begun[0].request.upload
        assert upload is not None
        while not upload.is_whole:
            await asyncio.sleep(0)
        upload.drop()
        turns.append(connection.protocol._turns)

    run()
    return turns[0]


CHUNKS = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=3),
        st.sampled_from([b"\r\n", b"\r\n\r\n", b"\n" * 100, b"0\r\n\r\n"]),
        st.builds(lambda n: b"ab\r\n" * n, st.integers(1, 6000)),
        st.builds(bytes, st.integers(1, 70_000)),
    ),
    max_size=12,
)


@explored(20, many=2000)
def test_chunks_are_one_body_in_whatever_turns(cases: Cases) -> None:
    def claim(chunks: list[bytes], times: int) -> None:
        chunks = chunks * times
        framed = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks)
        sent = CHUNKED + framed + b"0\r\n\r\n" + get("/behind")

        @on_a_loop
        async def run(connection: Connection) -> None:
            connection.protocol.data_received(sent)
            while not connection.begun:
                await asyncio.sleep(0)
            (first,) = connection.begun
            upload = first.request.upload
            assert upload is not None
            while not upload.is_whole:
                await asyncio.sleep(0)
            file, _ = upload.take()
            with file:
                assert file.read() == b"".join(chunks)
            connection.waiting.clear()
            connection.answer_to(first)
            while not connection.waiting:
                await asyncio.sleep(0)
            connection.answer()
            assert connection.paths == ["/", "/behind"]

        run()

    cases.check(claim, CHUNKS, st.integers(1, 4))


@on_a_loop
async def test_body_is_charged_until_it_is_whole(connection: Connection) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    connection.protocol.data_received(head + b"x" * 40_000)
    connection.protocol.data_received(b"x" * 50_000)
    assert len(connection.table.bodies) == 1
    assert connection.table.bodies.charged_bytes >= 50_000
    connection.protocol.data_received(b"x" * 10_000)
    assert connection.table.bodies.charged_bytes == 0
