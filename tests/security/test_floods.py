"""One peer that sends too much, or leaves too much unread: others never notice."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Servers
from tests.lanes import ROOT, timeout_factor
from tests.server.plain_site import PlainSite, masked, until, until_end
from tests.servers import Server

WaitUntil = Callable[..., Any]

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

SOON = """
from channelshim.hub import connections
connections.MAXIMUM_CONNECTIONS_PER_CLIENT = 12
from channelshim.transports import connection_table
from channelshim.transports.connection_table import SECONDS, State
connection_table.BEAT_SECONDS = 0.1
SECONDS[State.ANSWER] = 0.5
SECONDS[State.IDLE] = 1
SECONDS[State.CLOSING] = 3
"""

APP = """
import threading
from google.appengine.api import channel

gate = threading.Event()

def app(environ, start_response):
    start_response('200 OK', [])
    path = environ['PATH_INFO']
    if path == '/token':
        return [channel.create_channel('me').encode('ascii')]
    if path == '/send':
        for number in range(31):
            channel.send_message('me', 'x' * 32000)
    if path == '/whole':
        return [b'x' * (20 << 20)]
    if path == '/wait':
        gate.wait()
        gate.clear()
    if path == '/go':
        gate.set()
    return [path.encode('latin-1')]
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server that soon loses its patience."""
    app_dir: Path = tmp_path_factory.mktemp("floods")
    handlers = "handlers:\n- url: /.*\n  script: floods_app.app\n"
    (app_dir / "app.yaml").write_text(f"runtime: python27\n{handlers}")
    (app_dir / "floods_app.py").write_text(APP)
    patience = tmp_path_factory.mktemp("patience")
    (patience / "sitecustomize.py").write_text(SOON)
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    path = os.pathsep.join([str(patience), str(ROOT)])
    server = servers(
        app_dir, "--automatic_restart=no", "--threads=2", env={"PYTHONPATH": path}
    )
    yield server
    output = server.output
    servers.stop()
    assert "Traceback" not in output


@pytest.fixture
def site(running: Server) -> PlainSite:
    """Return a client of the server."""
    return PlainSite(running.url)


def get(path: str, *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode("ascii")


def resident_bytes(server: Server) -> int:
    """Return what the server holds in memory."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def descriptors(server: Server) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


# --- WebSockets -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opcode", "is_genuine"),
    [(PONG, True), (TEXT, True), (PING, False), (TEXT, False)],
)
def test_flood_of_frames_holds_up_nobody(
    site: PlainSite, opcode: int, *, is_genuine: bool
) -> None:
    frame = masked(opcode, b"a")
    handshake = site.handshake(site.token("me") if is_genuine else "x")
    flood = frame * ((8 << 20) // len(frame))
    is_over = threading.Event()
    cut = threading.Semaphore(0)

    def send() -> None:
        while not is_over.is_set():
            with site.raw(handshake) as peer:
                try:
                    peer.sendall(flood)
                except ConnectionError:
                    cut.release()

    sender = threading.Thread(target=send)
    sender.start()
    try:
        # Two floods have been cut and a third one goes on: none is taken whole.
        for _ in range(2):
            for _ in range(10):
                assert site.ask("/who") == (200, b"/who")
            assert cut.acquire(timeout=60 * timeout_factor())
    finally:
        is_over.set()
        sender.join()


def test_page_that_says_too_much_is_told(site: PlainSite) -> None:
    with site.raw(site.handshake(site.token("me"))) as peer:
        until(peer, b"}")
        peer.sendall(masked(TEXT, b"x" * 4000) * 40)
        assert until_end(peer).endswith(b"\x88\x02" + struct.pack(">H", 1008))


def test_page_that_says_little_is_left_alone(site: PlainSite) -> None:
    with site.raw(site.handshake(site.token("me"))) as peer:
        until(peer, b"}")
        peer.sendall(masked(PONG) * 100 + masked(TEXT, b"keep-alive") * 100)
        peer.sendall(masked(PING, b"still here"))
        until(peer, b"\x8a\x0astill here")


def close(peer: socket.socket) -> None:
    peer.sendall(masked(CLOSE, struct.pack(">H", 1000)))


def end_of_stream(peer: socket.socket) -> None:
    peer.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("leave", [close, end_of_stream])
def test_page_that_leaves_without_reading_is_let_go(
    running: Server,
    site: PlainSite,
    wait_until: WaitUntil,
    leave: Callable[[socket.socket], None],
) -> None:
    token = site.token("me")
    with site.raw(site.handshake(token)) as peer:
        first = until(peer, b"}").rpartition(b'"id": ')[2].decode("ascii")
    assert site.ask("/send")[0] == 200
    before = descriptors(running)
    with ExitStack() as stack:
        for _ in range(10):
            owed = site.handshake(f"{token}&after={first.rstrip('}')}")
            peer = stack.enter_context(site.raw(owed, receive_buffer=4096))
            assert peer.recv(12) == b"HTTP/1.1 101"
            leave(peer)
        wait_until(lambda: descriptors(running) <= before)


def test_pages_that_have_left_count_until_they_are_gone(
    site: PlainSite, wait_until: WaitUntil
) -> None:
    token = site.token("me")
    with site.raw(site.handshake(token)) as peer:
        first = until(peer, b"}").rpartition(b'"id": ')[2].decode("ascii")
    assert site.ask("/send")[0] == 200
    owed = site.handshake(f"{token}&after={first.rstrip('}')}")
    with ExitStack() as stack:
        answer = b""
        # The bound is 12, and it takes three seconds to give up one of them.
        while struct.pack(">H", 1013) + b"too many connections" not in answer:
            peer = stack.enter_context(site.raw(owed, receive_buffer=4096))
            answer = peer.recv(4096)
            assert answer.startswith(b"HTTP/1.1 101 ")
            close(peer)
    wait_until(lambda: opens(site, token))


def opens(site: PlainSite, token: str) -> bool:
    with site.raw(site.handshake(token)) as peer:
        return b'{"id": ' in peer.recv(4096)


# --- HTTP -----------------------------------------------------------------------------


def test_requests_in_a_row_are_not_read_before_their_turn(
    running: Server, site: PlainSite
) -> None:
    before = resident_bytes(running)
    count = 40_000
    flood = get("/x") * count
    with site.raw() as peer:
        sender = threading.Thread(target=peer.sendall, args=(flood,))
        sender.start()
        answers = peer.makefile("rb")
        seen = 0
        while seen < count:
            line = answers.readline()
            assert line, f"{seen} were answered"
            seen += b"HTTP/1.1 200 " in line
            if seen % 1000 == 0:
                assert resident_bytes(running) - before < 24 << 20
        sender.join()
    assert site.ask("/who") == (200, b"/who")


def test_requests_wait_unread_behind_one_that_waits(site: PlainSite) -> None:
    most = 16 << 20  # The kernel's buffers, and what the server reads at once.
    with site.raw(get("/wait")) as peer:
        peer.settimeout(0.5)
        flood = get("/x") * 2000
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < most:
                sent += peer.send(flood)
        assert sent < most
        assert site.ask("/go")[0] == 200
        until(peer, b"/wait")


def test_upgrade_to_nowhere_behind_an_unread_answer_is_let_go(
    running: Server, site: PlainSite, wait_until: WaitUntil
) -> None:
    before = descriptors(running)
    nowhere = site.handshake("x").replace(b"/socket?", b"/nowhere?", 1)
    with ExitStack() as stack:
        for _ in range(4):
            peer = stack.enter_context(site.raw(get("/whole"), receive_buffer=4096))
            assert peer.recv(12) == b"HTTP/1.1 200"
            peer.sendall(nowhere)
        wait_until(lambda: descriptors(running) <= before)


def test_upgrade_behind_an_unread_answer_is_let_go(
    running: Server, site: PlainSite, wait_until: WaitUntil
) -> None:
    before = descriptors(running)
    handshake = site.handshake(site.token("me"))
    with ExitStack() as stack:
        for _ in range(4):
            peer = stack.enter_context(site.raw(get("/whole"), receive_buffer=4096))
            assert peer.recv(12) == b"HTTP/1.1 200"
            peer.sendall(handshake)
        wait_until(lambda: descriptors(running) <= before)


def test_upgrade_waits_for_the_answers_before_it(site: PlainSite) -> None:
    handshake = site.handshake(site.token("me"))
    with site.raw(get("/wait") + get("/x") + handshake + masked(PING, b"hi")) as peer:
        assert site.ask("/go")[0] == 200
        answers = until(peer, b"\x8a\x02hi")
        assert re.findall(rb"HTTP/1.1 (\d+) ", answers) == [b"200", b"200", b"101"]
        assert answers.index(b"/wait") < answers.index(b"/x") < answers.index(b" 101 ")
        # Nor is it closed when HTTP would have been.
        with site.raw(get("/x")) as idle:
            until_end(idle)
        peer.sendall(masked(PING, b"open"))
        until(peer, b"\x8a\x04open")
