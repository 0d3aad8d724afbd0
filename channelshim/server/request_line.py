"""Request lines that the parser refuses and old clients send.

However the bytes of a line are cut, the same comes of them: `quoted` changes each byte
by itself, and `has_unknown_method` decides by what comes before the first one that the
parser refuses.
"""

from __future__ import annotations

import re
from typing import Final

import httptools

_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")
_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]")

_LONGEST_START: Final = 32
"""Twice as long as the longest method that the parser knows."""


def quoted(data: bytes, start: bytes | None) -> tuple[bytes, bytes | None]:
    """Return data with its request line in ASCII, and what its successor is told.

    Other bytes of the line become %XX, as RFC 3986 has it.

    Args:
        data: what comes of one request; no further one behind it is looked at.
        start: what the line begins with, as far as it has come: b"" before the request,
            None behind the line.
    """
    if start is None:
        return data, None
    # Lines without anything may stand before a request.
    at = 0 if start else len(data) - len(data.lstrip(b"\r\n"))
    if at == len(data):
        return data, start
    end = data.find(b"\n", at)
    line = data[at:] if end < 0 else data[at:end]
    rest = b"" if end < 0 else data[end:]
    if not line.isascii():
        line = _NOT_ASCII.sub(_percent, line)
        data = data[:at] + line + rest
    return data, None if end >= 0 else (start + line)[:_LONGEST_START]


def _percent(byte: re.Match[bytes]) -> bytes:
    return b"%%%02X" % byte[0][0]


def has_unknown_method(line: bytes) -> bool:
    """Return whether the parser refuses a line for a method that it does not know.

    Args:
        line: from its beginning, up to what is refused or further.
    """
    line = line.lstrip(b"\r\n")
    parser = httptools.HttpRequestParser(object())
    for at in range(min(len(line), _LONGEST_START)):
        byte = line[at : at + 1]
        try:
            parser.feed_data(byte)
        except httptools.HttpParserInvalidMethodError:
            # A blank ends a method, but for the one that is empty.
            return _TOKEN.match(byte) is not None or (at > 0 and byte == b" ")
        except httptools.HttpParserError:
            return False
    return False
