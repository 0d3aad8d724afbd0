"""Bar charts as SVG, without a library."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.tables import number

_BAR, _GAP, _LEFT, _WIDTH, _TOP = 22, 8, 230, 760, 44
_OURS, _THEIRS = "#1a73e8", "#9aa0a6"


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
