"""email.Header: encoded headers of strings of either kind."""

from __future__ import annotations

import email.header
from typing import Any

from channelshim.python27.strings import STRINGS, native, to_text

__all__ = ["decode_header", "make_header"]


def decode_header(header: Any) -> list[tuple[Any, Any]]:
    """Return the parts of a header, each with its charset or None."""
    if isinstance(header, STRINGS):
        header = to_text(header)
    return [
        (native(part).strip() if isinstance(part, bytes) else part, charset)
        for part, charset in email.header.decode_header(header)
    ]


def make_header(decoded_seq: Any, *args: Any, **named: Any) -> Any:
    """Return the header that has these parts."""
    parts = [
        (bytes(part) if isinstance(part, bytes) else part, charset)
        for part, charset in decoded_seq
    ]
    return email.header.make_header(parts, *args, **named)
