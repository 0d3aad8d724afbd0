"""Static files on real sockets: sent again, by the kernel, in pieces; always right."""

from __future__ import annotations

import asyncio
import http.client
import os
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvloop

from channelshim.appserver.application import AppServer
from channelshim.appserver.exposure import Exposure
from channelshim.appyaml.app import parse_app
from channelshim.runtime.file_pieces import WHOLE_BYTES
from channelshim.runtime.variables import Application
from channelshim.server import file_sender, remembered_files
from channelshim.server.bridge import WsgiBridge
from channelshim.server.serve import make_bridge
from tests.exploring import Cases, explored
from tests.server.bridges import PATIENCE_SECONDS, LoopThread, serve
from tests.service_needs import make_login

YAML = r"""
runtime: python27
handlers:
- url: /first/(.*)
  static_files: first/\1
  upload: first/.*
  require_matching_file: true
- url: /first
  static_dir: files
- url: /private
  static_dir: files
  login: required
- url: /secure
  static_dir: files
  secure: always
- url: /
  static_dir: files
  expiration: 1h
"""

LONG = WHOLE_BYTES * 80
PATHS = ["/a.txt", "/long.bin", "/first/a.txt", "/private/a.txt", "/secure/a.txt"]
PATHS += ["/a%2Etxt", "/a.txt?x=1", "/none.txt", "/edge.bin", "/empty.txt", "/folder"]
HEADERS = [
    ("Range", "bytes=1-3"),
    ("Range", "bytes=5-"),
    ("If-None-Match", "*"),
    ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
    ("If-Range", "x"),
    ("Content-Type", "text/plain"),
    ("Content-Length", "0"),
    ("Accept-Encoding", "gzip"),
    ("Cache-Control", "max-age=0"),
    ("Host", "other.test"),
    ("X-Forwarded-Proto", "https"),
    ("Cookie", "a=b"),
]


def fill(root: Path) -> None:
    for folder in ("files/folder", "first"):
        (root / folder).mkdir(parents=True)
    (root / "files" / "a.txt").write_bytes(b"0123456789")
    (root / "files" / "empty.txt").write_bytes(b"")
    (root / "files" / "edge.bin").write_bytes(b"e" * WHOLE_BYTES)
    (root / "files" / "long.bin").write_bytes(random.Random(1).randbytes(LONG))


def change(root: Path, chance: random.Random) -> None:
    """Change the app's files in some way."""
    name = chance.choice(["a.txt", "long.bin", "edge.bin"])
    path = root / "files" / name
    size = chance.choice([3, 10, 5000, WHOLE_BYTES, WHOLE_BYTES + 1, LONG])
    hows = ["write", "write", "same time", "replace", "replace", "remove", "link"]
    how = chance.choice([*hows, "first"])
    before = os.stat(path) if path.exists() else None
    if how == "first":
        (root / "first" / "a.txt").write_bytes(chance.randbytes(9))
    elif how == "remove":
        path.unlink(missing_ok=True)
        (root / "first" / "a.txt").unlink(missing_ok=True)
    elif how == "link":
        path.unlink(missing_ok=True)
        path.symlink_to(root / "files" / "empty.txt")
    elif how == "replace":
        other = root / "files" / "other"
        other.write_bytes(chance.randbytes(size))
        other.replace(path)
    else:
        if path.is_symlink():
            path.unlink()
        path.write_bytes(chance.randbytes(before.st_size if before else size))
        if how == "same time" and before is not None:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


class Sites:
    """An app behind a bridge that remembers files and behind one that does not."""

    def __init__(self, root: Path, loop: LoopThread) -> None:
        fill(root)
        self.root = root
        self.sent_again = 0
        config = parse_app(YAML, read=lambda path: None)
        exposure = Exposure(enforces_secure=True)
        self.app = AppServer(
            root, config, Application("t"), make_login(), exposure=exposure
        )
        remembering, plain = make_bridge(self.app, 2), make_bridge(self.app, 2)
        send_again = remembering._send_again

        def count(*args: Any) -> bool:
            is_sent = send_again(*args)
            self.sent_again += is_sent
            return is_sent

        changed: Any = remembering
        changed._send_again = count
        changed = plain._files
        changed.find = lambda response: None
        self.bridges: list[WsgiBridge] = [remembering, plain]
        self.ports = [loop.start(partial(serve, bridge)) for bridge in self.bridges]


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop])
def loop(request: pytest.FixtureRequest) -> Iterator[LoopThread]:
    made = LoopThread(request.param)
    yield made
    made.stop()


@pytest.fixture
def sites(tmp_path: Path, loop: LoopThread) -> Sites:
    return Sites(tmp_path, loop)


Found = tuple[int, list[tuple[str, str]], bytes]


def ask(
    connection: http.client.HTTPConnection,
    path: str,
    headers: list[tuple[str, str]],
    method: str = "GET",
) -> Found:
    names = {name for name, _ in headers}
    connection.putrequest(method, path, skip_host="Host" in names)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    others = [pair for pair in answer.getheaders() if pair[0] != "date"]
    return answer.status, sorted(others), answer.read()


@explored(250, 5000)
def test_file_is_answered_as_a_worker_would(sites: Sites, cases: Cases) -> None:
    chance = cases.random()
    peers = [
        http.client.HTTPConnection("localhost", port, timeout=PATIENCE_SECONDS)
        for port in sites.ports
    ]
    hosts = [("Host", "localhost")]
    tally: Counter[int] = Counter()
    for _ in range(cases.count):
        if chance.random() < 0.06:
            change(sites.root, chance)
        path = chance.choice(PATHS[:3] if chance.random() < 0.7 else PATHS)
        headers = chance.sample(HEADERS, chance.choice([0, 0, 0, 1, 2]))
        if ("Host", "other.test") not in headers:
            headers = hosts + headers
        method = chance.choice(["GET"] * 8 + ["HEAD", "POST"])
        found, wanted = (ask(peer, path, headers, method) for peer in peers)
        assert found == wanted, (method, path, headers)
        tally[found[0]] += 1
    for peer in peers:
        peer.close()
    # Files that a change has removed are missed for a while.
    assert tally[200] > 0.1 * cases.count, tally
    assert sites.sent_again > 0, tally


def raw(port: int, sent: bytes, receive_buffer: int = 0) -> socket.socket:
    peer = socket.socket()
    if receive_buffer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    peer.settimeout(PATIENCE_SECONDS)
    peer.connect(("127.0.0.1", port))
    peer.sendall(sent)
    return peer


def get(path: str, *more: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *more, "", ""]
    return "\r\n".join(lines).encode("ascii")


def until_end(peer: socket.socket) -> bytes:
    data = bytearray()
    while piece := peer.recv(1 << 20):
        data += piece
    return bytes(data)


@pytest.mark.parametrize("in_cache", [True, False])
def test_long_files_follow_each_other_on_one_connection(
    sites: Sites, monkeypatch: pytest.MonkeyPatch, *, in_cache: bool
) -> None:
    if not in_cache:
        monkeypatch.setattr(file_sender, "read_cached", lambda *args: None)
    content = (sites.root / "files" / "long.bin").read_bytes()
    sent = get("/long.bin") * 3 + get("/a.txt") + get("/long.bin", "Connection: close")
    for port in sites.ports:
        with raw(port, sent, 65536) as peer:
            bodies = []
            for answer in until_end(peer).split(b"HTTP/1.1 200 OK\r\n")[1:]:
                bodies.append(answer.partition(b"\r\n\r\n")[2])
        assert bodies == [content] * 3 + [b"0123456789", content]


def test_range_of_a_long_file(sites: Sites) -> None:
    content = (sites.root / "files" / "long.bin").read_bytes()
    for port in sites.ports:
        ranged = get("/long.bin", "Range: bytes=70000-900000", "Connection: close")
        with raw(port, ranged) as peer:
            head, _, body = until_end(peer).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 206 ")
        assert body == content[70000:900001]


def test_reader_that_leaves_ends_the_sending(
    sites: Sites, wait_until: Callable[..., Any]
) -> None:
    for port, bridge in zip(sites.ports, sites.bridges, strict=True):
        for _ in range(2):
            with raw(port, get("/long.bin"), 4096) as peer:
                assert peer.recv(1000).startswith(b"HTTP/1.1 200 ")
            wait_until(lambda each=bridge: each.requests_in_hand == 0)
        with raw(port, get("/a.txt", "Connection: close")) as peer:
            assert until_end(peer).endswith(b"0123456789")


def test_file_that_shrinks_meanwhile_breaks_off(sites: Sites) -> None:
    path = sites.root / "files" / "long.bin"
    # More than the kernel holds of it.
    path.write_bytes(b"x" * (32 << 20))
    for port in sites.ports:
        with raw(port, get("/long.bin"), 4096) as peer:
            begun = peer.recv(1000)
            os.truncate(path, 1 << 20)
            rest = until_end(peer)
        assert len(begun + rest) < 32 << 20
        os.truncate(path, 32 << 20)


def test_few_files_are_remembered(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered_files, "MOST_FILES", 3)
    peer = http.client.HTTPConnection("localhost", sites.ports[0])
    for number in range(9):
        (sites.root / "files" / f"{number}.txt").write_text(str(number))
        for _ in range(2):
            assert ask(peer, f"/{number}.txt", [])[2] == str(number).encode()
    ask(peer, f"/{'%61' * 200}.txt", [])
    peer.close()
    assert len(sites.bridges[0]._files._files) == 3
    assert sites.sent_again == 9


def test_file_system_that_cannot_say_what_it_has_is_left_to_workers(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise OSError("not supported")

    monkeypatch.setattr(os, "preadv", refuse)
    peer = http.client.HTTPConnection("localhost", sites.ports[0])
    for _ in range(3):
        assert ask(peer, "/a.txt", [])[2] == b"0123456789"
        assert len(ask(peer, "/long.bin", [])[2]) == LONG
    peer.close()
    assert sites.sent_again == 0
