"""repr: short descriptions, by the types' names of 2.7."""

from __future__ import annotations

import reprlib
from typing import Any

__all__ = ["Repr", "repr", "aRepr"]


class Repr(reprlib.Repr):
    """Makes short descriptions."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlong = 40

    def repr_long(self, x: Any, level: int) -> str:
        """Describe a large number."""
        return self.repr_int(x, level)


aRepr = Repr()
repr = aRepr.repr
