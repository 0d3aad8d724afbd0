"""Whole answers as bytes: uvicorn's own are the oracle."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from channelshim.server.response_bytes import answer_bytes
from channelshim.server.response_events import whole_events

SERVER_HEADERS = [(b"date", b"Tue, 24 Nov 2026 00:00:00 GMT")]


async def from_uvicorn(
    status: int, headers: Any, body: bytes, *, keeps_alive: bool
) -> bytes:
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
        keep_alive=keeps_alive,
        on_response=lambda: None,
    )
    for event in whole_events(status, headers, body):
        sent: Any = event
        await cycle.send(sent)
    return b"".join(written)


def lines(answer: bytes) -> tuple[list[bytes], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *others = head.split(b"\r\n")
    return [first, *sorted(others)], body


@pytest.mark.parametrize("keeps_alive", [True, False])
@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, [], b""),
        (200, [("Content-Type", "text/html; charset=utf-8")], b"<p>"),
        (404, [("X-Latin", "é"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], b"no"),
        (200, [("Content-Length", "3")], b"abc"),
        (200, [("Connection", "close"), ("Transfer-Encoding", "chunked")], b"abc"),
        (500, [["X-List", "not a tuple"]], b"x"),
        (200, [("X-Empty", "")], b"x"),
    ],
)
def test_an_answer_says_what_uvicorn_would(
    status: int, headers: Any, body: bytes, *, keeps_alive: bool
) -> None:
    expected = asyncio.run(from_uvicorn(status, headers, body, keeps_alive=keeps_alive))
    # The second time, its lines are remembered.
    for _ in range(2):
        answer = answer_bytes(
            status, headers, SERVER_HEADERS, body, keeps_alive=keeps_alive
        )
        assert answer is not None
        assert lines(answer) == lines(expected)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (204, []),
        (304, []),
        (100, []),
        (999, []),
        (200, [("Content-Length", "4")]),
        (200, [("X-Split", "a\r\nSet-Cookie: b=2")]),
        (200, [("X-Null", "a\0")]),
        (200, [("X Space", "a")]),
        (200, [("X-Split: a\r\nX", "a")]),
        (200, [("X-Wide", "中")]),
        (200, [("X-Number", 5)]),
    ],
)
def test_what_uvicorn_must_see_to_is_left_to_it(status: int, headers: Any) -> None:
    for _ in range(2):
        assert answer_bytes(status, headers, (), b"abc", keeps_alive=True) is None


def test_few_lines_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered: dict[tuple[str, str], bytes] = {}
    monkeypatch.setattr("channelshim.server.response_bytes._lines", remembered)
    for number in range(2000):
        headers = [("X-Number", str(number)), ("X-Long", "x" * 10_000)]
        answer = answer_bytes(200, headers, (), b"", keeps_alive=True)
        assert answer is not None
        assert f"x-number: {number}\r\n".encode("ascii") in answer
    assert len(remembered) == 512
    assert ("X-Long", "x" * 10_000) not in remembered
