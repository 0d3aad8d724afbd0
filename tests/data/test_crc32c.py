"""CRC-32C against its definition, and against the examples of its RFC."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.data.crc32c import crc32c


def plain(data: bytes) -> int:
    """Return the checksum, bit by bit."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        (b"", 0),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"123456789", 0xE3069283),
    ],
)
def test_examples_of_the_standard(data: bytes, checksum: int) -> None:
    assert crc32c(data) == checksum


@given(st.binary(max_size=200))
def test_two_bytes_at_a_time_are_the_same(data: bytes) -> None:
    assert crc32c(data) == plain(data)
