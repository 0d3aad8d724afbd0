"""uvicorn, another server on the same parser, is the oracle of ours."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import pytest
import uvicorn

from channelshim.server.response import Response
from tests.server.bridges import PATIENCE_SECONDS, LoopThread, listen

Facts = dict[str, Any]


async def their_app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what was asked for, or as the query says."""
    body, has_more = b"", True
    while has_more:
        event = await receive()
        body += event.get("body", b"")
        has_more = event.get("more_body", False)
    facts = facts_of(
        scope["method"],
        scope["raw_path"],
        scope["query_string"],
        scope["http_version"],
        scope["headers"],
        body,
    )
    status, headers, answer = answer_to(facts)
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    raw.append((b"content-length", b"%d" % len(answer)))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": answer})


def our_app(response: Response) -> None:
    """Do the same."""
    request, upload = response.request, response.request.upload

    def answer() -> None:
        facts = facts_of(
            request.method,
            request.raw_path,
            request.query,
            request.version,
            request.headers,
            b"" if upload is None else upload.take()[0].read(),
        )
        response.send_whole(*answer_to(facts))

    if upload is None:
        answer()
    else:
        upload.read(1 << 20, answer)
        if not upload.is_whole:
            response.send_continue()


def facts_of(
    method: str, path: bytes, query: bytes, version: str, headers: Any, body: bytes
) -> Facts:
    return {
        "method": method,
        "path": path.decode("latin-1"),
        "query": query.decode("latin-1"),
        "version": version,
        "headers": [
            [name.decode("latin-1"), value.decode("latin-1")] for name, value in headers
        ],
        "body": body.decode("latin-1"),
    }


def answer_to(facts: Facts) -> tuple[int, list[tuple[str, str]], bytes]:
    if facts["path"] == "/answer":
        status, headers = json.loads(unquote(facts["query"]))
        return status, [tuple(header) for header in headers], b""
    return 200, [("X-Facts", "here")], json.dumps(facts).encode("ascii")


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """Return where uvicorn listens, and where we do."""
    config = uvicorn.Config(
        their_app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    loop = LoopThread()
    yield listening.getsockname()[1], loop.start(lambda: listen(our_app))
    loop.stop()
    server.should_exit = True
    thread.join()
    listening.close()


def ask(port: int, sent: bytes, size: int) -> tuple[list[bytes], bytes]:
    """Return the sorted lines of all heads, and what else came.

    Args:
        port: of the server.
        sent: to it; the last request closes.
        size: of the pieces in which it is sent.
    """
    data = b""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(sent), size):
            peer.sendall(sent[at : at + size])
        while piece := peer.recv(65536):
            data += piece
    lines = sorted(line for line in data.split(b"\r\n") if line[:5] != b"date:")
    return lines, data.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")[-200:]


HOST = b"Host: localhost\r\n"
LAST = HOST + b"Connection: close\r\n"

REQUESTS = [
    b"GET /a HTTP/1.1\r\n" + LAST + b"\r\n",
    b"GET /a%20b/%C3%A9?c=%64&e#f HTTP/1.1\r\n" + LAST + b"\r\n",
    b"GET //a//b?c?d HTTP/1.1\r\nX-A:  b \r\nx-a: c\r\nX-Latin: \xe9\r\n"
    + LAST
    + b"\r\n",
    b"GET http://localhost/a?b HTTP/1.1\r\n" + LAST + b"\r\n",
    b"GET /old HTTP/1.0\r\n\r\n",
    b"POST /b HTTP/1.1\r\nContent-Length: 5\r\n" + LAST + b"\r\nhello",
    b"POST /b HTTP/1.1\r\nContent-Length: 0\r\n" + LAST + b"\r\n",
    b"PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
    + LAST
    + b"\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
    b"DELETE /d HTTP/1.1\r\n" + HOST + b"\r\nPATCH /e HTTP/1.1\r\n" + LAST + b"\r\n",
    b"\r\nOPTIONS /f HTTP/1.1\r\n" + LAST + b"\r\n",
    b"GET /g HTTP/1.1\r\n"
    + HOST
    + b"Upgrade: h2c\r\nConnection: Upgrade, close\r\n\r\n",
    b"HEAD /h HTTP/1.1\r\n" + LAST + b"\r\n",
]


@pytest.mark.parametrize("size", [1 << 16, 7])
@pytest.mark.parametrize("sent", REQUESTS)
def test_request_is_read_as_uvicorn_reads_it(
    ports: tuple[int, int], sent: bytes, size: int
) -> None:
    theirs, ours = (ask(port, sent, size) for port in ports)
    assert theirs[0][-1], theirs
    assert ours[0] == theirs[0]


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, []),
        (200, [["Content-Type", "text/html; charset=utf-8"]]),
        (404, [["X-Latin", "\xe9"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]]),
        (200, [["X-Empty", ""]]),
        (299, []),
        (599, [["X-Tab", "a\tb"]]),
    ],
)
def test_head_says_what_uvicorns_does(
    ports: tuple[int, int], status: int, headers: list[list[str]]
) -> None:
    query = quote(json.dumps([status, headers])).encode("ascii")
    sent = b"GET /answer?" + query + b" HTTP/1.1\r\n" + LAST + b"\r\n"
    theirs, ours = (ask(port, sent, 1 << 16)[0] for port in ports)
    assert ours == theirs
    assert b"HTTP/1.1 %d " % status in theirs[2] + theirs[1] + theirs[0]
