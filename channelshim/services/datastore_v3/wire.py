"""Answers put together as bytes: stored entities are parsed once, by the caller.

Field numbers: SDK, datastore_v3_bytes_pb2 and entity_bytes_pb2.
"""

from __future__ import annotations

from collections.abc import Iterable

from channelshim.contracts import ordering

_ENTITY_GROUP = b"\x82\x01\x00"
"""EntityProto.entity_group (16), empty: required, and empty in keys-only results."""


def varint(number: int) -> bytes:
    """Return a whole number as the wire has it; negatives as 64 bits."""
    number &= (1 << 64) - 1
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _sized(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content


class KeyWriter:
    """Writes References of one app and namespace."""

    def __init__(self, app: str, namespace: str) -> None:
        self._head = _sized(b"\x6a", app.encode())
        self._tail = _sized(b"\xa2\x01", namespace.encode()) if namespace else b""

    def reference(self, path: bytes) -> bytes:
        """Return the Reference of an encoded path."""
        parts = []
        for kind, identifier in ordering.decode_path(path):
            parts.append(b"\x0b" + _sized(b"\x12", kind.encode()))
            if isinstance(identifier, int):
                parts.append(b"\x18" + varint(identifier) + b"\x0c")
            else:
                parts.append(_sized(b"\x22", identifier.encode()) + b"\x0c")
        return self._head + _sized(b"\x72", b"".join(parts)) + self._tail

    def bare_entity(self, path: bytes) -> bytes:
        """Return an EntityProto that has nothing but its key."""
        return _sized(b"\x6a", self.reference(path)) + _ENTITY_GROUP


def query_results(bodies: Iterable[bytes]) -> bytes:
    """Return the field `result` of a QueryResult."""
    parts: list[bytes] = []
    for body in bodies:
        parts += (b"\x12", varint(len(body)), body)
    return b"".join(parts)


def found_entity(version: int, body: bytes) -> bytes:
    """Return the field `entity` of a GetResponse for an entity that exists."""
    return b"\x0b\x12%b%b\x18%b\x0c" % (varint(len(body)), body, varint(version))


def missing_entity(reference: bytes) -> bytes:
    """Return the field `entity` of a GetResponse for a key without an entity."""
    return b"\x0b\x22%b%b\x0c" % (varint(len(reference)), reference)
