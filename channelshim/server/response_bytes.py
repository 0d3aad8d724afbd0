"""The head of an answer as bytes, from lines that are checked and encoded once.

An app's answers differ in their bodies, seldom in their headers.
"""

from __future__ import annotations

from collections.abc import Iterable

from channelshim.server.uvicorn_names import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE

Headers = Iterable[tuple[str, str]]

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "te", "trailer", "upgrade"}
    | {"transfer-encoding", "date"}
)
"""PEP 3333: an app may not set these. The date is the server's: one is sent already."""

BODILESS = frozenset({204, 304})
"""Statuses whose answers have no body (RFC 9110, 6.4.1)."""

_MOST_LINES = 512
_LONGEST_LINE = 256
"""Apps may put what they like into their headers; so much of it is remembered."""

_lines: dict[tuple[str, str], bytes] = {}


class BadAnswer(Exception):
    """An answer that cannot be sent; the text says why."""


def head_lines(
    status: int, headers: Headers, server_headers: Iterable[tuple[bytes, bytes]]
) -> tuple[list[bytes], int | None]:
    """Return the lines of a head, and the length that the headers say.

    The lines lack what says how long the body is, and the empty one at the end.

    Args:
        status: the code.
        headers: the app's; those about one hop are left out.
        server_headers: what the server says in each answer.

    Raises:
        BadAnswer: a status or a header that HTTP does not have.
    """
    if status not in STATUS_LINE or status < 200:
        raise BadAnswer(f"{status} is not a status from 200 to 599")
    parts = [STATUS_LINE[status]]
    for raw_name, raw_value in server_headers:
        parts += (raw_name, b": ", raw_value, b"\r\n")
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
        parts.append(line)
    return parts, length


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
    if HEADER_RE.search(raw_name) or HEADER_VALUE_RE.search(raw_value):
        raise BadAnswer(f"the header {name!r}: {value!r} has characters none may have")
    line = b"" if lower in HOP_BY_HOP else b"%b: %b\r\n" % (raw_name, raw_value)
    if len(_lines) < _MOST_LINES and len(name) + len(value) < _LONGEST_LINE:
        _lines[name, value] = line
    return line
