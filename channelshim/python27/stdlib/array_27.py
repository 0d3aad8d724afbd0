"""array: arrays of characters too, and strings for what they hold."""

from __future__ import annotations

import array as real
import sys
from typing import TYPE_CHECKING, Any

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.strings import STRINGS, NativeStr, native, to_bytes, to_text

__all__ = ["array", "ArrayType"]

# Python 3.13 warns of "u", whose items "w" has.
_TEXT_CODE = "w" if sys.version_info >= (3, 13) else "u"


if TYPE_CHECKING:
    _Array = real.array[Any]
else:
    _Array = real.array


class array(_Array):
    """An array of numbers, or of characters."""

    __slots__ = ("_is_text",)
    _is_text: bool

    def __init__(self, *args: Any, **named: Any) -> None:
        pass

    def __new__(cls, typecode: Any, initializer: Any = (), **named: Any) -> Any:
        code = to_text(typecode)
        is_text = code == "c"
        if isinstance(initializer, array) and initializer._is_text and not is_text:
            raise TypeError("cannot use a character array to initialize another kind")
        if isinstance(initializer, STRINGS) and code != "u":
            initializer = to_bytes(initializer)
        elif is_text:
            initializer = b"".join(map(to_bytes, initializer))
        elif code == "u":
            if isinstance(initializer, (list, tuple)):
                initializer = "".join(map(to_text, initializer))
            elif isinstance(initializer, STRINGS):
                initializer = to_text(initializer)
        plain = {"c": "B", "u": _TEXT_CODE}.get(code, code)
        made = super().__new__(cls, plain, initializer)
        made._is_text = is_text
        return made

    @property
    def typecode(self) -> str:  # type: ignore[override]
        """The letter of the kind of its items."""
        plain = super().typecode
        return "c" if self._is_text else "u" if plain == _TEXT_CODE else plain

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

    def extend(self, iterable: Any) -> None:
        """Add items."""
        if self._is_text and not isinstance(iterable, real.array):
            iterable = to_bytes("".join(map(to_text, iterable)))
        super().extend(iterable)

    def _item(self, value: Any) -> Any:
        if not self._is_text or not isinstance(value, STRINGS):
            return value
        raw = to_bytes(value)
        return raw[0] if len(raw) == 1 else value

    def count(self, value: Any) -> int:
        """Return how often an item is there."""
        return super().count(self._item(value))

    def index(self, value: Any, *where: Any) -> int:
        """Return where an item is first."""
        return super().index(self._item(value), *where)

    def remove(self, value: Any) -> None:
        """Remove an item."""
        super().remove(self._item(value))

    def insert(self, i: int, value: Any) -> None:
        """Put an item at a place."""
        super().insert(i, self._item(value))

    def pop(self, i: int = -1) -> Any:
        """Remove an item, and return it."""
        item = super().pop(i)
        return native(bytes((item,))) if self._is_text else item

    def __contains__(self, value: object) -> bool:
        return super().__contains__(self._item(value))

    def __repr__(self) -> str:
        if not self._is_text:
            return super().__repr__().replace(f"('{_TEXT_CODE}'", "('u'", 1)
        return f"array('c', {NativeStr(self.tobytes())!r})" if self else "array('c')"

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
            value = (
                real.array("B", to_bytes(value))
                if isinstance(place, slice)
                else self._item(value)
            )
        super().__setitem__(place, value)

    def _own(self, plain: Any) -> array:
        return array(self.typecode, plain.tobytes() if self._is_text else plain)

    def __add__(self, other: Any) -> array:
        return self._own(super().__add__(other))

    def __iadd__(self, other: Any) -> array:
        super().__iadd__(other)
        return self

    def __mul__(self, times: int) -> array:
        return self._own(super().__mul__(times))

    def __rmul__(self, times: int) -> array:
        return self * times

    def __imul__(self, times: int) -> array:
        super().__imul__(times)
        return self

    def __getslice__(self, i: int, j: int) -> Any:
        return self[max(i, 0) : max(j, 0)]

    def __setslice__(self, i: int, j: int, value: Any) -> None:
        self[max(i, 0) : max(j, 0)] = value

    def __delslice__(self, i: int, j: int) -> None:
        del self[max(i, 0) : max(j, 0)]

    def append(self, value: Any) -> None:
        """Add an item."""
        super().append(self._item(value))

    def __iter__(self) -> Any:
        if self._is_text:
            return iter([NativeStr((item,)) for item in self.tobytes()])
        return super().__iter__()


ArrayType = array
