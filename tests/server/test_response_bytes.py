"""Heads as bytes: uvicorn's own are the oracle."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from channelshim.server.response_bytes import BadAnswer, head_lines

SERVER_HEADERS = [(b"date", b"Tue, 24 Nov 2026 00:00:00 GMT")]


async def from_uvicorn(status: int, headers: Any) -> bytes:
    written: list[bytes] = []
    transport: Any = SimpleNamespace(write=written.append, close=lambda: None)
    flow: Any = SimpleNamespace(write_paused=False)
    scope: Any = {"method": "GET"}
    cycle = RequestResponseCycle(
        scope=scope,
        transport=transport,
        flow=flow,
        logger=logging.getLogger(),
        access_logger=logging.getLogger(),
        access_log=False,
        default_headers=SERVER_HEADERS,
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=True,
        on_response=lambda: None,
    )
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    start: Any = {"type": "http.response.start", "status": status, "headers": raw}
    await cycle.send(start)
    return b"".join(written)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, []),
        (200, [("Content-Type", "text/html; charset=utf-8")]),
        (404, [("X-Latin", "\xe9"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]),
        (500, [["X-List", "not a tuple"]]),
        (200, [("X-Empty", "")]),
        (299, []),
    ],
)
def test_a_head_says_what_uvicorn_would(status: int, headers: Any) -> None:
    whole = asyncio.run(from_uvicorn(status, headers))
    expected = whole.replace(b"transfer-encoding: chunked\r\n", b"")
    # The second time, its lines are remembered.
    for _ in range(2):
        lines, length = head_lines(status, headers, SERVER_HEADERS)
        assert b"".join(lines) + b"\r\n" == expected
        assert length is None


def test_headers_about_one_hop_are_left_out_and_the_length_is_read() -> None:
    headers = [("Connection", "close"), ("Transfer-Encoding", "chunked")]
    headers += [("Content-Length", "3"), ("X-Kept", "a")]
    lines, length = head_lines(200, headers, ())
    assert b"".join(lines) == b"HTTP/1.1 200 OK\r\nx-kept: a\r\n"
    assert length == 3


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (100, []),
        (600, []),
        (999, []),
        (200, [("Content-Length", "-4")]),
        (200, [("Content-Length", "\u0664")]),
        (200, [("X-Split", "a\r\nSet-Cookie: b=2")]),
        (200, [("X-Null", "a\0")]),
        (200, [("X Space", "a")]),
        (200, [("X-Split: a\r\nX", "a")]),
        (200, [("X-Wide", "\u4e2d")]),
        (200, [("X-Number", 5)]),
    ],
)
def test_what_http_does_not_have_is_refused(status: int, headers: Any) -> None:
    for _ in range(2):
        with pytest.raises(BadAnswer):
            head_lines(status, headers, ())


def test_few_lines_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered: dict[tuple[str, str], bytes] = {}
    monkeypatch.setattr("channelshim.server.response_bytes._lines", remembered)
    for number in range(2000):
        headers = [("X-Number", str(number)), ("X-Long", "x" * 10_000)]
        lines, _ = head_lines(200, headers, ())
        assert f"x-number: {number}\r\n".encode("ascii") in b"".join(lines)
    assert len(remembered) == 512
    assert ("X-Long", "x" * 10_000) not in remembered
