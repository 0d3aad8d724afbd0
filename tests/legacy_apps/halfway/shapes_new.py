# Ported already: Python 3 only.
from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Box:
    width: int
    height: int
    *_, name = "old", "new", "box"

    def area(self, *, scale: int = 1) -> int:
        return self.width * self.height * scale

    def halves(self) -> float:
        return f"{self.width / 2:.1f} by {self.height // 2}"


def sort(*boxes: Box, key=None):
    print("sorted", len(boxes), sep="-", end="")
    return [box.area() for box in sorted(boxes, key=lambda box: box.area())]
