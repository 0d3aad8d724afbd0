"""Ids, texts and numbers as Redis' Lua has them."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from channelshim.broker.redis import packing
from channelshim.broker.redis.packing import (
    IdPacker,
    bytes_of,
    pack_texts,
    unpack_ids,
    unpack_numbers,
    unpack_texts,
)
from channelshim.errors import BrokerError
from channelshim.protocol.tokens import client_id_text
from tests.exploring import Cases, explored

_IDS = st.lists(st.binary(max_size=300).map(client_id_text), max_size=40)
_TEXTS = st.lists(
    st.text(st.characters(), max_size=50) | st.just("\ud800") | st.just("x" * 70_000),
    max_size=20,
)


@explored(100, 5000)
def test_what_is_packed_comes_back(cases: Cases) -> None:
    packer = IdPacker()

    def claim(client_ids: list[str], texts: list[str]) -> None:
        assert unpack_ids(packer.pack(client_ids)) == client_ids
        # From memory this time.
        assert packer.pack(client_ids) == packer.pack(list(client_ids))
        assert unpack_texts(pack_texts([bytes_of(t) for t in texts])) == tuple(texts)

    cases.check(claim, _IDS, _TEXTS)


def test_packer_forgets_before_it_holds_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packing, "PACKED_IDS", 10)
    packer = IdPacker()
    for begin in range(0, 100, 7):
        ids = [f"id{number}" for number in range(begin, begin + 7)]
        assert unpack_ids(packer.pack(ids)) == ids
    assert len(packer._packed) <= 10


@pytest.mark.parametrize(
    ("packed", "numbers"),
    [
        (b"\x90", []),
        (b"\x80", []),
        (b"\x93\x01\xcc\xff\xcd\x01\x00", [1, 255, 256]),
        (
            b"\x92\xce\x00\x01\x00\x00\xcf" + (1 << 50).to_bytes(8, "big"),
            [65536, 1 << 50],
        ),
        (b"\xdc\x00\x01\xcf" + (1 << 50).to_bytes(8, "big"), [1 << 50]),
        (b"\xdd\x00\x00\x00\x01\xd3" + (1 << 50).to_bytes(8, "big"), [1 << 50]),
    ],
)
def test_numbers_come_in_every_width(packed: bytes, numbers: list[int]) -> None:
    assert unpack_numbers(packed) == numbers


@pytest.mark.parametrize("packed", [b"", b"\xc0", b"\xa1x", b"\x91\x01"])
def test_foreign_bytes_are_refused(packed: bytes) -> None:
    with pytest.raises((BrokerError, IndexError)):
        unpack_texts(packed)


@pytest.mark.parametrize("packed", [b"", b"\xc0", b"\x91\xa1x", b"\x91"])
def test_foreign_numbers_are_refused(packed: bytes) -> None:
    with pytest.raises((BrokerError, IndexError)):
        unpack_numbers(packed)


@pytest.mark.parametrize(
    ("packed", "texts"),
    [
        (b"\x92\xa1a\xd9\x02bc", ("a", "bc")),
        (b"\x92\xc4\x01a\xdb\x00\x00\x00\x01b", ("a", "b")),
    ],
)
def test_texts_come_as_lua_writes_them(packed: bytes, texts: tuple[str, ...]) -> None:
    assert unpack_texts(packed) == texts
