"""email.base64MIME: bodies of strings of either kind."""

from __future__ import annotations

import email.base64mime as real
from typing import Any

from channelshim.python27.stdlib.wrapping import with_bytes

__all__ = ["decode", "decodestring", "encode", "encodestring", "body_encode"]

body_decode: Any = real.decode
decode = decodestring = with_bytes(lambda string: body_decode(string))
_encode: Any = with_bytes(real.body_encode)


def encode(s: Any, binary: Any = True, maxlinelen: int = 76, eol: str = "\n") -> Any:
    """Write a string in base64, in lines."""
    return _encode(s, maxlinelen).replace("\n", eol)


body_encode = encodestring = encode
