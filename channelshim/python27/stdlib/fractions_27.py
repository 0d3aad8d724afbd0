"""fractions: the greatest common divisor, which moved to math."""

from __future__ import annotations

from typing import Any

__all__ = ["gcd"]


def gcd(a: Any, b: Any) -> Any:
    """Return the greatest common divisor, with the sign of b."""
    while b:
        a, b = b, a % b
    return a
