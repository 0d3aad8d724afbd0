"""quopri: strings in, strings out."""

from __future__ import annotations

import quopri
from typing import Any

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.strings import native, to_bytes

__all__ = ["encode", "decode", "encodestring", "decodestring"]


def encode(input: Any, output: Any, quotetabs: Any, header: Any = False) -> None:
    """Encode a file into another."""
    quopri.encode(plain_file(input), plain_file(output), quotetabs, header)


def decode(input: Any, output: Any, header: Any = False) -> None:
    """Decode a file into another."""
    quopri.decode(plain_file(input), plain_file(output), header)


def encodestring(s: Any, quotetabs: Any = False, header: Any = False) -> Any:
    """Encode a string."""
    return native(quopri.encodestring(to_bytes(s), quotetabs, header))


def decodestring(s: Any, header: Any = False) -> Any:
    """Decode a string."""
    return native(quopri.decodestring(to_bytes(s), header))
