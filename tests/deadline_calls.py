"""Calls with a deadline that only what is called can hear of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_PROGRAM = """
def call_within(limit, call, *arguments):
    with limit:
        return call(*arguments)
"""


def _made() -> Callable[..., Any]:
    names: dict[str, Any] = {}
    # Steps in such a file are the interpreter's own, and no thread is told in one. A
    # test's `with` block has steps before the call and after it, which could be told.
    exec(compile(_PROGRAM, "<frozen tests.deadline_calls>", "exec"), names)
    made: Callable[..., Any] = names["call_within"]
    return made


call_within = _made()
"""call_within(limit, call, *arguments) makes the call within Deadlines.limit(...)."""
