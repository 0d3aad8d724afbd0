"""repr: short descriptions, by the types' names of 2.7."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import Any

__all__ = ["Repr", "repr", "aRepr"]


class Repr(reprlib.Repr):
    """Makes short descriptions."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlong: int = 40

    def repr_long(self, x: Any, level: int) -> str:
        """Describe a large number."""
        return self.repr_int(x, level)


aRepr: Repr = Repr()
repr: Callable[[Any], str] = aRepr.repr
