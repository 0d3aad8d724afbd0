"""contextlib: nested, which Python 3.2 dropped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

__all__ = ["nested", "GeneratorContextManager"]


class GeneratorContextManager(contextlib._GeneratorContextManager):  # type: ignore[type-arg]
    """A context made of a generator that has begun."""

    def __init__(self, gen: Any) -> None:
        self.gen = gen
        self.func, self.args, self.kwds = None, (), {}  # type: ignore[assignment]


@contextlib.contextmanager
def nested(*managers: Any) -> Iterator[tuple[Any, ...]]:
    """Enter several contexts, and leave them in the other order."""
    with contextlib.ExitStack() as stack:
        yield tuple(stack.enter_context(manager) for manager in managers)
