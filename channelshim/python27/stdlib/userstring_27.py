"""UserString: a string in a class, and one that changes."""

from __future__ import annotations

import collections
from typing import Any, ClassVar

from channelshim.python27.helpers import formats, order, text
from channelshim.python27.strings import STRINGS

__all__ = ["UserString", "MutableString"]


def _plain(value: Any) -> Any:
    return value.data if isinstance(value, collections.UserString) else value


class UserString(collections.UserString):
    """A string in `data`."""

    data: Any

    def __init__(self, seq: Any) -> None:
        if isinstance(seq, STRINGS):
            self.data = seq
        elif isinstance(seq, collections.UserString):
            self.data = seq.data[:]
        else:
            self.data = text.str27(seq)

    def __cmp__(self, string: Any) -> int:
        return order.cmp(self.data, _plain(string))

    def __getslice__(self, start: int, end: int) -> Any:
        return self.__class__(self.data[max(start, 0) : max(end, 0)])

    def decode(self, *args: Any) -> Any:
        """Return the text that the bytes are in an encoding."""
        return self.__class__(text.decode27(self.data, *args))

    def encode(self, *args: Any) -> Any:
        """Return the string in an encoding."""
        return self.__class__(text.encode27(self.data, *args))

    def join(self, seq: Any) -> Any:
        """Join strings."""
        return text.join27(self.data, [_plain(item) for item in seq])

    def translate(self, *args: Any) -> Any:
        """Map each character through a table."""
        return self.__class__(text.translate27(self.data, *args))

    def __mod__(self, args: Any) -> Any:
        return self.__class__(formats.mod(self.data, args))


class MutableString(UserString):
    """A string that changes."""

    def __init__(self, string: Any = "") -> None:
        self.data = _plain(string)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __setitem__(self, index: Any, sub: Any) -> None:
        characters = list(self.data)
        if isinstance(index, slice):
            characters[index] = list(_plain(sub))
        else:
            if not -len(characters) <= index < len(characters):
                raise IndexError
            characters[index] = sub
        self.data = text.join27("", characters)

    def __delitem__(self, index: Any) -> None:
        characters = list(self.data)
        if not isinstance(index, slice) and not (
            -len(characters) <= index < len(characters)
        ):
            raise IndexError
        del characters[index]
        self.data = text.join27("", characters)

    def immutable(self) -> UserString:
        """Return a string that never changes."""
        return UserString(self.data)

    def __iadd__(self, other: Any) -> Any:  # type: ignore[misc]
        self.data += _plain(other) if isinstance(_plain(other), STRINGS) else str(other)
        return self

    def __imul__(self, n: int) -> Any:
        self.data *= n
        return self
