"""Logs of LevelDB: whatever was written is read, and whatever changed is refused."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.data import leveldb_log
from channelshim.data.crc32c import crc32c
from channelshim.data.leveldb_log import (
    BLOCK_BYTES,
    begins_as_log,
    masked,
    read_log,
)
from channelshim.data.records import BadRecord
from tests.data.logs import HEAD_BYTES, log_of

SMALL = 64
"""Bytes of a block in which all that matters happens sooner."""


def read(log: bytes) -> list[bytes]:
    return list(read_log(io.BytesIO(log)))


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_what_was_written_is_read(records: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leveldb_log, "BLOCK_BYTES", SMALL)
        for pads_end in (False, True):
            assert read(log_of(records, pads_end=pads_end)) == records


@pytest.mark.parametrize("size", [0, 1, 6, 7, 8, 14, 70_000])
def test_records_fit_into_blocks_of_their_size(size: int) -> None:
    records = [b"x" * (BLOCK_BYTES - HEAD_BYTES - size % BLOCK_BYTES), b"y" * size]
    assert read(log_of(records)) == records


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4), st.data())
def test_a_changed_byte_is_refused(records: list[bytes], data: st.DataObject) -> None:
    log = bytearray(log_of(records, pads_end=data.draw(st.booleans())))
    place = data.draw(st.integers(0, min(len(log), 400) - 1))
    log[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadRecord):
        read(bytes(log))


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=3), st.data())
def test_a_log_that_is_cut_within_a_record_is_refused(
    records: list[bytes], data: st.DataObject
) -> None:
    log = log_of(records)
    ends = {len(log_of(records[:count])) for count in range(len(records) + 1)}
    end = data.draw(st.integers(1, len(log) - 1).filter(lambda end: end not in ends))
    with pytest.raises(BadRecord):
        read(log[:end])


def piece(kind: int, data: bytes) -> bytes:
    check = masked(crc32c(bytes([kind]) + data))
    return struct.pack("<IHB", check, len(data), kind) + data


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        (piece(3, b"a"), "wrong place"),
        (piece(4, b"a"), "wrong place"),
        (piece(2, b"a") + piece(1, b"b"), "wrong place"),
        (piece(2, b"a") + piece(2, b"b"), "wrong place"),
        (piece(2, b"a"), "cut short"),
        (piece(5, b"a"), "no such type"),
        (piece(1, b"a") + bytes(9) + b"x", "does not end with zeros"),
        (piece(1, b"a").ljust(BLOCK_BYTES - 8, b"\0") + b"\1" * 8, "end with zeros"),
    ],
)
def test_pieces_in_disorder_are_refused(log: bytes, sentence: str) -> None:
    with pytest.raises(BadRecord, match=sentence):
        read(log)


def test_a_piece_that_crosses_its_block_is_refused() -> None:
    log = log_of([b"x" * (BLOCK_BYTES - HEAD_BYTES - 20)])
    log += struct.pack("<IHB", 1, 100, 1) + b"x" * 100
    with pytest.raises(BadRecord, match="crosses its block"):
        read(log)


def test_a_record_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "channelshim.data.leveldb_log.MAXIMUM_RECORD_BYTES", 2 * BLOCK_BYTES
    )
    with pytest.raises(BadRecord, match="has more than"):
        read(log_of([b"x" * 5 * BLOCK_BYTES]))


def test_the_beginning_tells_a_log() -> None:
    assert begins_as_log(log_of([b"a"]))
    assert begins_as_log(log_of([b"a" * 100_000])[:BLOCK_BYTES])
    assert not begins_as_log(b"")
    assert not begins_as_log(bytes(100))
    assert not begins_as_log(b"(lp0\nS'abc'\np1\na.")
