"""Requests that are answered without a task: the answers are those of a task.

Two servers with real sockets, one that begins requests at once and one that leaves each
to uvicorn, are sent the same bytes.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
import uvicorn
from uvicorn.server import ServerState

from channelshim.server.bridge import WsgiBridge
from channelshim.server.http_protocol import Begin, for_server
from channelshim.server.serve import make_bridge
from channelshim.transports.connection_table import ConnectionTable
from tests.exploring import Cases, explored
from tests.lanes import timeout_factor

PATIENCE_SECONDS = 20.0 * timeout_factor()

STATUSES = ["200 OK", "201 Created", "204 No Content", "304 Not Modified"]
STATUSES += ["404 Not Found", "500 Oops", "599 Own", "999 None"]
HEADERS = [
    ["Content-Type", "text/plain"],
    ["X-Latin", "é"],
    ["x-lower", ""],
    ["Set-Cookie", "a=1"],
    ["Set-Cookie", "b=2"],
    ["Connection", "close"],
    ["Transfer-Encoding", "chunked"],
    ["Content-Length", "5"],
    ["Content-Length", "0"],
    ["X-Wide", "中"],
    ["X Space", "a"],
    ["X-Split", "a\r\nX-More: b"],
    ["X-Number", 5],
]


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer as the query says."""
    asked = json.loads(environ["QUERY_STRING"].replace("%22", '"').replace("%20", " "))
    how = asked["how"]
    if how == "raise":
        raise RuntimeError("for this test")
    body = environ["wsgi.input"].read() if asked["reads"] else b""
    pieces = [piece.encode("ascii") for piece in asked["pieces"]] + [body]
    if how == "nothing":
        return pieces
    headers = [tuple(header) for header in asked["headers"]]
    write = start_response(asked["status"], headers)
    if how == "write":
        write(b"written ")
    if how == "late":
        return raising(pieces)
    return pieces if how in ("list", "write") else iter(pieces)


def raising(pieces: list[bytes]) -> Iterator[bytes]:
    yield from pieces
    raise RuntimeError("for this test")


class Sites:
    """Both servers, on a loop in a thread of their own.

    Attributes:
        begun: how many requests the first began without a task.
        ports: of the one that begins requests at once, and of the other.
    """

    def __init__(self) -> None:
        self.begun = 0
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.ports = [self._start(self._begin_of), self._start(lambda bridge: never)]

    def _begin_of(self, bridge: WsgiBridge) -> Begin:
        def begin(*args: Any) -> bool:
            is_begun = bridge.begin(*args)
            self.begun += is_begun
            return is_begun

        return begin

    def _start(self, begin_of: Callable[[WsgiBridge], Begin]) -> int:
        bridge = make_bridge(app, 2, maximum_body_bytes=1000)
        acceptor: Any = None
        config = uvicorn.Config(
            bridge,
            http=for_server(acceptor, begin_of(bridge), ConnectionTable()),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )
        config.load()
        protocol: Any = config.http_protocol_class
        state = ServerState()
        made = partial(protocol, config=config, server_state=state, app_state={})
        opened = self._loop.create_server(made, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(opened, self._loop).result()
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def stop(self) -> None:
        """Stop both."""
        for server in self._servers:
            self._loop.call_soon_threadsafe(server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def never(*args: object) -> bool:
    """Leave each request to a task."""
    return False


@pytest.fixture
def sites() -> Iterator[Sites]:
    found = Sites()
    yield found
    found.stop()


Answer = tuple[list[bytes], bytes]


def answers(port: int, pieces: list[bytes]) -> list[Answer] | None:
    """Return each answer: its status line and sorted header lines, and its body.

    None when the connection was reset: it was ended before all had been read, and
    whether the kernel then delivers what came before is a matter of luck.
    """
    data = b""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as peer:
        try:
            for piece in pieces:
                peer.sendall(piece)
            while received := peer.recv(65536):
                data += received
        except (ConnectionResetError, BrokenPipeError):
            return None
    found = []
    for answer in data.split(b"HTTP/1.1 ")[1:]:
        head, _, body = answer.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        found.append(([first, *sorted(lines)], body))
    return found


def random_request(chance: random.Random, *, is_last: bool) -> bytes:
    # Usual ones most often: what ends the connection hides what comes behind it.
    hows = ["list"] * 6 + ["write", "iter", "nothing", "raise", "late"]
    asked: dict[str, Any] = {
        "how": chance.choice(hows),
        "reads": chance.random() < 0.7,
        "status": chance.choice(["200 OK"] * 6 + STATUSES),
        "headers": chance.sample(HEADERS[:5], chance.randint(0, 3)),
        "pieces": chance.choice([[], ["abcde"], ["abc", "", "de"], [""]]),
    }
    if chance.random() < 0.2:
        asked["headers"].append(chance.choice(HEADERS))
    method = chance.choice(["GET", "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS"])
    version = chance.choice(["1.1", "1.1", "1.1", "1.0"])
    query = quote(json.dumps(asked), safe="{}[]:,/\\-").replace("%3A", ":")
    lines = [f"{method} /path?{query} HTTP/{version}", "Host: localhost"]
    body = chance.choice([b"", b"", b"a body", b"x" * 1000, b"x" * 1001])
    if method in ("GET", "HEAD"):
        body = b""
    if body and version == "1.1" and chance.random() < 0.4:
        lines.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    elif body or chance.random() < 0.3:
        lines.append(f"Content-Length: {len(body)}")
        if chance.random() < 0.1:
            lines.append("Expect: 100-continue")
    if is_last:
        lines.append("Connection: close")
    elif version == "1.0":
        lines.append("Connection: keep-alive")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def cut(chance: random.Random, data: bytes) -> list[bytes]:
    """Return data in one piece, mostly, or in a few."""
    if chance.random() < 0.6:
        return [data]
    places = sorted(chance.randrange(len(data)) for _ in range(3))
    ends = [*places, len(data)]
    return [data[one:other] for one, other in zip([0, *places], ends, strict=True)]


@explored(60, 3000)
def test_a_request_is_answered_as_uvicorn_would(sites: Sites, cases: Cases) -> None:
    chance = cases.random()
    tally: Counter[str] = Counter()
    for _ in range(cases.count):
        count = chance.randint(1, 4)
        lasts = [False] * (count - 1) + [True]
        requests = [random_request(chance, is_last=last) for last in lasts]
        pieces = cut(chance, b"".join(requests))
        begun, expected = (answers(port, pieces) for port in sites.ports)
        tally["requests"] += count
        if begun is None or expected is None:
            tally["resets"] += 1
            continue
        assert begun == expected, pieces
        for (status_line, *lines), body in begun:
            if status_line[:3] in (b"204", b"304"):
                assert (body, [x for x in lines if b"length" in x]) == (b"", []), pieces
        tally["answers"] += len(begun)
    tally["begun"] = sites.begun
    assert tally["resets"] <= 0.25 * cases.count, tally
    # What ends a connection hides the rest; of what is answered most needs no task.
    assert tally["answers"] >= 0.4 * tally["requests"], tally
    assert tally["begun"] >= 0.5 * tally["answers"], tally
