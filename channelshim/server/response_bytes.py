"""The head of an answer as bytes, from lines that are checked and encoded once.

An app's answers differ in their bodies, seldom in their headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

Headers = Iterable[tuple[str, str]]

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "te", "trailer", "upgrade"}
    | {"transfer-encoding", "date"}
)
"""PEP 3333: an app may not set these. The date is the server's: one is sent already."""

BODILESS = frozenset({204, 304})
"""Statuses whose answers have no body (RFC 9110, 6.4.1)."""

_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token (RFC 9110, 5.1 and 5.6.2)."""

_NO_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""What no value may have: control characters but the tab (RFC 9110, 5.5)."""

_MOST_LINES = 512
_LONGEST_LINE = 256
"""Apps may put what they like into their headers; so much of it is remembered."""

_lines: dict[tuple[str, str], bytes] = {}


class BadAnswer(Exception):
    """An answer that cannot be sent; the text says why."""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        # The blank before it stays (RFC 9112, 4).
        return ""


_STATUS_LINES: Final = {
    status: f"HTTP/1.1 {status} {_phrase(status)}\r\n".encode("ascii")
    for status in range(200, 600)
}


def status_line(status: int) -> bytes:
    """Return the first line of a final answer.

    Raises:
        BadAnswer: a status that HTTP does not have.
    """
    line = _STATUS_LINES.get(status)
    if line is None:
        raise BadAnswer(f"{status} is not a status from 200 to 599")
    return line


def header_lines(headers: Headers) -> tuple[list[bytes], int | None]:
    """Return the lines of an app's headers, and the length that they say.

    Left out are those about one hop, and what says how long the body is.

    Args:
        headers: the app's.

    Raises:
        BadAnswer: a header that HTTP does not have.
    """
    lines = []
    length = None
    for name, value in headers:
        # What is not plain text may be equal to what it differs from.
        if type(name) is not str or type(value) is not str:
            raise BadAnswer(f"the header {name!r}: {value!r} is not text")
        line = _lines.get((name, value))
        if line is None:
            if name.lower() == "content-length":
                length = _length(value)
                continue
            line = _line(name, value)
        lines.append(line)
    return lines, length


def _length(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise BadAnswer(f"{value!r} is not a Content-Length")
    return int(value)


def _line(name: str, value: str) -> bytes:
    """Return a header's line, b"" for one that is left out."""
    lower = name.lower()
    try:
        raw_name, raw_value = lower.encode("latin-1"), value.encode("latin-1")
    except UnicodeEncodeError:
        raise BadAnswer(f"the header {name!r}: {value!r} is not latin-1") from None
    if not _NAME.fullmatch(raw_name) or _NO_VALUE.search(raw_value):
        raise BadAnswer(f"the header {name!r}: {value!r} has characters none may have")
    line = b"" if lower in HOP_BY_HOP else b"%b: %b\r\n" % (raw_name, raw_value)
    if len(_lines) < _MOST_LINES and len(name) + len(value) < _LONGEST_LINE:
        _lines[name, value] = line
    return line
