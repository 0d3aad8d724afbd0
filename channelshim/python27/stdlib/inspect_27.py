"""inspect: getargspec, which Python 3.11 dropped."""

from __future__ import annotations

import inspect
from types import FunctionType, MethodType
from typing import Any, NamedTuple

__all__ = ["getargspec", "ArgSpec", "getmoduleinfo", "formatargspec", "ismethod"]


class ArgSpec(NamedTuple):
    """The arguments of a function."""

    args: Any
    varargs: Any
    keywords: Any
    defaults: Any


def getargspec(func: Any) -> ArgSpec:
    """Return the names and default values of a function's arguments."""
    if isinstance(func, MethodType):
        func = func.__func__
    if not isinstance(func, FunctionType):
        raise TypeError(f"{func!r} is not a Python function")
    spec = inspect.getfullargspec(func)
    # A parameter that is unpacked has a name that getfullargspec puts first.
    names = list(func.__code__.co_varnames[: func.__code__.co_argcount])
    return ArgSpec(names, spec.varargs, spec.varkw, spec.defaults)


def formatargspec(
    args: Any,
    varargs: Any = None,
    varkw: Any = None,
    defaults: Any = None,
    formatarg: Any = str,
    formatvarargs: Any = lambda name: "*" + name,
    formatvarkw: Any = lambda name: "**" + name,
    formatvalue: Any = lambda value: "=" + repr(value),
) -> str:
    """Return arguments as a def writes them."""
    parts = []
    first = len(args) - len(defaults or ())
    for number, name in enumerate(args):
        text = formatarg(name)
        if number >= first:
            text += formatvalue(defaults[number - first])
        parts.append(text)
    if varargs is not None:
        parts.append(formatvarargs(varargs))
    if varkw is not None:
        parts.append(formatvarkw(varkw))
    return "(" + ", ".join(parts) + ")"


def getmoduleinfo(path: Any) -> Any:
    """Return what a file's name says of the module in it."""
    import os

    name, ending = os.path.splitext(os.path.basename(path))
    return (name, ending, "U", 1) if ending == ".py" else None


def ismethod(object: Any) -> bool:
    """Tell whether an object is a method, bound or taken from its class."""
    if isinstance(object, MethodType):
        return True
    if not isinstance(object, FunctionType):
        return False
    parent = object.__qualname__.rpartition(".")[0]
    return bool(parent) and not parent.endswith("<locals>")
