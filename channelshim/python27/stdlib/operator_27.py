"""operator: the functions that Python 3 dropped."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from operator import eq, ne
from typing import Any

from channelshim.python27.helpers import attributes
from channelshim.python27.helpers.arithmetic import div, idiv
from channelshim.python27.helpers.formats import mod
from channelshim.python27.helpers.order import ge, gt, le, lt
from channelshim.python27.strings import STRINGS, to_text

__all__ = [
    *("div", "__div__", "idiv", "__idiv__", "isCallable", "isMappingType"),
    *("isNumberType", "isSequenceType", "sequenceIncludes", "repeat", "__repeat__"),
    *("irepeat", "__irepeat__", "getslice", "setslice", "delslice", "__getslice__"),
    *("__setslice__", "__delslice__", "lt", "le", "gt", "ge", "__lt__", "__le__"),
    *(
        "__gt__",
        "__ge__",
        "mod",
        "__mod__",
        "eq",
        "ne",
        "__eq__",
        "__ne__",
        "attrgetter",
        "methodcaller",
    ),
]

_Binary = Callable[[Any, Any], Any]

__div__: _Binary = div
__idiv__: _Binary = idiv
__lt__: _Binary = lt
__le__: _Binary = le
__gt__: _Binary = gt
__ge__: _Binary = ge
__eq__: _Binary = eq
__ne__: _Binary = ne
__mod__: _Binary = mod
isCallable = callable


def isMappingType(obj: Any) -> bool:
    """Tell whether an object may be a mapping."""
    return hasattr(type(obj), "__getitem__") and not isinstance(
        obj, (list, tuple, *STRINGS)
    )


def isNumberType(obj: Any) -> bool:
    """Tell whether an object may be a number."""
    return any(hasattr(type(obj), name) for name in ("__int__", "__float__")) or (
        isinstance(obj, complex)
    )


def isSequenceType(obj: Any) -> bool:
    """Tell whether an object may be a sequence."""
    return hasattr(type(obj), "__getitem__") and not isinstance(obj, (dict, Mapping))


def sequenceIncludes(a: Any, b: Any) -> bool:
    """Tell whether b is in a."""
    return b in a


def repeat(a: Any, b: Any) -> Any:
    """Return `a * b` for a sequence and a number."""
    if not isinstance(b, int):
        raise TypeError("an integer is required")
    if not isSequenceType(a):
        raise TypeError("non-sequence object can't be repeated")
    return a * b


__repeat__ = repeat
irepeat = repeat
__irepeat__ = repeat


def getslice(a: Any, b: Any, c: Any) -> Any:
    """Return `a[b:c]`."""
    return a[operator.index(b) : operator.index(c)]


def setslice(a: Any, b: Any, c: Any, v: Any) -> None:
    """Do `a[b:c] = v`."""
    a[operator.index(b) : operator.index(c)] = v


def delslice(a: Any, b: Any, c: Any) -> None:
    """Do `del a[b:c]`."""
    del a[operator.index(b) : operator.index(c)]


__getslice__ = getslice
__setslice__ = setslice
__delslice__ = delslice


class attrgetter:
    """Gets attributes, under the names of 2.7 too."""

    def __init__(self, attr: Any, *attrs: Any) -> None:
        self._names = (attr, *attrs)

    def __call__(self, obj: Any) -> Any:
        found = tuple(_path(obj, name) for name in self._names)
        return found[0] if len(found) == 1 else found


def _path(obj: Any, name: Any) -> Any:
    if not isinstance(name, STRINGS):
        raise TypeError("attribute name must be a string")
    name = to_text(name)
    for part in name.split("."):
        obj = attributes.attr(obj, part)
    return obj


class methodcaller:
    """Calls a method, under the names of 2.7 too."""

    def __init__(self, name: Any, *args: Any, **named: Any) -> None:
        self._name, self._args, self._named = name, args, named

    def __call__(self, obj: Any) -> Any:
        return attributes.attr(obj, self._name)(*self._args, **self._named)
