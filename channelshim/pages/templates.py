"""The Jinja2 environments of our own pages; everything in them is escaped."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Final

import jinja2

from channelshim.pages.look import MARK, MARK_URL, stylesheet

_UNITS: Final = ("bytes", "KB", "MB", "GB", "TB")
_STEP: Final = 1024


class Templates:
    """Templates of a room, on top of those of every page of ours.

    Args:
        packages: whose folder templates/ is looked in before this room's.
    """

    def __init__(self, *packages: str) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader(
                [
                    jinja2.PackageLoader(name)
                    for name in (*packages, "channelshim.pages")
                ]
            ),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        self._environment.globals["mark_url"] = MARK_URL
        self._environment.globals["mark"] = MARK
        self._environment.globals["stylesheet"] = stylesheet
        self._environment.filters["size"] = size_text
        self._environment.filters["time"] = time_text

    def render(self, name: str, /, **values: Any) -> str:
        """Return the page made from a template of templates/ and its values.

        Args:
            name: the template's file name, "login.html".
            **values: what the template shows; texts are escaped.
        """
        return self._environment.get_template(name).render(**values)


def size_text(count: float) -> str:
    """Return a number of bytes as people write it: "1.5 MB"."""
    left = float(count)
    for unit in _UNITS[:-1]:
        if left < _STEP:
            return f"{left:.0f} {unit}" if unit == "bytes" else f"{left:.1f} {unit}"
        left /= _STEP
    return f"{left:.1f} {_UNITS[-1]}"


def time_text(at: float | None) -> str:
    """Return Unix seconds as UTC; "" for None, and for what no calendar has."""
    if at is None:
        return ""
    try:
        moment = datetime.fromtimestamp(at, timezone.utc)
    except (OverflowError, OSError, ValueError):
        return ""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


_TEMPLATES: Final = Templates()


def render(name: str, /, **values: Any) -> str:
    """Return a page of this room; see Templates.render."""
    return _TEMPLATES.render(name, **values)
