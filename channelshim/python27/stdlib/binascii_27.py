"""binascii: strings in, strings out; checksums are signed."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Any

from channelshim.python27.stdlib.wrapping import with_bytes
from channelshim.python27.strings import native, to_bytes

__all__ = [
    *("hexlify", "unhexlify", "b2a_hex", "a2b_hex", "b2a_base64", "a2b_base64"),
    *(
        "Error",
        "Incomplete",
        "b2a_uu",
        "a2b_uu",
        "b2a_qp",
        "a2b_qp",
        "crc32",
        "crc_hqx",
    ),
]

b2a_base64: Callable[..., Any] = with_bytes(binascii.b2a_base64)
a2b_base64: Callable[..., Any] = with_bytes(binascii.a2b_base64)
b2a_uu: Callable[..., Any] = with_bytes(binascii.b2a_uu)
a2b_uu: Callable[..., Any] = with_bytes(binascii.a2b_uu)
b2a_qp: Callable[..., Any] = with_bytes(binascii.b2a_qp)
a2b_qp: Callable[..., Any] = with_bytes(binascii.a2b_qp)
Error = binascii.Error
Incomplete = binascii.Incomplete
hexlify: Callable[..., Any] = with_bytes(binascii.hexlify)
b2a_hex: Callable[..., Any] = hexlify


def unhexlify(hexstr: Any) -> Any:
    """Return the bytes that hexadecimal digits write."""
    try:
        return native(binascii.unhexlify(to_bytes(hexstr)))
    except (binascii.Error, ValueError) as error:
        raise TypeError(str(error)) from error


a2b_hex = unhexlify


def crc32(s: Any, crc: int = 0) -> int:
    """Return a checksum, as a signed number of 32 bits."""
    value = binascii.crc32(to_bytes(s), crc & 0xFFFFFFFF)
    return value - (1 << 32) if value & (1 << 31) else value


def crc_hqx(data: Any, crc: int) -> int:
    """Return binhex's checksum."""
    return binascii.crc_hqx(to_bytes(data), crc)
