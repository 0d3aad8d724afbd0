"""The class statement: Python 2.7's special methods under the names of Python 3."""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any, Final

from channelshim.python27.helpers import arithmetic, exceptions
from channelshim.python27.strings import to_text

_HIDDEN: Final = ("__static_attributes__", "__firstlineno__", "__qualname__")
_ALIASES: Final = {
    "__div__": "__truediv__",
    "__rdiv__": "__rtruediv__",
    "__idiv__": "__itruediv__",
    "__long__": "__int__",
}


class _ClassStatement:
    """The `metaclass=` of every translated class statement."""

    def __prepare__(self, name: str, bases: Any, **named: Any) -> Any:
        kind = _kind_of_bases(bases)
        prepare = getattr(kind, "__prepare__", None)
        if kind is type or prepare is None:
            return {}
        return prepare(name, bases, **named)

    def __call__(self, name: str, bases: Any, namespace: Any, **named: Any) -> Any:
        bases = _ordered(bases)
        return self.made_by(_metaclass(bases, namespace), name, bases, namespace, named)

    def made_by(
        self, kind: Any, name: str, bases: Any, namespace: Any, named: Any
    ) -> Any:
        """Make a class by a metaclass, or by a function that stands for one."""
        _add_special_methods(bases, namespace)
        if kind is not type:
            for key in _HIDDEN:
                namespace.pop(key, None)
        try:
            return kind(name, bases, namespace, **named)
        except TypeError as error:
            if "MRO" not in str(error):
                raise
            return kind(name, _descendants_first(bases), namespace, **named)


def _metaclass(bases: tuple[Any, ...], namespace: Any) -> Any:
    if "__metaclass__" in namespace:
        return namespace["__metaclass__"]
    if bases and bases != (object,):
        return _kind_of_bases(bases)
    frame = sys._getframe(2)
    return frame.f_globals.get("__metaclass__", type)


def _kind_of_bases(bases: tuple[Any, ...]) -> Any:
    """Return the most derived type of the bases; that of the first, if none is."""
    winner: Any = None
    for base in bases:
        kind = type(base)
        if winner is None or (issubclass(kind, winner) and isinstance(winner, type)):
            winner = kind
    return winner or type


def _ordered(bases: Any) -> tuple[Any, ...]:
    """Return the bases with `object` last, and `basestring` as a type."""
    found: list[Any] = []
    for base in bases:
        base = base[0] if isinstance(base, tuple) and base else base
        if base is not object and base not in found:
            found.append(base)
    if object in bases and not found:
        found.append(object)
    elif object in bases:
        found.append(object)
    return tuple(found)


def _descendants_first(bases: tuple[Any, ...]) -> tuple[Any, ...]:
    """Order bases as classes of the old kind allowed: no base before its subclass."""
    ordered: list[Any] = []
    for base in bases:
        place = len(ordered)
        for number, other in enumerate(ordered):
            if issubclass(base, other):
                place = number
                break
        ordered.insert(place, base)
    return tuple(ordered)


def _add_special_methods(bases: tuple[Any, ...], namespace: Any) -> None:
    """Put Python 3's names beside those of 2.7 in a class's namespace."""
    for old, new in _ALIASES.items():
        if old in namespace and new not in namespace:
            namespace[new] = namespace[old]
    if isinstance(namespace.get("next"), FunctionType):
        namespace.setdefault("__next__", namespace["next"])
    if "__nonzero__" in namespace and "__bool__" not in namespace:
        namespace["__bool__"] = _bool
    if "__cmp__" in namespace and namespace["__cmp__"] is not None:
        _add_comparisons(bases, namespace)
    if "__eq__" in namespace:
        namespace.setdefault("__ne__", not_equal)
    if "__eq__" in namespace and "__hash__" not in namespace:
        namespace["__hash__"] = _inherited(bases, "__hash__", object.__hash__)
    for name in ("__str__", "__repr__"):
        if isinstance(namespace.get(name), FunctionType):
            namespace[name] = _text_answer(namespace[name])
    if "__unicode__" in namespace and "__str__" not in namespace:
        if _inherited(bases, "__str__", None) in (None, object.__str__):
            namespace["__str__"] = _str_by_unicode
    if "__coerce__" in namespace:
        for name, function in _COERCED.items():
            namespace.setdefault(name, function)
    _add_slices(bases, namespace)
    types = [base for base in bases if isinstance(base, type)]
    if any(issubclass(base, BaseException) for base in types):
        if not _has_items(bases, namespace):
            namespace["__getitem__"] = _item_of_error


def _has_items(bases: tuple[Any, ...], namespace: Any) -> bool:
    names = ("__getitem__", "__iter__")
    return any(
        name in namespace or any(hasattr(base, name) for base in bases)
        for name in names
    )


def _item_of_error(self: Any, key: Any) -> Any:
    """Return one of an exception's arguments: it was a sequence of them."""
    return exceptions.arguments(self)[key]


def _inherited(bases: tuple[Any, ...], name: str, default: Any) -> Any:
    for base in bases:
        found = getattr(base, name, default)
        if found is not getattr(object, name, None):
            return found
    return default


def _bool(self: Any) -> bool:
    answer = type(self).__nonzero__(self)
    if not isinstance(answer, int):
        kind = type(answer).__name__
        raise TypeError(f"__nonzero__ should return bool or int, returned {kind}")
    return bool(answer)


def _str_by_unicode(self: Any) -> str:
    return to_text(self.__unicode__())


def _text_answer(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method whose answer is text, encoded or not."""

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **named: Any) -> Any:
        answer = method(self, *args, **named)
        return to_text(answer) if isinstance(answer, bytes) else answer

    return wrapper


def text_answer(value: Any) -> Any:
    """Return what is put into `__str__` of a class that is made already."""
    return _text_answer(value) if isinstance(value, FunctionType) else value


# --- comparisons


def _compares(test: Callable[[Any], bool]) -> Callable[..., Any]:
    def compare(self: Any, other: Any) -> Any:
        answer = type(self).__cmp__(self, other)
        if answer is NotImplemented:
            return answer
        if not isinstance(answer, (int, float)):
            raise TypeError("an integer is required")
        return test(answer)

    compare._from_cmp = True  # type: ignore[attr-defined]
    return compare


COMPARISONS: Final = {
    "__eq__": _compares(lambda answer: answer == 0),
    "__ne__": _compares(lambda answer: answer != 0),
    "__lt__": _compares(lambda answer: answer < 0),
    "__le__": _compares(lambda answer: answer <= 0),
    "__gt__": _compares(lambda answer: answer > 0),
    "__ge__": _compares(lambda answer: answer >= 0),
}


def not_equal(self: Any, other: Any) -> Any:
    """Do `self != other` for a class that defines `__eq__` only.

    2.7 did not ask `__eq__`. NotImplemented leaves the answer to the other side, and
    then to identity, as there. The first `__ne__` of another class comes before.
    """
    for kind in type(self).__mro__:
        method = kind.__dict__.get("__ne__", not_equal)
        if method is not not_equal:
            return NotImplemented if kind is object else method(self, other)
    return NotImplemented


def _add_comparisons(bases: tuple[Any, ...], namespace: Any) -> None:
    """Compare by `__cmp__` what no class compares by a method of its own."""
    for name, function in COMPARISONS.items():
        plain = getattr(object, name)
        inherited = _inherited(bases, name, plain)
        is_own = isinstance(inherited, FunctionType) and inherited is not not_equal
        if name not in namespace and not is_own:
            namespace[name] = function


# --- coercion


def _coerced(operation: Callable[..., Any], is_right: bool) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        pair = type(self).__coerce__(self, other)
        if pair is None or pair is NotImplemented:
            return NotImplemented
        left, right = pair
        if type(left) is type(self) and type(right) is type(other):
            return NotImplemented
        return operation(right, left) if is_right else operation(left, right)

    return method


def _operation(name: str) -> Callable[..., Any]:
    return arithmetic.div if name == "truediv" else getattr(operator, f"__{name}__")


_COERCED: Final = {
    f"__{prefix}{name}__": _coerced(_operation(name), prefix == "r")
    for name in (
        *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"),
        *("and", "or", "xor", "lshift", "rshift"),
    )
    for prefix in ("", "r")
}


# --- slices


def _bounds(self: Any, place: slice) -> tuple[int, int]:
    """Return a slice's bounds as `__getslice__` was given them."""
    start = 0 if place.start is None else place.start.__index__()
    stop = sys.maxsize if place.stop is None else place.stop.__index__()
    least, most = -sys.maxsize - 1, sys.maxsize
    start, stop = max(least, min(start, most)), max(least, min(stop, most))
    if start < 0 or stop < 0:
        length = len(self)
        start = start + length if start < 0 else start
        stop = stop + length if stop < 0 else stop
    return start, stop


def _is_simple(place: Any) -> bool:
    return type(place) is slice and place.step is None


_SLICES: Final = {
    "__getslice__": "__getitem__",
    "__setslice__": "__setitem__",
    "__delslice__": "__delitem__",
}


def _add_slices(bases: tuple[Any, ...], namespace: Any) -> None:
    """Have the item methods hand slices to the slice methods of 2.7."""
    for old, new in _SLICES.items():
        if old in namespace:
            own = namespace.get(new) or _inherited(bases, new, None)
            if not getattr(own, "_for_slices", False):
                namespace[new] = _slicing(old, own)
        elif new in namespace and isinstance(
            _inherited(bases, old, None), FunctionType
        ):
            namespace[new] = _slicing(old, namespace[new])


def _slicing(old: str, own: Any) -> Callable[..., Any]:
    def method(self: Any, place: Any, *value: Any) -> Any:
        if _is_simple(place):
            return getattr(type(self), old)(self, *_bounds(self, place), *value)
        if own is not None:
            return own(self, place, *value)
        for kind in type(self).__mro__:
            # A class that only adds slices leaves the items to those after it.
            found = kind.__dict__.get(_SLICES[old])
            if found is not None and not getattr(found, "_for_slices", False):
                return found(self, place, *value)
        raise TypeError(f"'{type(self).__name__}' object is unsubscriptable")

    method.__name__ = _SLICES[old]
    method._for_slices = True  # type: ignore[attr-defined]
    return method


_statement: Final = _ClassStatement()


def make(name: str, bases: Any, namespace: Any) -> Any:
    """Make a class as `type(name, bases, namespace)`."""
    bases = _ordered(bases)
    return _statement.made_by(_kind_of_bases(bases), name, bases, dict(namespace), {})


TABLE: Final[dict[str, Any]] = {
    "_p27_class": _statement,
    "_p27_text_answer": text_answer,
}
