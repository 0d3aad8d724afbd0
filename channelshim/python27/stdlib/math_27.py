"""math: whole floats where Python 3 gives ints."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["floor", "ceil"]


def floor(x: Any) -> float:
    """Return the whole number below, as a float."""
    value = float(x)
    return float(math.floor(value)) if math.isfinite(value) else value


def ceil(x: Any) -> float:
    """Return the whole number above, as a float."""
    value = float(x)
    return float(math.ceil(value)) if math.isfinite(value) else value
