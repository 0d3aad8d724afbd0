"""A connection in any state whose peer does nothing more is gone in time."""

from __future__ import annotations

import asyncio
import os
import queue
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from channelshim.broker.memory import MemoryBroker
from channelshim.composition.clock import SystemClock
from channelshim.composition.status import StatusRegistry
from channelshim.hub.hub import Hub
from channelshim.protocol.tokens import TokenClaims, TokenSigner
from channelshim.server import listening
from channelshim.server.binding import bind
from channelshim.server.serve import Application, Listener, Server, make_bridge
from channelshim.transports import connection_table
from channelshim.transports.acceptor import Acceptor
from channelshim.transports.connection_table import SECONDS, ConnectionTable, State
from channelshim.transports.send_budget import SendBudget
from tests.authority import Authority
from tests.broker.delayed import DelayedBroker
from tests.conftest import await_condition
from tests.hub.parts import RecordedReports
from tests.lanes import timeout_factor
from tests.server.plain_site import PlainSite, masked, until, until_end

WaitUntil = Callable[..., Any]

CLOSE, PONG = 8, 10

PATIENCE_SECONDS = 10.0 * timeout_factor()

SOON = 0.3
"""Every deadline, once a test has what it needs; see `lose_patience`."""

PING_SECONDS = 1.0


class Site:
    """A server of our own in a thread, its table at hand.

    Attributes:
        client: of the server.
        table: its connections.
        bridge: to its app.
        status: where they are counted.
        gate: /wait waits for it.
        silence: set, the broker answers nothing.
        loop: of the server.
        encrypted: a client of its other socket, if that speaks TLS.
    """

    def __init__(
        self,
        sends: SendBudget | None = None,
        ping_seconds: float = PING_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.gate = threading.Event()
        self.silence = threading.Event()
        clock = SystemClock()
        self.broker = DelayedBroker(
            MemoryBroker(clock, window_seconds=60), self._later, random.Random(0)
        )
        self.hub = Hub(
            self.broker,
            clock,
            RecordedReports().tell,
            ping_interval_seconds=ping_seconds,
            ping_timeout_seconds=ping_seconds,
        )
        self.tokens = TokenSigner([b"s" * 32])
        self.table = ConnectionTable(sends)
        self.status = StatusRegistry()
        self.table.report_to(self.status)
        acceptor = Acceptor(
            self.hub,
            self.tokens,
            clock,
            lambda *_: True,
            table=self.table,
            send_buffer_bytes=1 << 20,
        )
        plain = bind("127.0.0.1", 0)
        self.client = PlainSite(f"http://127.0.0.1:{plain.getsockname()[1]}/")
        self.bridge = make_bridge(self._app, 2)
        application = Application(self.bridge)
        is_started = threading.Event()

        def started(loop: Any, call_soon: Any) -> None:
            self.loop = loop
            self.hub.start(loop, call_soon)
            is_started.set()

        listeners = [Listener(plain, application, acceptor)]
        self.encrypted = self.client
        if tls is not None:
            other = bind("127.0.0.1", 0)
            self.encrypted = PlainSite(f"http://127.0.0.1:{other.getsockname()[1]}/")
            listeners.append(Listener(other, application, acceptor, tls))
        self.server = Server(
            listeners,
            table=self.table,
            stop_seconds=PATIENCE_SECONDS,
            on_started=started,
            on_stopping=self.hub.stop,
        )
        self._thread = threading.Thread(target=self.server.run)
        self._thread.start()
        assert is_started.wait(PATIENCE_SECONDS)

    def _later(self, call: Callable[[], None]) -> None:
        if not self.silence.is_set():
            self.loop.call_soon_threadsafe(call)

    def _app(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path in ("/wait", "/_ah/channel/poll"):
            assert self.gate.wait(PATIENCE_SECONDS)
        start_response("200 OK", [])
        return [b"x" * (20 << 20) if path == "/big" else path.encode()]

    def count(self, state: State) -> int:
        """Return how many connections the server says it has in that state."""
        return int(self.status.counters()[f"transports.connections.{state.value}"])

    def token(self, client_id: str = "ann") -> str:
        """Return a new token."""
        number = self.broker.expect(client_id)
        return self.tokens.sign(TokenClaims(client_id, 1 << 33, number, b"n" * 8))

    def send_much(self) -> None:
        """Send more than the kernel takes."""
        for _ in range(30):
            self.broker.publish("ann", "x" * 30_000)

    def stop(self) -> None:
        """Stop it and wait for its end."""
        self.gate.set()
        self.server.stop()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> Iterator[Site]:
    monkeypatch.setattr(connection_table, "BEAT_SECONDS", 0.05)
    for state in State:
        monkeypatch.setitem(SECONDS, state, 3600.0)
    running = Site(tls=authority.server())
    yield running
    running.stop()


def lose_patience() -> None:
    """Have the site's deadlines pass soon, now that the test has come so far."""
    SECONDS.update(dict.fromkeys(State, SOON))


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("ascii")


def raw(site: Site, sent: bytes = b"") -> socket.socket:
    return site.client.raw(sent, receive_buffer=4096)


# --- One way into each state ----------------------------------------------------------


def silent(site: Site) -> socket.socket:
    return raw(site)


def silent_before_its_handshake(site: Site) -> socket.socket:
    return site.encrypted.raw(receive_buffer=4096)


def half_a_handshake(site: Site) -> socket.socket:
    # A record of a hello, and the first bytes of 512.
    return site.encrypted.raw(b"\x16\x03\x01\x02\x00\x01\x00", receive_buffer=4096)


def silent_after_its_handshake(site: Site) -> socket.socket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(site.encrypted.raw())


def half_a_head(site: Site) -> socket.socket:
    return raw(site, b"GET / HTTP/1.1\r\nHost")


def half_a_second_head(site: Site) -> socket.socket:
    peer = raw(site, get("/first"))
    until(peer, b"/first")
    peer.sendall(b"GET / HTTP/1.1\r\n")
    return peer


def half_a_body(site: Site) -> socket.socket:
    return raw(
        site, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf"
    )


def promised_body(site: Site) -> socket.socket:
    return raw(
        site,
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
        b"Expect: 100-continue\r\n\r\n",
    )


def endless_body(site: Site) -> socket.socket:
    return raw(
        site,
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4\r\nhalf\r\n",
    )


def waiting_handler(site: Site) -> socket.socket:
    return raw(site, get("/wait"))


def held_poll(site: Site) -> socket.socket:
    return raw(site, get("/_ah/channel/poll"))


def request_behind_a_handler(site: Site) -> socket.socket:
    return raw(site, get("/wait") + get("/behind"))


def upgrade_behind_a_handler(site: Site) -> socket.socket:
    return raw(site, get("/wait") + site.client.handshake(site.token()))


def unread_answer(site: Site) -> socket.socket:
    return raw(site, get("/big"))


def last_unread_answer(site: Site) -> socket.socket:
    sent = get("/big").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    return raw(site, sent)


def upgrade_behind_an_unread_answer(site: Site) -> socket.socket:
    return raw(site, get("/big") + site.client.handshake(site.token()))


def idle(site: Site) -> socket.socket:
    peer = raw(site, get("/idle"))
    until(peer, b"/idle")
    return peer


def refused(site: Site) -> socket.socket:
    return raw(site, b"nonsense\r\n\r\n")


def refused_upgrade(site: Site) -> socket.socket:
    nowhere = site.client.handshake("x").replace(b"/socket?", b"/nowhere?", 1)
    return raw(site, nowhere)


def too_long_body(site: Site) -> socket.socket:
    return raw(
        site,
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\nx",
    )


def arriving_page(site: Site) -> socket.socket:
    token = site.token()
    site.silence.set()
    return raw(site, site.client.handshake(token))


def dead_page(site: Site) -> socket.socket:
    return raw(site, site.client.handshake(site.token()))


def page_that_does_not_read(site: Site) -> socket.socket:
    peer = dead_page(site)
    until(peer, b"}")
    site.send_much()
    await_condition(lambda: len(site.table.sends) > 0)
    return peer


def page_that_closes_unread(site: Site) -> socket.socket:
    peer = page_that_does_not_read(site)
    peer.sendall(masked(CLOSE, struct.pack(">H", 1000)))
    return peer


def page_that_ends_unread(site: Site) -> socket.socket:
    peer = page_that_does_not_read(site)
    peer.shutdown(socket.SHUT_WR)
    return peer


def page_with_a_bad_token(site: Site) -> socket.socket:
    return raw(site, site.client.handshake("bad"))


def page_with_a_broken_frame(site: Site) -> socket.socket:
    return raw(site, site.client.handshake(site.token()) + b"\x81\x05hello")


WAYS: list[tuple[Callable[[Site], socket.socket], State]] = [
    (silent_before_its_handshake, State.HANDSHAKE),
    (half_a_handshake, State.HANDSHAKE),
    (silent_after_its_handshake, State.HEAD),
    (silent, State.HEAD),
    (half_a_head, State.HEAD),
    (half_a_second_head, State.HEAD),
    (half_a_body, State.BODY),
    (promised_body, State.BODY),
    (endless_body, State.BODY),
    (waiting_handler, State.HANDLER),
    (held_poll, State.POLL),
    (request_behind_a_handler, State.HANDLER),
    (upgrade_behind_a_handler, State.HANDLER),
    (unread_answer, State.ANSWER),
    (last_unread_answer, State.ANSWER),
    (upgrade_behind_an_unread_answer, State.REFUSED),
    (idle, State.IDLE),
    (refused, State.REFUSED),
    (refused_upgrade, State.REFUSED),
    (too_long_body, State.REFUSED),
    (arriving_page, State.UPGRADE),
    (dead_page, State.OPEN),
    (page_that_does_not_read, State.BEHIND),
    (page_that_closes_unread, State.CLOSING),
    (page_that_ends_unread, State.CLOSING),
    (page_with_a_bad_token, State.CLOSING),
    (page_with_a_broken_frame, State.CLOSING),
]


def test_every_state_has_its_way() -> None:
    assert {state for _, state in WAYS} == {*State}


def name_of(value: Any) -> str:
    return str(getattr(value, "__name__", value))


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(("way", "state"), WAYS, ids=name_of)
def test_connection_is_gone_in_time(
    site: Site,
    wait_until: WaitUntil,
    way: Callable[[Site], socket.socket],
    state: State,
) -> None:
    assert site.client.ask("/first")[0] == 200
    wait_until(lambda: len(site.table) == 0)
    before = descriptors()
    with way(site):
        wait_until(lambda: site.count(state) > 0)
        lose_patience()
        wait_until(lambda: len(site.table) == 0)
        # The test's own end is still there.
        wait_until(lambda: descriptors() <= before + 1)
    site.gate.set()
    assert all(site.count(each) == 0 for each in State)
    assert len(site.table.sends) == len(site.table.bodies) == 0


def test_unasked_pongs_do_not_keep_a_page_that_reads_nothing(
    site: Site, wait_until: WaitUntil
) -> None:
    with page_that_does_not_read(site) as peer:
        lose_patience()

        def is_gone() -> bool:
            try:
                peer.sendall(masked(PONG))
            except ConnectionError:
                return True
            time.sleep(0.02)  # It may send 8 KiB a second.
            return len(site.table) == 0

        wait_until(is_gone)


def test_page_that_answers_pings_stays(site: Site, wait_until: WaitUntil) -> None:
    with dead_page(site) as peer:
        pings = 0
        while pings < 3:
            data = peer.recv(4096)
            assert data
            pings += data.count(b"\x89\x00")
            if pings:
                lose_patience()
            peer.sendall(masked(PONG))
        assert site.count(State.OPEN) == 1


def test_dripping_body_is_refused_however_often_it_drips(site: Site) -> None:
    with half_a_body(site) as peer:
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n"
        peer.close()
        peer = raw(site, head)
        SECONDS[State.BODY] = SOON
        try:
            while site.count(State.REFUSED) == 0:
                peer.sendall(b"x")
                time.sleep(0.01)
        except ConnectionError:
            pass
        assert until_end(peer).startswith(b"HTTP/1.1 408 ")
        peer.close()


# --- What waits for all of them -------------------------------------------------------

TOTAL_BYTES = 8 << 20


@pytest.fixture
def small_site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Return a server whose slow readers may hold TOTAL_BYTES, for as long as it is."""
    monkeypatch.setattr(connection_table, "BEAT_SECONDS", 0.05)
    running = Site(SendBudget(TOTAL_BYTES, time.monotonic), 3600.0)
    yield running
    running.stop()


class MostBytes(threading.Thread):
    """Looks again and again how much waits in the transports.

    Attributes:
        most: seen.
    """

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.most = 0
        self._site = site
        self._is_over = threading.Event()

    def run(self) -> None:
        while not self._is_over.wait(0.002):
            asked = asyncio.run_coroutine_threadsafe(self._look(), self._site.loop)
            self.most = max(self.most, asked.result(PATIENCE_SECONDS))

    async def _look(self) -> int:
        table: Iterable[Any] = self._site.table
        return sum(each.waiting_bytes() for each in table)

    def __enter__(self) -> MostBytes:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()


def test_replays_that_nobody_reads_hold_a_piece_each(
    small_site: Site, wait_until: WaitUntil
) -> None:
    site, client = small_site, small_site.client
    token = site.token()
    with client.raw(client.handshake(token)) as peer:
        first = until(peer, b"}").rpartition(b'"id": ')[2].decode("ascii")
        site.send_much()
        wait_until(lambda: site.broker.inner.kept_bytes > 800_000)
        owed = client.handshake(f"{token}&after={first.rstrip('}')}")
        with ExitStack() as stack, MostBytes(site) as waiting:
            for _ in range(30):
                peer = stack.enter_context(client.raw(owed, receive_buffer=4096))
                assert peer.recv(12) == b"HTTP/1.1 101"
            # The first is one too; the others are owed 27 MB.
            wait_until(lambda: site.count(State.BEHIND) == 31)
        assert waiting.most < TOTAL_BYTES * 1.1


def test_bursts_to_those_that_do_not_read_hold_no_more_than_the_bound(
    small_site: Site, wait_until: WaitUntil
) -> None:
    site, client = small_site, small_site.client
    ids = [f"id {number}" for number in range(60)]
    with ExitStack() as stack, MostBytes(site) as waiting:
        for client_id in ids:
            sent = client.handshake(site.token(client_id))
            peer = stack.enter_context(client.raw(sent, receive_buffer=4096))
            until(peer, b"}")
        for number, client_id in enumerate(ids, start=1):
            for _ in range(10):
                site.broker.publish(client_id, os.urandom(16_000).hex())
            # What one pass writes to them together is in memory while it is made.
            wait_until(lambda: site.hub.written == 10 * number)  # noqa: B023
        # Many had to go; how many depends on what the kernel holds for each.
        wait_until(lambda: len(site.table) <= 48)
    # The bound, and one burst.
    assert waiting.most < TOTAL_BYTES * 1.1


def test_answers_that_nobody_reads_count_too(
    small_site: Site, wait_until: WaitUntil
) -> None:
    site = small_site
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(unread_answer(site))
        # One alone may exceed the bound.
        wait_until(lambda: site.count(State.ANSWER) == 1)
        wait_until(lambda: len(site.table) == 1)


def test_many_drips_hold_out_nobody(site: Site, wait_until: WaitUntil) -> None:
    most = site.table.bodies._maximum_bodies = 5
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n"
    with ExitStack() as stack:
        peers = [stack.enter_context(raw(site, head)) for _ in range(20)]
        for peer in peers:
            peer.sendall(b"x")
        wait_until(lambda: site.count(State.REFUSED) >= 20 - most)
        assert len(site.table.bodies) <= most
        status, body = site.client.ask("/here", b"x" * 90_000)
        assert (status, body) == (200, b"/here")


def is_refusing(client: PlainSite) -> bool:
    try:
        client.raw().close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        # In the moment in which the listener closes.
        return False
    return False


def test_stop_waits_for_the_first_request_of_a_connection_that_is_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "channelshim.server.http_connection.FIRST_REQUEST_SECONDS"
    monkeypatch.setattr(name, PATIENCE_SECONDS)
    running = Site()
    with raw(running) as peer:
        await_condition(lambda: running.count(State.HEAD) == 1)
        running.server.stop()
        await_condition(lambda: is_refusing(running.client))
        peer.sendall(get("/late"))
        assert until_end(peer).endswith(b"/late")
    running.stop()


def test_stop_answers_whoever_comes_in_the_same_turn_of_the_loop() -> None:
    running = Site()
    came: queue.Queue[socket.socket] = queue.Queue()

    def come_and_stop() -> None:
        peer = raw(running)
        peer.sendall(get("/late"))
        came.put(peer)
        # The loop goes on with the stop before it makes the connection known.
        running.server._begin_stop()

    loop = running.server._loop
    assert loop is not None
    loop.call_soon_threadsafe(come_and_stop)
    with came.get(timeout=PATIENCE_SECONDS) as peer:
        assert until_end(peer).endswith(b"/late")
    running.stop()


def test_the_oldest_of_many_handshakes_gives_way(
    site: Site, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "MAXIMUM_HANDSHAKES", 4)
    with ExitStack() as stack:
        peers = [
            stack.enter_context(silent_before_its_handshake(site)) for _ in range(20)
        ]
        for peer in peers[:16]:
            assert until_end(peer) == b""
        wait_until(lambda: site.count(State.HANDSHAKE) == 4)
        # Who speaks is heard among those that are silent.
        with silent_after_its_handshake(site) as peer:
            peer.sendall(get("/heard"))
            assert until(peer, b"/heard").startswith(b"HTTP/1.1 200 ")


def assert_answered_late(authority: Authority, peer: socket.socket) -> None:
    """Shake hands and ask for the first time, after the stop has begun."""
    with authority.client().wrap_socket(peer, server_hostname="localhost") as tls:
        tls.sendall(get("/late"))
        assert until_end(tls).endswith(b"/late")


@pytest.fixture
def is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a stop wait long for first requests."""
    name = "channelshim.server.http_connection.FIRST_REQUEST_SECONDS"
    monkeypatch.setattr(name, PATIENCE_SECONDS)


@pytest.mark.usefixtures("is_patient")
def test_stop_waits_for_a_handshake_and_its_first_request(
    authority: Authority,
) -> None:
    running = Site(tls=authority.server())
    with running.encrypted.raw() as peer:
        await_condition(lambda: running.count(State.HANDSHAKE) == 1)
        running.server.stop()
        await_condition(lambda: is_refusing(running.encrypted))
        assert_answered_late(authority, peer)
    running.stop()


@pytest.mark.usefixtures("is_patient")
def test_stop_answers_whoever_has_connected_before_it(authority: Authority) -> None:
    running = Site(tls=authority.server())
    came: queue.Queue[socket.socket] = queue.Queue()

    def come_and_stop() -> None:
        came.put(running.encrypted.raw())
        # The loop goes on with the stop before it accepts.
        running.server._begin_stop()

    loop = running.server._loop
    assert loop is not None
    loop.call_soon_threadsafe(come_and_stop)
    assert_answered_late(authority, came.get(timeout=PATIENCE_SECONDS))
    running.stop()


def test_a_reload_leaves_whoever_waits_to_the_next_process(
    authority: Authority,
) -> None:
    async def run() -> None:
        listener = bind("127.0.0.1", 0)
        with listener.dup() as kept, socket.socket() as peer:
            service: Any = None
            close = await listening.listen(service, listener, authority.server())
            # Before the loop can accept.
            peer.connect(kept.getsockname())
            close(False)
            kept.accept()[0].close()

    asyncio.run(run())


def test_a_stop_waits_no_longer_for_handshakes(authority: Authority) -> None:
    site = Site(tls=authority.server())
    with silent_before_its_handshake(site) as peer:
        assert site.client.ask("/first")[0] == 200
        site.stop()
        assert until_end(peer) == b""
