"""functools: reduce among the rest, wraps without `__wrapped__`, total_ordering."""

from __future__ import annotations

import functools
from typing import Any

from channelshim.python27.helpers.classes import not_equal

__all__ = [
    "WRAPPER_ASSIGNMENTS",
    "WRAPPER_UPDATES",
    "total_ordering",
    "update_wrapper",
    "wraps",
]

WRAPPER_ASSIGNMENTS = ("__module__", "__name__", "__doc__")
WRAPPER_UPDATES = ("__dict__",)


def update_wrapper(
    wrapper: Any,
    wrapped: Any,
    assigned: Any = WRAPPER_ASSIGNMENTS,
    updated: Any = WRAPPER_UPDATES,
) -> Any:
    """Make a function look like the one that it wraps."""
    for name in assigned:
        setattr(wrapper, name, getattr(wrapped, name))
    for name in updated:
        getattr(wrapper, name).update(getattr(wrapped, name, {}))
    return wrapper


def wraps(
    wrapped: Any,
    assigned: Any = WRAPPER_ASSIGNMENTS,
    updated: Any = WRAPPER_UPDATES,
) -> Any:
    """Decorate a function so that it looks like the one that it wraps."""
    return functools.partial(
        update_wrapper, wrapped=wrapped, assigned=assigned, updated=updated
    )


def total_ordering(kind: Any) -> Any:
    """Fill in a class's missing comparisons, `!=` by its `__eq__` too."""
    functools.total_ordering(kind)
    if kind.__ne__ is not_equal:
        kind.__ne__ = object.__ne__
    return kind
