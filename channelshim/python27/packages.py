"""Where code stands: its package, and what relative names in it mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.machinery import PathFinder
from typing import Any

from channelshim.python27.loaders import AppLoader


def has_extension(name: str, path: Iterable[str]) -> bool:
    """Tell whether a compiled module of a name is in a package's folders."""
    spec = PathFinder.find_spec(name, list(path))
    return spec is not None and spec.loader is not None and spec.origin is not None


def package_of(globals: Mapping[str, Any]) -> str:
    """Return the package that code is in, from its globals; '' for none."""
    package = globals.get("__package__")
    if isinstance(package, str):
        return package
    name = globals.get("__name__")
    if not isinstance(name, str):
        return ""
    return name if "__path__" in globals else name.rpartition(".")[0]


def is_absolute(globals: Mapping[str, Any] | None) -> bool:
    """Tell whether code asks for absolute imports."""
    loader = globals.get("__loader__") if globals else None
    return isinstance(loader, AppLoader) and loader.is_absolute


def from_package(name: str, package: str, level: int) -> str:
    """Return the absolute form of a name with leading dots.

    Raises:
        ValueError: it leads out of the package, or there is none.
    """
    if not package:
        raise ValueError("Attempted relative import in non-package")
    base = package
    for _ in range(level - 1):
        base, dot, _ = base.rpartition(".")
        if not dot:
            raise ValueError("Attempted relative import beyond toplevel package")
    return f"{base}.{name}" if name else base
