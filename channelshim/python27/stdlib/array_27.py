"""array: arrays of characters too, and strings for what they hold."""

from __future__ import annotations

import array as real
from typing import Any

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.strings import STRINGS, NativeStr, to_bytes, to_text

__all__ = ["array", "ArrayType"]


class array(real.array):  # type: ignore[type-arg]  # noqa: N801 -- Python 2.7's name
    """An array of numbers, or of characters."""

    _is_text = False

    def __new__(cls, typecode: Any, initializer: Any = ()) -> Any:
        code = to_text(typecode)
        is_text = code == "c"
        if isinstance(initializer, STRINGS) and code != "u":
            initializer = to_bytes(initializer)
        elif is_text:
            initializer = b"".join(map(to_bytes, initializer))
        elif code == "u":
            initializer = to_text(initializer) if initializer else ""
        made = super().__new__(cls, "B" if is_text else code, initializer)
        made._is_text = is_text
        return made

    @property
    def typecode(self) -> str:  # type: ignore[override]
        """The letter of the kind of its items."""
        return "c" if self._is_text else super().typecode

    def tostring(self) -> NativeStr:
        """Return its items as a string of bytes."""
        return NativeStr(self.tobytes())

    def fromstring(self, string: Any) -> None:
        """Add the items that a string holds."""
        self.frombytes(to_bytes(string))

    def read(self, f: Any, n: int) -> None:
        """Add items from a file."""
        self.fromfile(f, n)

    def write(self, f: Any) -> None:
        """Write its items into a file."""
        self.tofile(f)

    def fromfile(self, f: Any, n: int) -> None:
        """Add items from a file."""
        super().fromfile(plain_file(f), n)

    def tofile(self, f: Any) -> None:
        """Write its items into a file."""
        f.write(self.tostring())

    def __getitem__(self, place: Any) -> Any:
        item = super().__getitem__(place)
        if not self._is_text:
            return array(self.typecode, item) if isinstance(place, slice) else item
        if isinstance(place, slice):
            return array("c", bytes(item))
        return NativeStr((item,))

    def __setitem__(self, place: Any, value: Any) -> None:
        if self._is_text and isinstance(value, STRINGS):
            value = to_bytes(value)[0]
        super().__setitem__(place, value)

    def append(self, value: Any) -> None:
        """Add an item."""
        if self._is_text:
            value = to_bytes(value)[0]
        super().append(value)

    def __iter__(self) -> Any:
        if self._is_text:
            return iter([NativeStr((item,)) for item in self.tobytes()])
        return super().__iter__()


ArrayType = array
