"""base64: strings in, strings out, and TypeError for what is none."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.strings import native, to_bytes

__all__ = [
    *("encode", "decode", "encodestring", "decodestring", "b64encode", "b64decode"),
    *("b32encode", "b32decode", "b16encode", "b16decode", "standard_b64encode"),
    *("standard_b64decode", "urlsafe_b64encode", "urlsafe_b64decode"),
]


def _decoded(function: Any, *args: Any) -> Any:
    try:
        return native(function(*args))
    except binascii.Error as error:
        raise TypeError(str(error)) from error


def b64encode(s: Any, altchars: Any = None) -> str:
    """Encode by 64 letters."""
    letters = None if altchars is None else to_bytes(altchars)
    return base64.b64encode(to_bytes(s), letters).decode("ascii")


def b64decode(s: Any, altchars: Any = None) -> Any:
    """Decode 64 letters; other characters are left out."""
    letters = None if altchars is None else to_bytes(altchars)
    return _decoded(base64.b64decode, to_bytes(s), letters)


standard_b64encode = b64encode
standard_b64decode = b64decode


def urlsafe_b64encode(s: Any) -> str:
    """Encode by 64 letters that an address may have."""
    return b64encode(s, "-_")


def urlsafe_b64decode(s: Any) -> Any:
    """Decode 64 letters that an address may have."""
    return b64decode(s, "-_")


def b32encode(s: Any) -> str:
    """Encode by 32 letters."""
    return base64.b32encode(to_bytes(s)).decode("ascii")


def b32decode(s: Any, casefold: Any = False, map01: Any = None) -> Any:
    """Decode 32 letters."""
    letter = None if map01 is None else to_bytes(map01)
    return _decoded(base64.b32decode, to_bytes(s), bool(casefold), letter)


def b16encode(s: Any) -> str:
    """Encode by 16 letters."""
    return base64.b16encode(to_bytes(s)).decode("ascii")


def b16decode(s: Any, casefold: Any = False) -> Any:
    """Decode 16 letters."""
    return _decoded(base64.b16decode, to_bytes(s), bool(casefold))


def encodestring(s: Any) -> str:
    """Encode in lines of 76 letters."""
    return base64.encodebytes(to_bytes(s)).decode("ascii")


def decodestring(s: Any) -> Any:
    """Decode lines."""
    return native(base64.decodebytes(to_bytes(s)))


def encode(input: Any, output: Any) -> None:
    """Encode a file into another."""
    base64.encode(plain_file(input), plain_file(output))


def decode(input: Any, output: Any) -> None:
    """Decode a file into another."""
    base64.decode(plain_file(input), plain_file(output))
