"""Bytes inside text that are no UTF-8, when the text is encoded again."""

from __future__ import annotations

import codecs
import re
from typing import Any, Final

_ESCAPED: Final = re.compile("[\udc80-\udcff]")
"""A byte that was read as text and is no UTF-8."""

_KEEPS: Final = "channelshim.keep."


def keeping_bytes(text: str, errors: str) -> str:
    """Return the error handler for text: escaped bytes stay the bytes that they are.

    2.7 had a byte string there, which its authors did not mean to encode again; what
    is not a byte is left to the handler that they named.
    """
    if _ESCAPED.search(text) is None:
        return errors
    plain = codecs.lookup_error(errors)

    def keep(error: UnicodeError) -> tuple[Any, int]:
        if not isinstance(error, UnicodeEncodeError):
            return plain(error)
        start, end = error.start, error.end
        raw = bytearray()
        while start < end and _ESCAPED.match(error.object, start):
            raw.append(ord(error.object[start]) - 0xDC00)
            start += 1
        if raw:
            return bytes(raw), start
        escaped = _ESCAPED.search(error.object, start, end)
        if escaped is not None:
            error.end = escaped.start()
        return plain(error)

    codecs.register_error(_KEEPS + errors, keep)
    return _KEEPS + errors
