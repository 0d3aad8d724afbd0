"""contextlib: nested, which Python 3.2 dropped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

__all__ = ["nested", "GeneratorContextManager"]


if TYPE_CHECKING:
    _Manager = contextlib._GeneratorContextManager[Any]
else:
    _Manager = contextlib._GeneratorContextManager


class GeneratorContextManager(_Manager):
    """A context made of a generator that has begun."""

    def __init__(self, gen: Any) -> None:
        self.gen: Any = gen
        self.func: Any = None
        self.args: Any = ()
        self.kwds: Any = {}


@contextlib.contextmanager
def nested(*managers: Any) -> Iterator[tuple[Any, ...]]:
    """Enter several contexts, and leave them in the other order."""
    with contextlib.ExitStack() as stack:
        yield tuple(stack.enter_context(manager) for manager in managers)
