"""Charts as SVG, without a library."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.tables import number

_BAR, _GAP, _LEFT, _WIDTH, _TOP = 22, 8, 230, 760, 44
_OURS, _THEIRS = "#1a73e8", "#9aa0a6"
_COLOURS = (_OURS, "#d93025", "#188038", "#9aa0a6")
_HEIGHT, _EDGE = 360, 60


def bars(title: str, values: Sequence[tuple[str, float, bool]]) -> str:
    """Return a chart of horizontal bars.

    Args:
        title: above it, with the unit.
        values: (name, value, whether it is ours), in the order of the bars.
    """
    height = _TOP + len(values) * (_BAR + _GAP) + _GAP
    longest = max(value for _, value, _ in values)
    scale = (_WIDTH - _LEFT - 90) / longest if longest else 0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="26" font-size="15" font-weight="bold">{escape(title)}</text>',
    ]
    for place, (name, value, is_ours) in enumerate(values):
        top = _TOP + place * (_BAR + _GAP)
        width = max(1.0, value * scale)
        fill = _OURS if is_ours else _THEIRS
        middle = top + _BAR * 0.7
        parts += [
            f'<text x="{_LEFT - 8}" y="{middle:.0f}" text-anchor="end">'
            f"{escape(name.replace('`', ''))}</text>",
            f'<rect x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_BAR}" '
            f'fill="{fill}"/>',
            f'<text x="{_LEFT + width + 6:.1f}" y="{middle:.0f}">'
            f"{number(value)}</text>",
        ]
    return "\n".join([*parts, "</svg>", ""])


def lines(
    title: str, below: str, series: Sequence[tuple[str, Sequence[tuple[float, float]]]]
) -> str:
    """Return a chart of lines, both axes from zero.

    Args:
        title: above it, with the unit.
        below: what the horizontal axis counts.
        series: name and points of each line, ours first.
    """
    widest = max(x for _, points in series for x, _ in points)
    highest = max(y for _, points in series for _, y in points) or 1.0
    right, bottom = _WIDTH - _LEFT, _HEIGHT - _EDGE

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            _EDGE + x / widest * (right - _EDGE),
            bottom - y / highest * (bottom - _TOP),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="12" y="26" font-size="15" font-weight="bold">{escape(title)}</text>',
        f'<path d="M{_EDGE} {_TOP}V{bottom}H{right}" fill="none" stroke="#5f6368"/>',
        f'<text x="{(_EDGE + right) / 2:.0f}" y="{_HEIGHT - 14}" '
        f'text-anchor="middle">{escape(below)}</text>',
        f'<text x="{_EDGE - 6}" y="{_TOP + 5}" text-anchor="end">'
        f"{number(highest)}</text>",
    ]
    for x in sorted({x for _, points in series for x, _ in points}):
        left, _ = place(x, 0)
        parts.append(
            f'<text x="{left:.1f}" y="{bottom + 18}" text-anchor="middle">{x:g}</text>'
        )
    for at, (name, points) in enumerate(series):
        colour = _COLOURS[at % len(_COLOURS)]
        placed = [place(x, y) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" '
            'stroke-width="2"/>'
        )
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
            for x, y in placed
        ]
        parts.append(
            f'<text x="{right + 14}" y="{_TOP + 18 + 22 * at}" fill="{colour}">'
            f"{escape(name)}</text>"
        )
    return "\n".join([*parts, "</svg>", ""])
