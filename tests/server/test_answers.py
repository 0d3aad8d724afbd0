"""Answers on real sockets: whatever is asked, in whatever cut, against a model."""

from __future__ import annotations

import json
import random
import socket
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import zip_longest
from typing import Any
from urllib.parse import quote, unquote

import pytest

from channelshim.server.serve import make_bridge
from tests.exploring import Cases, explored
from tests.server.bridges import PATIENCE_SECONDS, LoopThread, serve

MAXIMUM_BODY_BYTES = 1000

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
    asked = json.loads(unquote(environ["QUERY_STRING"]))
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


@pytest.fixture
def port() -> Iterator[int]:
    loop = LoopThread()
    bridge = make_bridge(app, 2, maximum_body_bytes=MAXIMUM_BODY_BYTES)
    yield loop.start(lambda: serve(bridge))
    loop.stop()


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
        if not first.startswith(b"100 "):
            others = [line for line in lines if not line.startswith(b"date: ")]
            found.append(([first, *sorted(others)], body))
    return found


@dataclass(frozen=True)
class Asked:
    """One request: how the app answers it, and the bytes."""

    how: str
    reads: bool
    status: str
    headers: list[Any]
    pieces: list[str]
    method: str
    version: str
    body: bytes
    is_last: bool
    sent: bytes


def random_request(chance: random.Random, *, is_last: bool) -> Asked:
    # Usual ones most often: what ends the connection hides what comes behind it.
    hows = ["list"] * 6 + ["write", "iter", "iter", "nothing", "raise", "late"]
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
    query = quote(json.dumps(asked))
    lines = [f"{method} /path?{query} HTTP/{version}", "Host: localhost"]
    body = chance.choice([b"", b"", b"a body", b"x" * 1000, b"x" * 1001])
    if method in ("GET", "HEAD"):
        body = b""
    framed = body
    if body and version == "1.1" and chance.random() < 0.4:
        lines.append("Transfer-Encoding: chunked")
        framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    elif body or chance.random() < 0.3:
        lines.append(f"Content-Length: {len(body)}")
        if chance.random() < 0.1:
            lines.append("Expect: 100-continue")
    if is_last:
        lines.append("Connection: close")
    elif version == "1.0":
        lines.append("Connection: keep-alive")
    sent = "\r\n".join([*lines, "", ""]).encode("ascii") + framed
    return Asked(
        **asked, method=method, version=version, body=body, is_last=is_last, sent=sent
    )


# --- The model ------------------------------------------------------------------------

TEXT = [["Content-Type", "text/plain; charset=utf-8"]]
TEXT += [["X-Content-Type-Options", "nosniff"]]
NO_ANSWER = (500, TEXT, b"The app did not answer.")
HOP_BY_HOP = ("Connection", "Transfer-Encoding")
UNSENDABLE = ("X-Wide", "X Space", "X-Split", "X-Number")


def expected(asked: Asked, found: Answer | None = None) -> tuple[Answer, bool]:
    """Return the answer to a request, and whether the connection ends with it.

    Args:
        asked: the request.
        found: what came, if anything did.
    """
    closes = asked.is_last or asked.version == "1.0"
    if len(asked.body) > MAXIMUM_BODY_BYTES:
        # Refused before it has come, if the cut was seen: then nothing may follow.
        closes = closes or (found is not None and b"connection: close" in found[0])
        too_large = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        return whole(asked, too_large, TEXT, too_large.phrase.encode(), closes), closes
    pieces = [piece.encode() for piece in asked.pieces]
    pieces.append(asked.body if asked.reads else b"")
    if asked.how == "write":
        pieces.insert(0, b"written ")
    is_streamed = asked.how in ("iter", "late") and any(pieces)
    has_failed = asked.how in ("raise", "nothing") or (
        asked.how == "late" and not is_streamed
    )
    names = [name for name, _ in asked.headers]
    status = int(asked.status[:3])
    if has_failed or status > 599 or any(name in UNSENDABLE for name in names):
        return whole(asked, *NO_ANSWER, closes), closes
    headers = [pair for pair in asked.headers if pair[0] not in HOP_BY_HOP]
    if is_streamed and asked.method != "HEAD" and status not in (204, 304):
        return streamed(asked, status, headers, pieces, closes)
    # Nobody is sent the body of a streamed answer to HEAD: nobody waits for it.
    body = b"" if is_streamed else b"".join(pieces)
    return whole(asked, status, headers, body, closes), closes


def head(status: int, headers: list[Any], closes: bool) -> list[bytes]:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    lines = [f"{name.lower()}: {value}".encode("latin-1") for name, value in headers]
    lines += [b"connection: close"] if closes else []
    return [f"{status} {phrase}".encode(), *sorted(lines)]


def whole(
    asked: Asked, status: int, headers: list[Any], body: bytes, closes: bool
) -> Answer:
    is_sent = asked.method != "HEAD" and status not in (204, 304)
    lengths = [value for name, value in headers if name == "Content-Length"]
    if is_sent and lengths and lengths[-1] != str(len(body)):
        return whole(asked, *NO_ANSWER, closes)
    others = [pair for pair in headers if pair[0] != "Content-Length"]
    if status not in (204, 304) and (is_sent or lengths or body):
        others.append(["Content-Length", (lengths or [len(body)])[-1]])
    return head(status, others, closes), body if is_sent else b""


def streamed(
    asked: Asked, status: int, headers: list[Any], pieces: list[bytes], closes: bool
) -> tuple[Answer, bool]:
    lengths = [int(value) for name, value in headers if name == "Content-Length"]
    others = [pair for pair in headers if pair[0] != "Content-Length"]
    is_broken = asked.how == "late"
    sent = b""
    if lengths:
        others.append(["Content-Length", lengths[-1]])
        for piece in pieces:
            if len(sent + piece) > lengths[-1]:
                is_broken = True
                break
            sent += piece
        is_broken = is_broken or len(sent) < lengths[-1]
    elif asked.version == "1.1":
        others.append(["Transfer-Encoding", "chunked"])
        sent = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces if one)
        sent += b"" if is_broken else b"0\r\n\r\n"
    else:
        sent, closes = b"".join(pieces), True
    return (head(status, others, closes), sent), closes or is_broken


def cut(chance: random.Random, data: bytes) -> list[bytes]:
    """Return data in one piece, mostly, or in a few."""
    if chance.random() < 0.6:
        return [data]
    places = sorted(chance.randrange(len(data)) for _ in range(3))
    ends = [*places, len(data)]
    return [data[one:other] for one, other in zip([0, *places], ends, strict=True)]


@explored(60, 3000)
def test_each_request_is_answered_as_the_model_says(port: int, cases: Cases) -> None:
    chance = cases.random()
    tally: Counter[str] = Counter()
    for _ in range(cases.count):
        count = chance.randint(1, 4)
        lasts = [False] * (count - 1) + [True]
        requests = [random_request(chance, is_last=last) for last in lasts]
        pieces = cut(chance, b"".join(each.sent for each in requests))
        found = answers(port, pieces)
        tally["requests"] += count
        if found is None:
            tally["resets"] += 1
            continue
        wanted = []
        for each, came in zip_longest(requests, found[: len(requests)]):
            answer, closes = expected(each, came)
            wanted.append(answer)
            if closes:
                break
        assert found == wanted, pieces
        tally["answers"] += len(found)
    assert tally["resets"] <= 0.25 * cases.count, tally
    # What ends a connection hides the rest.
    assert tally["answers"] >= 0.4 * tally["requests"], tally
