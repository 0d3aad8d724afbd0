"""xmlrpclib: calls as strings of either kind."""

from __future__ import annotations

import xmlrpc.client
from typing import Any

from channelshim.python27.helpers.text import taking_text
from channelshim.python27.stdlib.wrapping import native_of, raw_of, text_of, with_bytes

__all__ = [
    *("Binary", "loads", "StringTypes", "True", "False", "boolean", "Boolean"),
    *("gzip_encode", "gzip_decode"),
]

gzip_encode = with_bytes(xmlrpc.client.gzip_encode, raw_of)
gzip_decode = with_bytes(xmlrpc.client.gzip_decode, native_of)

StringTypes: tuple[type[str], type[bytes]] = (str, bytes)
globals().update({"True": True, "False": False})
Boolean = bool


def boolean(value: Any, _truefalse: Any = (False, True)) -> bool:
    """Return a truth value."""
    return bool(value)


Binary: type = taking_text(xmlrpc.client.Binary)


def loads(data: Any, use_datetime: Any = 0) -> Any:
    """Return the values and the method's name of a call."""
    return xmlrpc.client.loads(text_of(data), bool(use_datetime))
