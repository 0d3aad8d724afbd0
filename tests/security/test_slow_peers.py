"""Peers that are slow on purpose, or never read: they hold up nobody else."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Servers
from tests.lanes import ROOT, timeout_factor
from tests.servers import Server

SOON = """
from channelshim.transports import connection_table
from channelshim.transports.connection_table import LEAST, SECONDS, State
connection_table.BEAT_SECONDS = 0.1
SECONDS[State.HEAD] = SECONDS[State.ANSWER] = 1.5
LEAST[State.ANSWER] = 4 << 10
"""

YAML = "runtime: python27\nhandlers:\n- url: /static\n  static_dir: static\n"

APP = """
from google.appengine.api import channel

def app(environ, start_response):
    start_response('200 OK', [])
    if environ['PATH_INFO'] == '/stream':
        return (b'x' * 65536 for _ in range(512))
    return [channel.create_channel('me').encode('ascii')]
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server that soon loses its patience."""
    yield from serving(tmp_path_factory, SOON)


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server as it comes."""
    yield from serving(tmp_path_factory, "")


def serving(
    tmp_path_factory: pytest.TempPathFactory, patience_code: str
) -> Iterator[Server]:
    app_dir: Path = tmp_path_factory.mktemp("slow")
    (app_dir / "app.yaml").write_text(
        f"{YAML}- url: /.*\n  script: slow_peers_app.app\n"
    )
    (app_dir / "slow_peers_app.py").write_text(APP)
    (app_dir / "static").mkdir()
    (app_dir / "static" / "small.txt").write_text("small")
    with open(app_dir / "static" / "big.bin", "wb") as file:
        file.truncate(32 << 20)
    patience = tmp_path_factory.mktemp("patience")
    (patience / "sitecustomize.py").write_text(patience_code)
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    path = os.pathsep.join([str(patience), str(ROOT)])
    server = servers(
        app_dir, "--automatic_restart=no", "--threads=2", env={"PYTHONPATH": path}
    )
    yield server
    output = server.output
    servers.stop()
    assert "Traceback" not in output


def connect(running: Server, receive_buffer: int = 4096) -> socket.socket:
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    peer.settimeout(10 * timeout_factor())
    peer.connect(("127.0.0.1", running.port))
    return peer


def get(running: Server, path: str) -> bytes:
    seconds = 10 * timeout_factor()
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=seconds)
    connection.request("GET", path)
    return connection.getresponse().read()


def received(peer: socket.socket) -> bytes:
    """Return all that comes until the server ends the connection."""
    data = bytearray()
    try:
        while piece := peer.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return bytes(data)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX"])
def test_head_that_never_ends_is_refused(running: Server, sent: bytes) -> None:
    with connect(running) as peer:
        peer.sendall(sent)
        assert received(peer).startswith(b"HTTP/1.1 408 ")


def test_readers_that_do_not_read_hold_no_worker(running: Server) -> None:
    with ExitStack() as readers:
        for _ in range(6):
            reader = readers.enter_context(connect(running))
            reader.sendall(b"GET /static/big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert get(running, "/static/small.txt") == b"small"


def test_readers_of_files_hold_no_worker_while_they_wait(patient: Server) -> None:
    with ExitStack() as stack:
        readers = [stack.enter_context(connect(patient)) for _ in range(6)]
        for reader in readers:
            reader.sendall(b"GET /static/big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert reader.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert get(patient, "/static/small.txt") == b"small"
        assert all(reader.recv(4096) for reader in readers)


def test_readers_that_drip_hold_no_worker(running: Server) -> None:
    is_over = threading.Event()
    has_begun = threading.Semaphore(0)

    def drip() -> None:
        with connect(running, 65536) as peer, contextlib.suppress(ConnectionError):
            peer.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            peer.recv(1)
            has_begun.release()
            # 2 KB a second, of which 8 are wanted here.
            while peer.recv(100) and not is_over.wait(0.05):
                pass

    drips = [threading.Thread(target=drip) for _ in range(6)]
    for thread in drips:
        thread.start()
    try:
        for _ in range(2):  # There are two workers.
            has_begun.acquire()
        assert get(running, "/static/small.txt") == b"small"
    finally:
        is_over.set()
        for thread in drips:
            thread.join()


def test_reader_that_is_slow_and_fair_is_not_cut(running: Server) -> None:
    with connect(running, 16384) as peer:
        peer.sendall(
            b"GET /stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        count = 0
        # 160 KB a second, for four times as long as a reader may be too slow.
        while count < 960_000:
            count += len(peer.recv(8192))
            threading.Event().wait(0.05)
        count += len(received(peer))
    assert count > 32 << 20


def test_reader_that_reads_gets_all(running: Server) -> None:
    assert len(get(running, "/static/big.bin")) == 32 << 20
    assert len(get(running, "/stream")) == 32 << 20


def open_socket(running: Server, token: str, *headers: str) -> socket.socket:
    peer = connect(running)
    lines = [
        f"GET /_ah/channel/socket?token={token} HTTP/1.1",
        f"Host: localhost:{running.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *headers,
    ]
    peer.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    return peer


def test_pings_without_reading_end_the_connection(running: Server) -> None:
    pings = (b"\x89\xfd\0\0\0\0" + b"x" * 125) * 400_000
    with (
        open_socket(running, get(running, "/").decode("ascii")) as peer,
        pytest.raises(ConnectionError),
    ):
        peer.sendall(pings)


def test_bytes_behind_a_broken_frame_are_not_read(running: Server) -> None:
    with open_socket(running, get(running, "/").decode("ascii")) as peer:
        too_big = b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0"
        peer.sendall(too_big)
        answer = b""
        while b"\x88\x02\x03\xf1" not in answer:
            piece = peer.recv(65536)
            assert piece, answer
            answer += piece
        peer.sendall(too_big * 2)
        assert received(peer) == b""


@pytest.mark.parametrize("origin", ["http://[", "null", "http://localhost:1@x", "["])
def test_origin_that_is_none_is_refused(running: Server, origin: str) -> None:
    with open_socket(running, "x", f"Origin: {origin}") as peer:
        assert received(peer).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("target", ["//[", "//[::", "http://[/", "*"])
def test_odd_target_of_an_upgrade_is_refused(running: Server, target: str) -> None:
    with connect(running) as peer:
        head = (
            f"GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\n\r\n"
        )
        peer.sendall(head.encode("ascii"))
        assert re.match(rb"HTTP/1\.1 40[04] ", received(peer))
