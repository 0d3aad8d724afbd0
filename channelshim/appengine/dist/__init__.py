"""google.appengine.dist: which version of a library the app asked for.

The library that is installed is the one there is. A version of Django says how
templates render; see google.appengine.ext.webapp.template.
"""

from __future__ import annotations

__all__ = ["use_library", "version_of"]

_versions: dict[str, tuple[int, ...]] = {}


def use_library(name: str, version: str) -> None:
    """Ask for a version of a library.

    Args:
        name: "django".
        version: "1.2" and the like.
    """
    parts = []
    for part in str(version).split("."):
        if not part.isdigit():
            break
        parts.append(int(part))
    _versions[name] = tuple(parts)


def version_of(name: str) -> tuple[int, ...] | None:
    """Return the version that the app asked for; None when it did not."""
    return _versions.get(name)
