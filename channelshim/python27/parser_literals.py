"""Values of 2.7's literals: numbers, byte strings, unicode strings."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_SIMPLE: Final = {
    "\n": "",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_SIMPLE_BYTES: Final = {key.encode(): text.encode() for key, text in _SIMPLE.items()}

_BYTES_ESCAPE: Final = re.compile(rb"\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|.)", re.DOTALL)
_TEXT_ESCAPE: Final = re.compile(
    r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|[0-7]{1,3}|.)",
    re.DOTALL,
)
_RAW_ESCAPE: Final = re.compile(r"(\\+)(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[uU])")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def number_value(text: str) -> int | float | complex:
    """Return what a number's text stands for.

    Raises:
        ValueError: an octal number with 8 or 9, or more digits than Python reads.
    """
    last = text[-1]
    if last in "lL":
        text = text[:-1]
    if text[:2].lower() in ("0x", "0b", "0o"):
        return int(text, 0)
    if last in "jJ":
        return complex(0.0, float(text[:-1]))
    if "." in text or "e" in text or "E" in text:
        return float(text)
    if text[0] == "0" and len(text) > 1:
        return int(text, 8)
    return int(text)


def string_value(
    text: str, encoding: str, *, unicode_literals: bool
) -> tuple[str | bytes, str | None]:
    """Return the value of one string token, and its kind.

    Args:
        encoding: of the source file: a native literal holds the file's own bytes.
        unicode_literals: the file has that future import.

    Returns:
        Text and "u"; or bytes and "b" for `b''`, bytes and None for a native literal.

    Raises:
        ValueError: an escape that 2.7 refuses.
    """
    start = 0
    while text[start] not in "\"'":
        start += 1
    prefix = text[:start].lower()
    width = 3 if len(text) - start >= 6 and text[start + 1] == text[start] else 1
    body = text[start + width : -width]
    is_raw = "r" in prefix
    if "u" in prefix or (unicode_literals and "b" not in prefix):
        return _unicode_value(body, is_raw=is_raw), "u"
    value = body.encode(encoding, "surrogateescape")
    if not is_raw and b"\\" in value:
        value = _BYTES_ESCAPE.sub(_unescape_bytes, value)
    return value, "b" if "b" in prefix else None


def _unescape_bytes(match: re.Match[bytes]) -> bytes:
    escape = match[1]
    simple = _SIMPLE_BYTES.get(escape)
    if simple is not None:
        return simple
    if escape[0] in b"01234567":
        return bytes((int(escape, 8) & 255,))
    if escape[0:1] == b"x":
        if len(escape) == 1:
            raise ValueError("invalid \\x escape")
        return bytes((int(escape[1:], 16),))
    return match[0]


def _unicode_value(body: str, *, is_raw: bool) -> str:
    if "\\" not in body:
        return body
    if is_raw:
        value = _RAW_ESCAPE.sub(_unescape_raw, body)
    else:
        value = _TEXT_ESCAPE.sub(_unescape_text, body)
    if _SURROGATE.search(value):
        # Two halves are one character, as in 2.7's own compiled files.
        value = value.encode("utf-16-le", "surrogatepass").decode(
            "utf-16-le", "surrogatepass"
        )
    return value


def _unescape_text(match: re.Match[str]) -> str:
    escape = match[1]
    simple = _SIMPLE.get(escape)
    if simple is not None:
        return simple
    first = escape[0]
    if first in "01234567":
        return chr(int(escape, 8))
    if first in "xuU":
        if len(escape) == 1:
            raise ValueError(f"truncated \\{first} escape")
        return _character(escape[1:])
    if first == "N":
        return _named(escape)
    return match[0]


def _character(digits: str) -> str:
    code = int(digits, 16)
    if code > 0x10FFFF:
        raise ValueError("illegal Unicode character")
    return chr(code)


def _named(escape: str) -> str:
    if len(escape) == 1:
        raise ValueError("malformed \\N character escape")
    try:
        return unicodedata.lookup(escape[2:-1])
    except KeyError:
        raise ValueError("unknown Unicode character name") from None


def _unescape_raw(match: re.Match[str]) -> str:
    backslashes, escape = match[1], match[2]
    if len(backslashes) % 2 == 0:
        return match[0]
    if len(escape) == 1:
        raise ValueError(f"truncated \\{escape} escape")
    return backslashes[:-1] + _character(escape[1:])


def join_values(parts: list[tuple[str | bytes, str | None]]) -> tuple[str | bytes, str]:
    """Return the value of string tokens that stand side by side, and their kind.

    A native literal whose bytes are UTF-8 comes out as text, kind "".

    Raises:
        ValueError: never for what string_value returned.
    """
    if any(kind == "u" for _, kind in parts):
        return "".join(_as_text(value) for value, _ in parts), "u"
    joined = b"".join(value for value, _ in parts if isinstance(value, bytes))
    if parts[0][1] == "b":
        return joined, "b"
    try:
        return joined.decode("utf-8"), ""
    except UnicodeDecodeError:
        return joined, ""


def _as_text(value: str | bytes) -> str:
    if isinstance(value, str):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
