"""fnmatch: patterns of either kind of string."""

from __future__ import annotations

import fnmatch as real
from typing import Any

from channelshim.python27.strings import to_text

__all__ = [
    "filter",
    "fnmatch",
    "fnmatchcase",
    "translate",
    "_MAXCACHE",
    "_cache",
    "_purge",
]

_MAXCACHE = 100
_cache: dict[Any, Any] = {}


def _purge() -> None:
    """Forget the compiled patterns."""
    _cache.clear()


def fnmatch(name: Any, pat: Any) -> bool:
    """Tell whether a name fits a pattern, as the system compares names."""
    return real.fnmatch(to_text(name), to_text(pat))


def fnmatchcase(name: Any, pat: Any) -> bool:
    """Tell whether a name fits a pattern."""
    return real.fnmatchcase(to_text(name), to_text(pat))


def filter(names: Any, pat: Any) -> list[Any]:
    """Return the names that fit a pattern."""
    return [name for name in names if fnmatch(name, pat)]


def translate(pat: Any) -> str:
    """Return a pattern as a regular expression."""
    pieces, place = [], 0
    while place < len(pat):
        letter = pat[place]
        place += 1
        if letter == "*":
            pieces.append(".*")
        elif letter == "?":
            pieces.append(".")
        elif letter == "[":
            end = place + (pat[place : place + 1] == "!")
            end = pat.find("]", end + (pat[end : end + 1] == "]"))
            if end < 0:
                pieces.append("\\[")
                continue
            inner = pat[place:end].replace("\\", "\\\\")
            place = end + 1
            if inner[0] == "!":
                inner = "^" + inner[1:]
            elif inner[0] == "^":
                inner = "\\" + inner
            pieces.append(f"[{inner}]")
        else:
            from channelshim.python27.stdlib import re_27

            pieces.append(re_27.escape(letter))
    return "".join(pieces) + "\\Z(?ms)"
