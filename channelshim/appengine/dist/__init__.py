"""google.appengine.dist: choosing the version of a library; what is installed counts."""

from __future__ import annotations

__all__ = ["use_library"]


def use_library(name: str, version: str) -> None:
    """Do nothing: the library that is installed is the one there is."""
