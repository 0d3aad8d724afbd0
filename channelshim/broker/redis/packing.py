"""Ids, texts and numbers as the bytes that Redis' Lua reads and writes: MessagePack.

Only what these scripts use of it (msgpack.org, "specification"): arrays of texts, and
of whole numbers. Lists of ids repeat from batch to batch, so each id is packed once.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final

from channelshim.errors import BrokerError
from channelshim.protocol.tokens import client_id_bytes, client_id_text

PACKED_IDS: Final = 65_536
"""Client ids whose bytes are remembered; some 10 MB."""

_SHORT: Final = 1 << 16
_WIDE: Final = 9
"""Bytes of a number above 1 << 32, as those of messages are."""

_NUMBERS: Final = struct.Struct(">xQ")


class IdPacker:
    """Packs lists of client ids; remembers how each looks. One thread."""

    def __init__(self) -> None:
        self._packed: dict[str, bytes] = {}

    def pack(self, client_ids: Sequence[str]) -> bytes:
        """Return a list of ids as MessagePack."""
        packed = self._packed
        try:
            body = b"".join([packed[client_id] for client_id in client_ids])
        except KeyError:
            if len(packed) + len(client_ids) > PACKED_IDS:
                packed.clear()
            for client_id in client_ids:
                packed[client_id] = _packed(client_id_bytes(client_id))
            body = b"".join([packed[client_id] for client_id in client_ids])
        return _head(len(client_ids)) + body


def pack_texts(texts: Sequence[bytes]) -> bytes:
    """Return texts as MessagePack."""
    return _head(len(texts)) + b"".join(map(_packed, texts))


def unpack_ids(packed: bytes) -> list[str]:
    """Return the client ids of a list.

    Raises:
        BrokerError: it is none.
    """
    return [client_id_text(raw) for raw in _unpack(packed)]


def unpack_texts(packed: bytes) -> tuple[str, ...]:
    """Return the texts of a list; see `unpack_ids`."""
    return tuple([text_of(raw) for raw in _unpack(packed)])


def unpack_numbers(packed: bytes) -> list[int]:
    """Return the message numbers of a list; see `unpack_ids`."""
    count, at = _count(packed)
    if len(packed) - at == count * _WIDE:
        return [number for (number,) in _NUMBERS.iter_unpack(packed[at:])]
    numbers = []
    for _ in range(count):
        number, at = _number(packed, at)
        numbers.append(number)
    return numbers


def bytes_of(text: str) -> bytes:
    """Return the bytes of a message; whatever an app sends has some."""
    return text.encode("utf-8", "surrogatepass")


def text_of(raw: bytes) -> str:
    """Return the message of bytes that `bytes_of` made."""
    return raw.decode("utf-8", "surrogatepass")


def texts_of(raw: Iterable[bytes]) -> tuple[str, ...]:
    """Return the messages of a reply."""
    return tuple([text_of(each) for each in raw])


def _head(count: int) -> bytes:
    return b"\xdd" + count.to_bytes(4, "big")


def _packed(raw: bytes) -> bytes:
    if len(raw) < _SHORT:
        return b"\xda" + len(raw).to_bytes(2, "big") + raw
    return b"\xdb" + len(raw).to_bytes(4, "big") + raw


def _count(packed: bytes) -> tuple[int, int]:
    """Return how many there are in a list, and where the first begins."""
    kind = packed[0] if packed else 0
    if 0x90 <= kind <= 0x9F:
        return kind & 0x0F, 1
    if kind == 0xDC:
        return int.from_bytes(packed[1:3], "big"), 3
    if kind == 0xDD:
        return int.from_bytes(packed[1:5], "big"), 5
    if kind == 0x80:
        # An empty table of Lua.
        return 0, 1
    raise BrokerError(f"Redis holds what no broker wrote: {packed[:8]!r}")


_LENGTHS: Final = {0xD9: 1, 0xDA: 2, 0xDB: 4, 0xC4: 1, 0xC5: 2, 0xC6: 4}


def _unpack(packed: bytes) -> list[bytes]:
    count, at = _count(packed)
    found = []
    for _ in range(count):
        kind = packed[at]
        at += 1
        if 0xA0 <= kind <= 0xBF:
            size = kind & 0x1F
        elif kind in _LENGTHS:
            width = _LENGTHS[kind]
            size = int.from_bytes(packed[at : at + width], "big")
            at += width
        else:
            raise BrokerError(f"Redis holds what no broker wrote: {kind:#x}")
        found.append(packed[at : at + size])
        at += size
    return found


_WIDTHS: Final = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD3: 8}


def _number(packed: bytes, at: int) -> tuple[int, int]:
    kind = packed[at]
    if kind < 0x80:
        return kind, at + 1
    width = _WIDTHS.get(kind)
    if width is None:
        raise BrokerError(f"Redis holds what no broker wrote: {kind:#x}")
    return int.from_bytes(packed[at + 1 : at + 1 + width], "big"), at + 1 + width
