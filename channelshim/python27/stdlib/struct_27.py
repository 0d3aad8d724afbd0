"""struct: records as strings of bytes."""

from __future__ import annotations

import struct
from typing import Any

from channelshim.python27.stdlib.wrapping import bytes_of, native_of
from channelshim.python27.strings import NativeStr, to_bytes, to_text

__all__ = ["Struct", "pack", "unpack", "pack_into", "unpack_from", "calcsize"]


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) else value


class Struct:
    """A compiled format."""

    def __init__(self, fmt: Any) -> None:
        self._real = struct.Struct(to_text(fmt))
        self.format = fmt
        self.size: int = self._real.size

    def pack(self, *values: Any) -> NativeStr:
        """Return values as a record."""
        values = tuple(map(bytes_of, values))
        try:
            return NativeStr(self._real.pack(*values))
        except struct.error:
            if not any(isinstance(value, float) for value in values):
                raise
        return NativeStr(self._real.pack(*_with_numbers(self._real.format, values)))

    def unpack(self, string: Any) -> tuple[Any, ...]:
        """Return a record's values."""
        return native_of(self._real.unpack(to_bytes(string)))  # type: ignore[no-any-return]

    def unpack_from(self, buffer: Any, offset: int = 0) -> tuple[Any, ...]:
        """Return the values of a record in a buffer."""
        return native_of(  # type: ignore[no-any-return]
            self._real.unpack_from(to_bytes(buffer), offset)
        )

    def pack_into(self, buffer: Any, offset: int, *values: Any) -> None:
        """Put a record into a buffer."""
        self._real.pack_into(buffer, offset, *map(bytes_of, values))


def _with_numbers(format: str, values: tuple[Any, ...]) -> list[Any]:
    """Return values with floats cut to ints where a format wants ints."""
    letters = []
    count = ""
    for letter in format:
        if letter.isdigit():
            count += letter
        elif letter.isalpha() or letter == "?":
            if letter != "x":
                letters += [letter] * (1 if letter in "sp" else int(count or 1))
            count = ""
    return [
        value if letter in "fdsp" else _number(value)
        for letter, value in zip(letters, values, strict=False)
    ]


_known: dict[Any, Struct] = {}


def _struct(fmt: Any) -> Struct:
    known = _known.get(fmt)
    if known is None:
        known = Struct(fmt)
        if len(_known) < 100:
            _known[fmt] = known
    return known


def pack(fmt: Any, *values: Any) -> NativeStr:
    """Return values as a record."""
    return _struct(fmt).pack(*values)


def unpack(fmt: Any, string: Any) -> tuple[Any, ...]:
    """Return a record's values."""
    return _struct(fmt).unpack(string)


def unpack_from(fmt: Any, buffer: Any, offset: int = 0) -> tuple[Any, ...]:
    """Return the values of a record in a buffer."""
    return _struct(fmt).unpack_from(buffer, offset)


def pack_into(fmt: Any, buffer: Any, offset: int, *values: Any) -> None:
    """Put a record into a buffer."""
    _struct(fmt).pack_into(buffer, offset, *values)


def calcsize(fmt: Any) -> int:
    """Return the size of a record."""
    return _struct(fmt).size
