"""CRC-32C, the checksum of LevelDB's logs.

Theory. The sum of two bytes together is one look-up in a table of all pairs of bytes,
which halves the steps of Python's loop; the table is made of the one for single bytes,
when it is first needed (some 20 ms). A byte that is left over takes its own step. A
test compares it with the bit by bit definition over any bytes.

Source: RFC 3720, 12.1 (the polynomial, reflected) and its examples in B.4.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from typing import Final

_POLYNOMIAL: Final = 0x82F63B78
_ALL: Final = 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """Return the checksum of data."""
    bytes_table, pairs = _tables()
    value = _ALL
    count, rest = divmod(len(data), 2)
    for pair in struct.unpack_from(f"<{count}H", data):
        value = pairs[(value ^ pair) & 0xFFFF] ^ (value >> 16)
    if rest:
        value = bytes_table[(value ^ data[-1]) & 0xFF] ^ (value >> 8)
    return value ^ _ALL


@functools.cache
def _tables() -> tuple[Sequence[int], Sequence[int]]:
    """Return the tables of single bytes and of pairs."""
    single = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        single.append(value)
    # The first byte of a pair is its lower one.
    pairs = [
        single[(single[pair & 0xFF] ^ (pair >> 8)) & 0xFF] ^ (single[pair & 0xFF] >> 8)
        for pair in range(1 << 16)
    ]
    return single, pairs
