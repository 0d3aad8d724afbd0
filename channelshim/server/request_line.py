"""Request lines that the parser refuses and old clients send."""

from __future__ import annotations

import re
from typing import Final

_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")
_METHOD: Final = re.compile(rb"(?:\r?\n)*[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64} [/*h]")


def quoted(data: bytes) -> bytes:
    """Return data with its first line in ASCII: other bytes as %XX, as RFC 3986 has it.

    Args:
        data: what begins with a request; no further one behind it is looked at.
    """
    start = len(data) - len(data.lstrip(b"\r\n"))
    end = data.find(b"\n", start)
    line = data[start:] if end < 0 else data[start:end]
    if line.isascii():
        return data
    return data[:start] + _NOT_ASCII.sub(_percent, line) + data[start + len(line) :]


def _percent(byte: re.Match[bytes]) -> bytes:
    return b"%%%02X" % byte[0][0]


def has_a_method(data: bytes) -> bool:
    """Return whether data begins as a request does, with whatever method."""
    return _METHOD.match(data) is not None
