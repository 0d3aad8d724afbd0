"""UserDict: a dict in a class, and what makes a dict of four methods."""

from __future__ import annotations

import collections
from typing import Any, ClassVar

from channelshim.python27.helpers import order

__all__ = ["UserDict", "IterableUserDict", "DictMixin"]


class UserDict(collections.UserDict[Any, Any]):
    """A dict in `data`."""

    def __init__(self, dict: Any = None, **named: Any) -> None:
        self.data: Any = {}
        if dict is not None:
            self.update(dict)
        if named:
            self.update(named)

    def __repr__(self) -> str:
        return repr(self.data)

    def __cmp__(self, other: Any) -> int:
        return order.cmp(self.data, getattr(other, "data", other))

    def __eq__(self, other: Any) -> bool:
        return bool(self.data == getattr(other, "data", other))

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def has_key(self, key: Any) -> bool:
        """Tell whether there is a key."""
        return key in self.data

    def keys(self) -> Any:
        """Return the keys."""
        return list(self.data.keys())

    def values(self) -> Any:
        """Return the values."""
        return list(self.data.values())

    def items(self) -> Any:
        """Return the pairs."""
        return list(self.data.items())

    def iterkeys(self) -> Any:
        """Return an iterator of the keys."""
        return iter(self.data)

    def itervalues(self) -> Any:
        """Return an iterator of the values."""
        return iter(self.data.values())

    def iteritems(self) -> Any:
        """Return an iterator of the pairs."""
        return iter(self.data.items())

    def clear(self) -> None:
        """Remove everything."""
        self.data.clear()

    def copy(self) -> Any:
        """Return a copy."""
        if self.__class__ is UserDict:
            return UserDict(self.data.copy())
        import copy

        data = self.data
        try:
            self.data = {}
            made = copy.copy(self)
        finally:
            self.data = data
        made.update(self)
        return made

    def update(self, *others: Any, **named: Any) -> None:
        """Add the pairs of another one."""
        for other in others:
            if other is None:
                continue
            if isinstance(other, collections.UserDict):
                self.data.update(other.data)
            elif isinstance(other, dict) or not hasattr(other, "items"):
                self.data.update(other)
            else:
                for key, value in other.items():
                    self[key] = value
        if named:
            self.data.update(named)

    def get(self, key: Any, failobj: Any = None) -> Any:
        """Return a key's value, or another one."""
        return self[key] if key in self else failobj

    def setdefault(self, key: Any, failobj: Any = None) -> Any:
        """Return a key's value, set first if it is missing."""
        if key not in self:
            self[key] = failobj
        return self[key]

    def pop(self, key: Any, *args: Any) -> Any:
        """Remove a key, and return its value."""
        return self.data.pop(key, *args)

    def popitem(self) -> Any:
        """Remove a pair, and return it."""
        return self.data.popitem()


class IterableUserDict(UserDict):
    """A dict in `data`, with an iterator."""


class DictMixin:
    """The methods of a dict for a class that has the item methods and `keys`."""

    def __iter__(self) -> Any:
        yield from self.keys()

    def has_key(self, key: Any) -> bool:
        """Tell whether there is a key."""
        try:
            self[key]  # type: ignore[index]
        except KeyError:
            return False
        return True

    def __contains__(self, key: Any) -> bool:
        return self.has_key(key)

    def keys(self) -> Any:
        """Return the keys."""
        raise AttributeError("keys")

    def iteritems(self) -> Any:
        """Return an iterator of the pairs."""
        for key in self:
            yield key, self[key]  # type: ignore[index]

    def iterkeys(self) -> Any:
        """Return an iterator of the keys."""
        return self.__iter__()

    def itervalues(self) -> Any:
        """Return an iterator of the values."""
        for _, value in self.iteritems():
            yield value

    def values(self) -> Any:
        """Return the values."""
        return [value for _, value in self.iteritems()]

    def items(self) -> Any:
        """Return the pairs."""
        return list(self.iteritems())

    def clear(self) -> None:
        """Remove everything."""
        for key in list(self.keys()):
            del self[key]  # type: ignore[attr-defined]

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return a key's value, set first if it is missing."""
        try:
            return self[key]  # type: ignore[index]
        except KeyError:
            self[key] = default  # type: ignore[index]
        return default

    def pop(self, key: Any, *args: Any) -> Any:
        """Remove a key, and return its value."""
        if len(args) > 1:
            raise TypeError(f"pop expected at most 2 arguments, got {1 + len(args)}")
        try:
            value = self[key]  # type: ignore[index]
        except KeyError:
            if args:
                return args[0]
            raise
        del self[key]  # type: ignore[attr-defined]
        return value

    def popitem(self) -> Any:
        """Remove a pair, and return it."""
        try:
            key, value = next(self.iteritems())
        except StopIteration:
            raise KeyError("container is empty") from None
        del self[key]  # type: ignore[attr-defined]
        return key, value

    def update(self, other: Any = None, **named: Any) -> None:
        """Add the pairs of another one."""
        if other is not None:
            pairs = other.items() if hasattr(other, "keys") else other
            for key, value in pairs:
                self[key] = value  # type: ignore[index]
        for key, value in named.items():
            self[key] = value  # type: ignore[index]

    def get(self, key: Any, default: Any = None) -> Any:
        """Return a key's value, or another one."""
        try:
            return self[key]  # type: ignore[index]
        except KeyError:
            return default

    def __repr__(self) -> str:
        return repr(dict(self.iteritems()))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DictMixin):
            other = dict(other.iteritems())
        return dict(self.iteritems()) == other

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __cmp__(self, other: Any) -> int:
        if other is None:
            return 1
        if isinstance(other, DictMixin):
            other = dict(other.iteritems())
        return order.cmp(dict(self.iteritems()), other)

    def __len__(self) -> int:
        return len(self.keys())
