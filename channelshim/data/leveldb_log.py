"""LevelDB's log format: how a managed export keeps its entities.

A file is blocks of 32 KiB. A record stands in one or more pieces, none of which crosses
a block: masked CRC-32C, length and type, 7 bytes, and the piece. What is left of a
block behind its last piece is zeros.

Source: LevelDB, doc/log_format.md; the zeros: SDK 1.9.88, api/files/records.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, Final

from channelshim.data.crc32c import crc32c
from channelshim.data.records import BadRecord

BLOCK_BYTES: Final = 32 << 10

MAXIMUM_RECORD_BYTES: Final = 64 << 20
"""An entity has about 1 MB; a file that promises more is not believed."""

_HEAD: Final = struct.Struct("<IHB")

_WHOLE: Final = 1
_FIRST: Final = 2
_MIDDLE: Final = 3
_LAST: Final = 4

_MASK_DELTA: Final = 0xA282EAD8


def masked(checksum: int) -> int:
    """Return a CRC-32C as it stands in a log."""
    rotated = (checksum >> 15) | (checksum << 17)
    return (rotated + _MASK_DELTA) & 0xFFFFFFFF


def read_log(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the records of a log, from where the file stands to its end.

    Raises:
        BadRecord: the one after those that were yielded is damaged.
    """
    parts: list[bytes] = []
    size = 0
    for kind, piece in _pieces(file):
        if (kind in (_WHOLE, _FIRST)) == bool(parts):
            raise BadRecord("a record of the log begins or goes on in the wrong place")
        parts.append(piece)
        size += len(piece)
        if size > MAXIMUM_RECORD_BYTES:
            raise BadRecord(f"it has more than {MAXIMUM_RECORD_BYTES:,} bytes")
        if kind in (_WHOLE, _LAST):
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        raise BadRecord("the log is cut short")


def begins_as_log(data: bytes) -> bool:
    """Return whether the beginning of a file is that of a log: its first piece fits.

    Args:
        data: the first block, or the whole of a shorter file.
    """
    if len(data) < _HEAD.size:
        return False
    check, length, kind = _HEAD.unpack_from(data)
    piece = data[_HEAD.size : _HEAD.size + length]
    return (
        kind in (_WHOLE, _FIRST)
        and len(piece) == length
        and check == masked(crc32c(bytes([kind]) + piece))
    )


def _pieces(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield type and bytes of each piece."""
    while block := _read_block(file):
        position = 0
        while len(block) - position >= _HEAD.size:
            check, length, kind = _HEAD.unpack_from(block, position)
            start = position + _HEAD.size
            if not (check or length or kind):
                break
            piece = block[start : start + length]
            if len(piece) < length:
                if len(block) < BLOCK_BYTES:
                    raise BadRecord("the log is cut short")
                raise BadRecord("the log is damaged: a piece crosses its block")
            if kind not in (_WHOLE, _FIRST, _MIDDLE, _LAST):
                raise BadRecord("the log is damaged: there is no such type of a piece")
            if check != masked(crc32c(bytes([kind]) + piece)):
                raise BadRecord("the log is damaged: the checksum does not fit")
            yield kind, piece
            position = start + length
        if block[position:].strip(b"\0"):
            raise BadRecord("the log is damaged: a block does not end with zeros")


def _read_block(file: IO[bytes]) -> bytes:
    """Return the next block; less at the file's end alone."""
    parts = []
    missing = BLOCK_BYTES
    while missing and (part := file.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
