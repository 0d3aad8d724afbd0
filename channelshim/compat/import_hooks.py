"""The finders that stand in sys.meta_path: after an import, aliases, hidden modules.

`after_import` runs a function right after a module is first imported, and again when
the module is dropped from sys.modules and imported again, as test suites do (wrapt's
hooks run once a process). Nothing is loaded that the app does not ask for: the finder
gets the real spec from the other finders and wraps its loader.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
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


def add_finder(finder: Any) -> None:
    """Put a finder before all others but those here, which change what it finds."""
    own = [
        position
        for position, each in enumerate(sys.meta_path)
        if each is _finder or each is _aliases or isinstance(each, _Hider)
    ]
    sys.meta_path.insert(own[-1] + 1 if own else 0, finder)


class _Alias:
    """A finder and loader in one: gives one module under another's name.

    Args:
        names: dotted name to the dotted name of the module that answers for it.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = dict(names)
        self._own_specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if name not in self.names:
            return None
        return ModuleSpec(name, self, is_package=False)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.names[spec.name])
        self._own_specs[module.__name__] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # It ran when it was imported under its own name, which it keeps.
        module.__spec__ = self._own_specs[module.__name__]


_aliases = _Alias({})
_fallbacks = _Alias({})


def answer_for(names: Mapping[str, str]) -> None:
    """Make each name importable: another module answers for it. Imports nothing.

    Args:
        names: dotted name to the dotted name of the module that answers for it; added
            to those of earlier calls.
    """
    _aliases.names.update(names)
    if not any(finder is _aliases for finder in sys.meta_path):
        sys.meta_path.insert(0, _aliases)


def answer_last_for(names: Mapping[str, str]) -> None:
    """Do the same for names that no other finder knows.

    Args:
        names: as those of `answer_for`.
    """
    _fallbacks.names.update(names)
    if not any(finder is _fallbacks for finder in sys.meta_path):
        sys.meta_path.append(_fallbacks)


class _StandIn(ModuleType):
    """In a module's place until somebody asks it for a name, which imports it."""

    # Nothing is kept here: a test may change the module for a while.

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(importlib.import_module(self.__name__), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(importlib.import_module(self.__name__), name)

    def __dir__(self) -> list[str]:
        return dir(importlib.import_module(self.__name__))

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        # What changes a name for a while looks here whether to restore or to delete it.
        return vars(importlib.import_module(self.__name__))


def put_off(package: ModuleType, name: str) -> None:
    """Have `from package import name` import that module when it is first used.

    Args:
        package: freshly imported.
        name: of a module in it. One that is imported already, or that is imported
            as `import package.name`, is the module itself.
    """
    # Not hasattr: a package of the SDK imports what it is asked for, see old_modules.
    stand_in = _StandIn(f"{package.__name__}.{name}")
    vars(package).setdefault(name, stand_in)


def hide_while_importing(hidden: str, importer: str) -> None:
    """Make `import hidden` fail while the module importer runs its own imports.

    Google's taskqueue imports google.api_core, and with it grpc, for Cloud Tasks
    only, and does without when it is missing: 0.3 s and 27 MB less. The module stays
    importable for the app. Idempotent.
    """
    if importer in sys.modules or any(
        isinstance(finder, _Hider) and finder.hides(hidden, importer)
        for finder in sys.meta_path
    ):
        return
    sys.meta_path.insert(0, _Hider(hidden, importer))


class _Hider:
    """A finder that refuses one module while another one is being imported."""

    def __init__(self, hidden: str, importer: str) -> None:
        self._hidden = hidden
        self._importer = importer

    def hides(self, hidden: str, importer: str) -> bool:
        return (self._hidden, self._importer) == (hidden, importer)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name != self._hidden and not name.startswith(self._hidden + "."):
            return
        module = sys.modules.get(self._importer)
        spec = getattr(module, "__spec__", None)
        if spec is not None and getattr(spec, "_initializing", False):
            raise ModuleNotFoundError(f"{name} is not needed here", name=name)
