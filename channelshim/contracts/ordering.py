"""Values as bytes that sort as the datastore sorts them, and back.

Every code ends itself: none is the beginning of another. So codes can be joined, and
inverting every bit turns the order round.

Order: SDK, api/datastore_types.py, PropertyValueToKeyValue and ReferenceToKeyValue.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

PathElement = tuple[str, "int | str"]
"""A kind with an id or a name."""

END: Final = b"\x00\x00"
"""Ends a path that something follows; sorts before a further element."""

TOP: Final = b"\xff" * 128
"""Sorts after every code: only inverted nulls begin with 255, one byte for each of the
at most 100 parts of a query."""

_TEXT_END = b"\x00\x01"
_ZERO = b"\x00"
_ESCAPED_ZERO = b"\x00\xff"
_ID = 1
_NAME = 2
_ID_CODE = bytes([_ID])
_NAME_CODE = bytes([_NAME])
_SIGN = 1 << 63
_INVERTED = bytes(255 - byte for byte in range(256))
_UNSIGNED = struct.Struct(">Q")
_DOUBLE = struct.Struct(">d")


def invert(code: bytes) -> bytes:
    """Return the code that sorts the other way round; its own inverse."""
    return code.translate(_INVERTED)


def after_prefix(prefix: bytes) -> bytes:
    """Return the least bytes above all codes that begin with prefix, or TOP."""
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        return TOP
    return stripped[:-1] + bytes([stripped[-1] + 1])


def encode_bytes(value: bytes) -> bytes:
    """Encode any bytes; UTF-8 text sorts by code points."""
    return value.replace(_ZERO, _ESCAPED_ZERO) + _TEXT_END


def decode_bytes(code: bytes, start: int) -> tuple[bytes, int]:
    """Return the value at start and where what follows begins."""
    end = code.index(_TEXT_END, start)
    return code[start:end].replace(_ESCAPED_ZERO, _ZERO), end + len(_TEXT_END)


def encode_integer(value: int) -> bytes:
    """Encode a signed 64-bit integer as 8 bytes."""
    return _UNSIGNED.pack(value + _SIGN)


def decode_integer(code: bytes, start: int) -> tuple[int, int]:
    """Return the value at start and where what follows begins."""
    return _UNSIGNED.unpack_from(code, start)[0] - _SIGN, start + 8


def encode_double(value: float) -> bytes:
    """Encode a double as 8 bytes; minus zero before zero, NaN by its sign."""
    packed = _DOUBLE.pack(value)
    if packed[0] & 0x80:
        return invert(packed)
    return bytes([packed[0] ^ 0x80]) + packed[1:]


def decode_double(code: bytes, start: int) -> tuple[float, int]:
    """Return the value at start and where what follows begins."""
    packed = code[start : start + 8]
    if packed[0] & 0x80:
        packed = bytes([packed[0] ^ 0x80]) + packed[1:]
    else:
        packed = invert(packed)
    value: float = _DOUBLE.unpack(packed)[0]
    return value, start + 8


def encode_path(elements: Iterable[PathElement]) -> bytes:
    """Encode a key's path: a parent begins its children, ids before names."""
    parts = []
    for kind, identifier in elements:
        parts.append(encode_bytes(kind.encode()))
        if isinstance(identifier, int):
            parts.append(_ID_CODE + encode_integer(identifier))
        else:
            parts.append(_NAME_CODE + encode_bytes(identifier.encode()))
    return b"".join(parts)


def decode_path(code: bytes) -> Sequence[PathElement]:
    """Return the elements of a whole path."""
    return [element for element, _ in _read_elements(code)]


def ancestor_paths(path: bytes) -> Sequence[bytes]:
    """Return the paths of path's ancestors, the root first, path itself last."""
    return [path[:end] for _, end in _read_elements(path)]


def root_path(path: bytes) -> bytes:
    """Return the path of the entity group."""
    _, end = next(_read_elements(path))
    return path[:end]


def path_end(code: bytes, start: int) -> int:
    """Return where END stands behind the path that begins at start."""
    position = start
    while not code.startswith(END, position):
        _, position = _read_element(code, position)
    return position


def _read_elements(code: bytes) -> Iterator[tuple[PathElement, int]]:
    position = 0
    while position < len(code):
        element, position = _read_element(code, position)
        yield element, position


def _read_element(code: bytes, start: int) -> tuple[PathElement, int]:
    kind, position = decode_bytes(code, start)
    if code[position] == _ID:
        identifier, position = decode_integer(code, position + 1)
        return (kind.decode(), identifier), position
    name, position = decode_bytes(code, position + 1)
    return (kind.decode(), name.decode()), position
