"""LevelDB logs, written as LevelDB's own writer does."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from channelshim.data import leveldb_log
from channelshim.data.crc32c import crc32c
from channelshim.data.leveldb_log import masked

HEAD_BYTES = 7


def log_of(records: Iterable[bytes], *, pads_end: bool = False) -> bytes:
    """Return a log.

    Args:
        records: what it holds.
        pads_end: fill the last block with zeros, as App Engine's writer did.
    """
    log = bytearray()
    for record in records:
        rest, is_first = record, True
        while is_first or rest:
            room = leveldb_log.BLOCK_BYTES - len(log) % leveldb_log.BLOCK_BYTES
            if room < HEAD_BYTES:
                log += bytes(room)
                continue
            piece, rest = rest[: room - HEAD_BYTES], rest[room - HEAD_BYTES :]
            kind = {(1, 1): 1, (1, 0): 2, (0, 0): 3, (0, 1): 4}[is_first, not rest]
            check = masked(crc32c(bytes([kind]) + piece))
            log += struct.pack("<IHB", check, len(piece), kind) + piece
            is_first = False
    if pads_end:
        log += bytes(-len(log) % leveldb_log.BLOCK_BYTES)
    return bytes(log)
