"""Any text or bytes as text that a page, a form and JSON can carry."""

from __future__ import annotations

import re
from typing import Final

SHORT: Final = 120
"""Characters of a value in a list."""

_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_LOW: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PICTURES: Final = 0x2400
_DELETE: Final = 0x7F
_UNKNOWN: Final = "\N{REPLACEMENT CHARACTER}"


def clean(text: str) -> str:
    """Return a text in which every character can be sent and shown.

    Control characters become their pictures, a lone surrogate the replacement
    character; tabs and ends of lines stay.
    """
    return _CONTROL.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(_PICTURES + code)
    return "\N{SYMBOL FOR DELETE}" if code == _DELETE else _UNKNOWN


def shorten(text: str, most: int = SHORT) -> str:
    """Return at most so many characters of a text, with dots for the rest."""
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def of_bytes(data: bytes, most: int = SHORT) -> str:
    """Return bytes for people to read: their UTF-8 text, the rest as \\x escapes.

    Args:
        data: any.
        most: characters of the answer.
    """
    # A character has four bytes at most.
    start = data[: 4 * most]
    text = start.decode("utf-8", "backslashreplace")
    text = clean(_LOW.sub(lambda match: f"\\x{ord(match[0]):02x}", text))
    return shorten(text if len(start) == len(data) else f"{text} ", most)


def form_text(text: str) -> str:
    """Return a text as a form sends it back: with one kind of line end, cleaned."""
    return clean(text.replace("\r\n", "\n").replace("\r", "\n"))
