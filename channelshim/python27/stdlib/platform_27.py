"""platform: the version that an app sees."""

from __future__ import annotations

from channelshim.python27.stdlib import table

__all__ = ["python_version", "python_version_tuple", "linux_distribution", "dist"]


def python_version() -> str:
    """Return 2.7.18."""
    return ".".join(map(str, table.VERSION))


def python_version_tuple() -> tuple[str, ...]:
    """Return 2.7.18 in parts."""
    return tuple(map(str, table.VERSION))


def linux_distribution(*args: object, **named: object) -> tuple[str, str, str]:
    """Return that the distribution is not known."""
    return "", "", ""


dist = linux_distribution
