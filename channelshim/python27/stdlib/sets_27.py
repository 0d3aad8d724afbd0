"""sets: the first sets, as kinds of the builtin ones."""

from __future__ import annotations

from typing import Any

__all__ = ["BaseSet", "Set", "ImmutableSet"]


class _SetKind(type):
    def __instancecheck__(cls, value: Any) -> bool:
        if cls.__name__ == "BaseSet":
            return isinstance(value, (Set, ImmutableSet))
        return type.__instancecheck__(cls, value)

    def __subclasscheck__(cls, kind: type) -> bool:
        if cls.__name__ == "BaseSet":
            return issubclass(kind, (Set, ImmutableSet)) or kind is cls
        return type.__subclasscheck__(cls, kind)


class BaseSet(metaclass=_SetKind):
    """What both kinds of sets are."""

    def __init__(self) -> None:
        raise TypeError("BaseSet is an abstract class.  Use Set or ImmutableSet.")


def _shared(name: str) -> Any:
    def method(self: Any, *others: Any) -> Any:
        real = getattr(set if isinstance(self, set) else frozenset, name)
        answer = real(self, *others)
        return type(self)(answer) if isinstance(answer, (set, frozenset)) else answer

    method.__name__ = name
    method.__doc__ = f"Do as `set.{name}`."
    return method


def _ordering(name: str) -> Any:
    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, (set, frozenset)):
            raise TypeError("Binary operation only permitted between sets")
        return getattr(set if isinstance(self, set) else frozenset, name)(self, other)

    method.__name__ = name
    return method


def _text_of(self: Any) -> str:
    return f"{type(self).__name__}({sorted(self, key=repr)!r})"


def _copied(self: Any, memo: Any) -> Any:
    import copy

    made = type(self)()
    memo[id(self)] = made
    items = [copy.deepcopy(item, memo) for item in self]
    if isinstance(made, set):
        made.update(items)
        return made
    return type(self)(items)


class Set(set[Any]):
    """A set that changes."""

    def __init__(self, iterable: Any = None) -> None:
        super().__init__(iterable if iterable is not None else ())

    def union_update(self, other: Any) -> None:
        """Add what another one has."""
        self.update(other)

    def __hash__(self) -> int:  # type: ignore[override]
        raise TypeError("Can't hash a Set, only an ImmutableSet.")

    __repr__ = _text_of
    __str__ = _text_of
    __deepcopy__ = _copied

    def __as_immutable__(self) -> Any:
        """Return a set that never changes."""
        return ImmutableSet(self)

    def __contains__(self, item: Any) -> bool:
        return set.__contains__(self, _frozen(item))

    def add(self, element: Any) -> None:
        """Add an element; a set goes in as one that never changes."""
        set.add(self, _frozen(element))

    def remove(self, element: Any) -> None:
        """Remove an element."""
        set.remove(self, _frozen(element))

    def discard(self, element: Any) -> None:
        """Remove an element that may be missing."""
        set.discard(self, _frozen(element))


class ImmutableSet(frozenset[Any]):
    """A set that never changes."""

    def __new__(cls, iterable: Any = None) -> Any:
        return super().__new__(cls, iterable if iterable is not None else ())

    __repr__ = _text_of
    __str__ = _text_of
    __deepcopy__ = _copied

    def __contains__(self, item: Any) -> bool:
        return frozenset.__contains__(self, _frozen(item))


def _frozen(item: Any) -> Any:
    return ImmutableSet(item) if isinstance(item, Set) else item


for _kind in (Set, ImmutableSet):
    for _name in (
        *("union", "intersection", "difference", "symmetric_difference", "copy"),
        *("__or__", "__and__", "__sub__", "__xor__"),
    ):
        setattr(_kind, _name, _shared(_name))
    for _name in ("__lt__", "__le__", "__gt__", "__ge__"):
        setattr(_kind, _name, _ordering(_name))
