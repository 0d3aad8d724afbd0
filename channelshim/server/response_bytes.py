"""A whole answer as bytes, from header lines that are checked and encoded once.

An app's answers differ in their bodies, seldom in their headers.
"""

from __future__ import annotations

from collections.abc import Iterable

from channelshim.server.uvicorn_names import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE

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


def answer_bytes(
    status: int,
    headers: Iterable[tuple[str, str]],
    server_headers: Iterable[tuple[bytes, bytes]],
    body: bytes,
    *,
    keeps_alive: bool,
) -> bytes | None:
    """Return the answer to a request that is not a HEAD.

    Args:
        status: with a body.
        headers: the app's.
        server_headers: what the server says in each answer.
        body: all of it.
        keeps_alive: whether the connection goes on.

    Returns:
        None when there is something about it that uvicorn must see to, or complain of:
        a status without a body, another Content-Length, a malformed header or one
        that is not plain text.
    """
    if status < 200 or status in BODILESS or status not in STATUS_LINE:
        return None
    parts = [STATUS_LINE[status]]
    for raw_name, raw_value in server_headers:
        parts += (raw_name, b": ", raw_value, b"\r\n")
    length = str(len(body))
    for name, value in headers:
        # What is not plain text may be equal to what it differs from.
        if type(name) is not str or type(value) is not str:
            return None
        line = _lines.get((name, value))
        if line is None:
            if name.lower() == "content-length":
                if value != length:
                    return None
                continue
            line = _line(name, value)
            if line is None:
                return None
        parts.append(line)
    end = b"\r\n\r\n" if keeps_alive else b"\r\nconnection: close\r\n\r\n"
    parts += (b"content-length: ", length.encode("ascii"), end, body)
    return b"".join(parts)


def without_length(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return headers without a Content-Length."""
    return [header for header in headers if header[0].lower() != "content-length"]


def _line(name: str, value: str) -> bytes | None:
    """Return a header's line, b"" for one that is left out, None for a bad one."""
    lower = name.lower()
    try:
        raw_name, raw_value = lower.encode("latin-1"), value.encode("latin-1")
    except UnicodeEncodeError:
        return None
    if HEADER_RE.search(raw_name) or HEADER_VALUE_RE.search(raw_value):
        return None
    line = b"" if lower in HOP_BY_HOP else b"%b: %b\r\n" % (raw_name, raw_value)
    if len(_lines) < _MOST_LINES and len(name) + len(value) < _LONGEST_LINE:
        _lines[name, value] = line
    return line
