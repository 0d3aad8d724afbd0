"""What translated code calls where Python 3 means something else than 2.7.

Each module has one theme and a table from the name that the lowering writes, or that
Python 2.7 had as a builtin, to the function.
"""

from __future__ import annotations

import functools
from types import FunctionType
from typing import Any

from channelshim.python27.helpers import (
    arithmetic,
    attributes,
    classes,
    containers,
    exceptions,
    files,
    formats,
    order,
    printing,
    text,
)


def table() -> dict[str, Any]:
    """Return every helper and builtin that needs no importer."""
    names: dict[str, Any] = {}
    for module in (
        *(arithmetic, order, containers, attributes, exceptions),
        *(text, formats, printing, files, classes),
    ):
        names.update(module.TABLE)
    for name, value in names.items():
        if not name.startswith("_p27_") and isinstance(value, FunctionType):
            names[name] = as_builtin(value, name)
    return names


def as_builtin(function: Any, name: str) -> Any:
    """Return a function that stays one when it is a class's attribute.

    A builtin of 2.7 was no method of the class that has it: `class A: order = cmp`.
    """
    made: Any = functools.partial(function)
    made.__name__ = made.__qualname__ = name
    made.__module__ = "__builtin__"
    return made
