"""Heads as bytes."""

from __future__ import annotations

from typing import Any

import pytest

from channelshim.server.response_bytes import BadAnswer, header_lines, status_line


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, b"HTTP/1.1 200 OK\r\n"),
        (404, b"HTTP/1.1 404 Not Found\r\n"),
        (299, b"HTTP/1.1 299 \r\n"),
    ],
)
def test_status_has_its_phrase(status: int, line: bytes) -> None:
    assert status_line(status) == line


@pytest.mark.parametrize("status", [0, 100, 199, 600, 999])
def test_what_is_no_final_status_is_refused(status: int) -> None:
    with pytest.raises(BadAnswer):
        status_line(status)


@pytest.mark.parametrize(
    ("headers", "lines"),
    [
        ([], b""),
        ([("X-Latin", "\xe9"), ("X-A", "b")], b"x-latin: \xe9\r\nx-a: b\r\n"),
        ([["X-List", "not a tuple"]], b"x-list: not a tuple\r\n"),
        ([("X-Empty", ""), ("X-Tab", "a\tb")], b"x-empty: \r\nx-tab: a\tb\r\n"),
    ],
)
def test_lines_are_the_same_when_remembered(headers: Any, lines: bytes) -> None:
    for _ in range(2):
        assert b"".join(header_lines(headers)[0]) == lines


def test_headers_about_one_hop_are_left_out_and_the_length_is_read() -> None:
    headers = [("Connection", "close"), ("Transfer-Encoding", "chunked")]
    headers += [("Content-Length", "3"), ("X-Kept", "a")]
    lines, length = header_lines(headers)
    assert b"".join(lines) == b"x-kept: a\r\n"
    assert length == 3


@pytest.mark.parametrize(
    "header",
    [
        ("Content-Length", "-4"),
        ("Content-Length", "\u0664"),
        ("X-Split", "a\r\nSet-Cookie: b=2"),
        ("X-Null", "a\0"),
        ("X Space", "a"),
        ("X/Slash", "a"),
        ("", "a"),
        ("X-Split: a\r\nX", "a"),
        ("X-Wide", "\u4e2d"),
        ("X-Number", 5),
    ],
)
def test_what_http_does_not_have_is_refused(header: Any) -> None:
    for _ in range(2):
        with pytest.raises(BadAnswer):
            header_lines([header])


def test_few_lines_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered: dict[tuple[str, str], bytes] = {}
    monkeypatch.setattr("channelshim.server.response_bytes._lines", remembered)
    for number in range(2000):
        headers = [("X-Number", str(number)), ("X-Long", "x" * 10_000)]
        lines, _ = header_lines(headers)
        assert f"x-number: {number}\r\n".encode("ascii") in b"".join(lines)
    assert len(remembered) == 512
    assert ("X-Long", "x" * 10_000) not in remembered
