"""Attributes: old names, and methods that Python 3 lacks or that answer otherwise."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import BuiltinMethodType, FunctionType, MethodType, MethodWrapperType
from typing import Any, Final

from channelshim.python27.helpers import arithmetic, exceptions, formats, order, text
from channelshim.python27.helpers.containers import (
    has_key,
    items,
    iteritems,
    iterkeys,
    itervalues,
    keys,
    values,
    viewitems,
    viewkeys,
    viewvalues,
)
from channelshim.python27.strings import STRINGS, NativeStr

_MISSING: Final = object()


def _bound(helper: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda owner: functools.partial(helper, owner)


_DICT_METHODS: Final[dict[str, Callable[..., Any]]] = {
    "keys": keys,
    "values": values,
    "items": items,
}
_NEW_DICT_METHODS: Final[dict[str, Callable[..., Any]]] = {
    "has_key": has_key,
    "iterkeys": iterkeys,
    "itervalues": itervalues,
    "iteritems": iteritems,
    "viewkeys": viewkeys,
    "viewvalues": viewvalues,
    "viewitems": viewitems,
}
_STRING_METHODS: Final[dict[str, Callable[..., Any]]] = {
    "join": text.join27,
    "encode": text.encode27,
    "decode": text.decode27,
    "translate": text.translate27,
    "format": formats.format27,
}
_SPECIAL_METHODS: Final[dict[str, Callable[..., Any]]] = {
    "__getslice__": lambda owner, i, j: owner[max(i, 0) : max(j, 0)],
    "__setslice__": lambda owner, i, j, items: _set_slice(owner, i, j, items),
    "__delslice__": lambda owner, i, j: _delete_slice(owner, i, j),
    "__div__": arithmetic.div,
    "__rdiv__": lambda owner, other: arithmetic.div(other, owner),
    "__idiv__": arithmetic.idiv,
    "__nonzero__": bool,
    "__cmp__": order.cmp,
    "__long__": int,
    "__hex__": hex,
    "__oct__": arithmetic.oct27,
    "__coerce__": arithmetic.coerce,
}


def _set_slice(owner: Any, start: int, stop: int, items: Any) -> None:
    owner[max(start, 0) : max(stop, 0)] = items


def _delete_slice(owner: Any, start: int, stop: int) -> None:
    del owner[max(start, 0) : max(stop, 0)]


_FUNCTION_NAMES: Final = {
    "func_name": "__name__",
    "func_code": "__code__",
    "func_globals": "__globals__",
    "func_defaults": "__defaults__",
    "func_closure": "__closure__",
    "func_doc": "__doc__",
    "func_dict": "__dict__",
}


def attr(owner: Any, name: str) -> Any:
    """Return `owner.name` for a name that Python 3 lacks or gives otherwise.

    Raises:
        AttributeError: the object has none, under no name.
    """
    special = _special(owner, name)
    if special is not _MISSING:
        return special
    try:
        return getattr(owner, name)
    except AttributeError:
        found = _replacement(owner, name)
        if found is _MISSING:
            raise
        return found


def _special(owner: Any, name: str) -> Any:
    """Return a method that exists in Python 3 too, and answers otherwise there."""
    if name in _STRING_METHODS:
        if isinstance(owner, STRINGS):
            return functools.partial(_STRING_METHODS[name], owner)
        if isinstance(owner, type) and owner in (str, NativeStr, bytes):
            return _unbound_string_method(name)
    elif name == "sort":
        if isinstance(owner, list) and type(owner).sort is list.sort:
            return functools.partial(order.sort, owner)
        if owner is list:
            return functools.partial(order.sort, owner)
    elif name in _DICT_METHODS:
        method = getattr(owner, name, None)
        if isinstance(method, BuiltinMethodType) and hasattr(owner, "__len__"):
            return functools.partial(_DICT_METHODS[name], owner)
        if isinstance(owner, Mapping) and isinstance(method, MethodType):
            return functools.partial(_DICT_METHODS[name], owner)
        if isinstance(owner, type) and issubclass(owner, dict):
            if not isinstance(method, FunctionType):
                return functools.partial(_DICT_METHODS[name], owner)
    return _MISSING


def _unbound_string_method(name: str) -> Callable[..., Any]:
    if name == "join":
        return lambda separator, parts: text.join27(separator, parts)
    helper = _STRING_METHODS[name]
    return lambda owner, *args, **named: helper(owner, *args, **named)


def _replacement(owner: Any, name: str) -> Any:
    """Return what an attribute that Python 3 lacks was in 2.7."""
    if name == "next":
        return getattr(owner, "__next__", _MISSING)
    if name == "message":
        if isinstance(owner, BaseException):
            return exceptions.message(owner)
    elif name in _NEW_DICT_METHODS:
        if isinstance(owner, Mapping) or hasattr(owner, "keys"):
            return functools.partial(_NEW_DICT_METHODS[name], owner)
    elif name in _FUNCTION_NAMES:
        function = owner.__func__ if isinstance(owner, MethodType) else owner
        if isinstance(function, FunctionType):
            return getattr(function, _FUNCTION_NAMES[name])
    elif name in ("im_func", "im_self", "im_class"):
        return _method_attribute(owner, name)
    elif name in _SPECIAL_METHODS:
        return _special_method(owner, name)
    return _MISSING


_NEEDED: Final = {
    "__getslice__": ("__getitem__", (list, tuple, str, bytes, bytearray)),
    "__setslice__": ("__setitem__", (list, bytearray)),
    "__delslice__": ("__delitem__", (list, bytearray)),
}


def _special_method(owner: Any, name: str) -> Any:
    """Return a special method of a builtin type that Python 3 dropped."""
    helper = _SPECIAL_METHODS[name]
    kind = owner if isinstance(owner, type) else type(owner)
    kinds = _NEEDED[name][1] if name in _NEEDED else (int, float, complex)
    if not issubclass(kind, kinds):
        return _MISSING
    if isinstance(owner, type):
        return _plain_items(helper, name, kind)
    return functools.partial(helper, owner)


def _plain_items(helper: Callable[..., Any], name: str, kind: type) -> Any:
    """Return an unbound slice method: the builtin's own, not a subclass's."""
    if name not in _NEEDED:
        return helper
    base = next(each for each in _NEEDED[name][1] if issubclass(kind, each))
    method = getattr(base, _NEEDED[name][0])
    return lambda owner, i, j, *items: method(
        owner, slice(max(i, 0), max(j, 0)), *items
    )


def new(function: Any) -> Any:
    """Return `X.__new__` or `X.__init__`, that of object without its strictness.

    Arguments that object does not take were a warning in 2.7, where a class has both
    methods: every recipe of a singleton passes them on.
    """
    if function is object.__new__:
        return _new_object
    if getattr(function, "__objclass__", None) is object and (
        getattr(function, "__name__", "") == "__init__"
    ):
        return _init_object(function)
    return function


def _new_object(kind: Any, *args: Any, **named: Any) -> Any:
    if (args or named) and kind.__init__ is object.__init__:
        return object.__new__(kind, *args, **named)
    return object.__new__(kind)


def _init_object(function: Any) -> Any:
    bound = getattr(function, "__self__", None)

    def init(*args: Any, **named: Any) -> None:
        owner = args[0] if bound is None else bound
        if type(owner).__new__ is object.__new__:  # type: ignore[comparison-overlap]
            function(*args, **named)  # type: ignore[unreachable]
            return
        object.__init__(owner)

    return init


def _method_attribute(owner: Any, name: str) -> Any:
    if isinstance(owner, MethodType):
        if name == "im_func":
            return owner.__func__
        if name == "im_self":
            return owner.__self__
        return type(owner.__self__)
    if isinstance(owner, MethodWrapperType):
        return owner.__self__ if name == "im_self" else _MISSING
    if isinstance(owner, FunctionType) and "." in owner.__qualname__:
        # Taken from its class: an unbound method.
        if name == "im_func":
            return owner
        return None if name == "im_self" else _class_of(owner)
    return _MISSING


def _class_of(function: FunctionType) -> Any:
    found: Any = _MISSING
    path = function.__qualname__.split(".")[:-1]
    if "<locals>" not in path:
        found = function.__globals__.get(path[0], _MISSING)
        for part in path[1:]:
            found = getattr(found, part, _MISSING)
    return found


_OLD_NAMES: Final = frozenset(
    {"next", "message", "sort", "im_func", "im_self", "im_class"}.union(
        _DICT_METHODS,
        _NEW_DICT_METHODS,
        _STRING_METHODS,
        _FUNCTION_NAMES,
        _SPECIAL_METHODS,
    )
)
"""Names that `getattr` and `hasattr` look up as `attr` does."""


class _OldNames:
    """A function under the attribute names of Python 2.7, to store or delete them."""

    def __init__(self, function: Any) -> None:
        object.__setattr__(self, "_function", function)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._function, _FUNCTION_NAMES.get(name, name), value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, _FUNCTION_NAMES.get(name, name))

    def __delattr__(self, name: str) -> None:
        delattr(self._function, _FUNCTION_NAMES.get(name, name))


def old(owner: Any) -> Any:
    """Return an object whose old function attributes can be stored."""
    return _OldNames(owner) if isinstance(owner, FunctionType) else owner


def getattr27(owner: Any, name: str, *default: Any) -> Any:
    """Do `getattr` with one of the names of `attr`."""
    try:
        return attr(owner, name)
    except AttributeError:
        if default:
            return default[0]
        raise


def hasattr27(owner: Any, name: str) -> bool:
    """Do `hasattr` with one of the names of `attr`: no error is passed on."""
    try:
        attr(owner, name)
    except Exception:
        return False
    return True


def builtin_getattr(owner: Any, name: Any, *default: Any) -> Any:
    """Do as 2.7's `getattr`, by any name."""
    if isinstance(name, bytes):
        name = bytes(name).decode("ascii")
    if isinstance(name, str) and not name.isascii():
        name.encode("ascii")
    if name in _OLD_NAMES:
        return getattr27(owner, name, *default)
    return getattr(owner, name, *default)


def builtin_hasattr(owner: Any, name: Any) -> bool:
    """Do as 2.7's `hasattr`, by any name: no error is passed on."""
    try:
        builtin_getattr(owner, name)
    except (TypeError, UnicodeError):
        if not isinstance(name, str) or not name.isascii():
            raise
        return False
    except Exception:
        return False
    return True


def builtin_setattr(owner: Any, name: Any, value: Any) -> None:
    """Do as 2.7's `setattr`, by a name of either kind."""
    if isinstance(name, bytes):
        name = bytes(name).decode("ascii")
    setattr(owner, name, value)


def builtin_delattr(owner: Any, name: Any) -> None:
    """Do as 2.7's `delattr`, by a name of either kind."""
    if isinstance(name, bytes):
        name = bytes(name).decode("ascii")
    delattr(owner, name)


TABLE: Final[dict[str, Any]] = {
    "_p27_attr": attr,
    "_p27_old": old,
    "_p27_getattr": getattr27,
    "_p27_hasattr": hasattr27,
    "_p27_new": new,
    "getattr": builtin_getattr,
    "hasattr": builtin_hasattr,
    "setattr": builtin_setattr,
    "delattr": builtin_delattr,
}
