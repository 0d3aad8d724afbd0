"""Google's own copy of protorpc, on Python 3.13.

Since 3.13 a class body holds names of Python's own more than before, and the module's
metaclasses take each for a member: it cannot even be imported, and ndb.msgprop with it.
The names that they pass over are a set that the module makes first; it is made larger
here, while the module runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Final

MODULE: Final = "google.appengine._internal.protorpc.messages"

_MARK: Final = "__qualname__"
"""In the set that is meant, and in no other."""

_NEW_NAMES: Final = frozenset(
    {"__static_attributes__", "__firstlineno__", "__classdictcell__"}
)


def install() -> None:
    """Let the module be imported. Idempotent; does nothing before Python 3.13."""
    if sys.version_info >= (3, 13) and _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def reserve(names: Iterable[Any] = ()) -> frozenset[Any]:
    """Return a set of names, with today's where it is the one that is meant."""
    found = frozenset(names)
    return found | _NEW_NAMES if _MARK in found else found


class _Loader:
    """The real loader, with another `frozenset` while the module's code runs."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["frozenset"] = reserve
        try:
            self._loader.exec_module(module)
        finally:
            del module.__dict__["frozenset"]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


class _Finder:
    """A finder for this one module."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if name != MODULE:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            loader: Any = _Loader(spec.loader)
            spec.loader = loader
        return spec


_finder: Final[Any] = _Finder()
