"""Draw the rooms of channelshim on their floors, with a line for each import.

`scripts/docs` writes docs/explanation/img/rooms.svg with it. The floors are those that
tests/test_architecture.py holds the imports to; the lines are the imports themselves. A
line that follows from others (A imports B, and B imports C) is left out, so that the
picture can be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from xml.sax.saxutils import escape

Edge: TypeAlias = "tuple[str, str]"
"""The room that imports, and the room that is imported."""

WIDTH = 820
_LEFT = 84
_ROW = 64
_BOX = 34
_WIDEST = 300
_MARGIN = 26
_LETTER = 7.4
_PURE_FLOORS = 2

_STYLE = """\
text { font: 14px ui-sans-serif, system-ui, sans-serif; fill: #1b2733 }
.floor { font-size: 12px; fill: #5b6b7b }
rect { fill: #eaf1fb; stroke: #3f6aa8; rx: 5px }
rect.pure { fill: #eaf6ec; stroke: #3b8250 }
rect.paper { fill: #ffffff; stroke: none }
path { fill: none; stroke: #7b8da1; stroke-width: 1.3 }
"""


@dataclass(frozen=True)
class Box:
    """A room in the picture.

    Attributes:
        name: its modules and packages.
        x: of its middle.
        y: of its top.
        width: in pixels.
        is_pure: whether it decides only, without a clock, a socket or a thread.
    """

    name: str
    x: float
    y: float
    width: float
    is_pure: bool


def name_of(room: Iterable[str]) -> str:
    """Return how the picture names a room."""
    return ", ".join(sorted(room))


def edges_of(package: Path) -> set[Edge]:
    """Return each pair of different rooms of which one imports the other."""
    from tests.test_architecture import FLOORS, PACKAGE, imports_of, modules_of

    rooms = {
        module: name_of(room) for floor in FLOORS for room in floor for module in room
    }
    found = set()
    for module, path in modules_of(package):
        for imported in imports_of(package, path):
            top, _, rest = imported.name.partition(".")
            target = rooms.get(rest.partition(".")[0])
            if top == PACKAGE and target is not None and target != rooms[module]:
                found.add((rooms[module], target))
    return found


def reachable(edges: Iterable[Edge]) -> set[Edge]:
    """Return each pair of which the first leads to the second, by one edge or many."""
    found = set(edges)
    while True:
        more = {(a, d) for a, b in found for c, d in found if b == c} - found
        if not more:
            return found
        found |= more


def reduced(edges: set[Edge]) -> set[Edge]:
    """Return the edges that follow from no others. There must be no circle."""
    paths = reachable(edges)
    middles = {room for edge in edges for room in edge}
    return {
        (above, below)
        for above, below in edges
        if not any(
            (above, middle) in edges and (middle, below) in paths for middle in middles
        )
    }


def _boxes(floors: Iterable[Iterable[Iterable[str]]]) -> dict[str, Box]:
    """Return the boxes by their names, the highest floor at the top."""
    rows = [[name_of(room) for room in floor] for floor in floors]
    found = {}
    for number, names in enumerate(rows):
        y = _MARGIN + (len(rows) - 1 - number) * _ROW
        cell = (WIDTH - _LEFT - _MARGIN) / len(names)
        for place, name in enumerate(names):
            x = _LEFT + (place + 0.5) * cell
            width = min(max(110, len(name) * _LETTER + 24), _WIDEST, cell - 16)
            found[name] = Box(name, x, y, width, number < _PURE_FLOORS)
    return found


def _lines(edges: set[Edge], boxes: dict[str, Box]) -> list[str]:
    """Return the lines, their ends spread along the edges of the boxes."""
    ends: dict[tuple[str, str, bool], float] = {}
    for name, box in boxes.items():
        beneath = sorted((boxes[b].x, b) for a, b in edges if a == name)
        overhead = sorted((boxes[a].x, a) for a, b in edges if b == name)
        for others, is_above in ((beneath, False), (overhead, True)):
            step = box.width / (len(others) + 1)
            for place, (_, other) in enumerate(others, 1):
                ends[name, other, is_above] = box.x - box.width / 2 + place * step
    lines = []
    for above, below in sorted(edges):
        x1, y1 = ends[above, below, False], boxes[above].y + _BOX
        x2, y2 = ends[below, above, True], boxes[below].y
        bend = (y2 - y1) * 0.5
        lines.append(
            f'<path d="M{x1:.0f} {y1:.0f} C{x1:.0f} {y1 + bend:.0f} '
            f'{x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2:.0f}">'
            f"<title>{escape(above)} imports {escape(below)}</title></path>"
        )
    return lines


def _box_lines(box: Box) -> list[str]:
    kind = ' class="pure"' if box.is_pure else ""
    return [
        f'<rect{kind} x="{box.x - box.width / 2:.0f}" y="{box.y:.0f}" '
        f'width="{box.width:.0f}" height="{_BOX}"/>',
        f'<text x="{box.x:.0f}" y="{box.y + 22:.0f}" text-anchor="middle">'
        f"{escape(box.name)}</text>",
    ]


def picture(package: Path) -> str:
    """Return the picture as SVG."""
    from tests.test_architecture import FLOORS

    boxes = _boxes(FLOORS)
    height = len(FLOORS) * _ROW + _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'role="img" aria-labelledby="title description">',
        '<title id="title">The rooms of channelshim and what they import</title>',
        '<desc id="description">Floor 0 is at the bottom. Each line leads from a room '
        "down to one that it imports; lines that follow from others are left out. "
        "Rooms in green decide only: they use no clock, socket or thread.</desc>",
        f"<style>\n{_STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        *_lines(reduced(edges_of(package)), boxes),
    ]
    for number in range(len(FLOORS)):
        y = _MARGIN + (len(FLOORS) - 1 - number) * _ROW + 22
        lines.append(f'<text class="floor" x="20" y="{y}">floor {number}</text>')
    for box in boxes.values():
        lines += _box_lines(box)
    return "\n".join([*lines, "</svg>", ""])
