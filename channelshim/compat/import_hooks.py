"""Run a function right after a module is first imported, without importing it now.

Legacy modules are mended this way (webapp2, jinja2.ext, Google's testbed): nothing
is loaded that the app does not ask for. One finder at the head of sys.meta_path does
it; it finds the real spec through the other finders and wraps its loader.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Callback = Callable[[ModuleType], None]


class _CallingLoader:
    """The real loader, with callbacks run once the module's code has run."""

    def __init__(self, loader: Any, callbacks: Sequence[Callback]) -> None:
        self._loader = loader
        self._callbacks = callbacks

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        for callback in self._callbacks:
            callback(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


class _PostImportFinder:
    """A meta-path finder that answers only for names with callbacks."""

    def __init__(self) -> None:
        self.callbacks: dict[str, list[Callback]] = {}
        self._searching = threading.local()

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        callbacks = self.callbacks.get(name)
        if not callbacks or getattr(self._searching, "name", None) == name:
            return None
        self._searching.name = name
        try:
            spec = _find_elsewhere(self, name, path, target)
        finally:
            self._searching.name = None
        if spec is not None and spec.loader is not None:
            spec.loader = _CallingLoader(spec.loader, callbacks)  # type: ignore[assignment]
        return spec


def _find_elsewhere(
    own: _PostImportFinder,
    name: str,
    path: Sequence[str] | None,
    target: ModuleType | None,
) -> ModuleSpec | None:
    for finder in sys.meta_path:
        if finder is own or not hasattr(finder, "find_spec"):
            continue
        spec = finder.find_spec(name, path, target)
        if spec is not None:
            return spec
    return None


_finder = _PostImportFinder()


def after_import(name: str, callback: Callback) -> None:
    """Call callback with the module `name` as soon as it has been imported.

    Args:
        name: the dotted name.
        callback: called once, in the importing thread; at once when the module is
            loaded already. The same callback is registered once however often asked.
    """
    callbacks = _finder.callbacks.setdefault(name, [])
    if callback in callbacks:
        return
    callbacks.append(callback)
    if not any(finder is _finder for finder in sys.meta_path):
        sys.meta_path.insert(0, _finder)
    module = sys.modules.get(name)
    if module is not None:
        callback(module)
