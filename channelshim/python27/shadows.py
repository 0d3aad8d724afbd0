"""Module objects that stand between an app and the standard library.

An app that imports `re` gets a Shadow: names that Python 2.7 had otherwise are ours,
every other name is the real module's, for reading and for writing, so `time.time =
fake` still reaches everybody. The world's sys.modules is left alone.
"""

from __future__ import annotations

import importlib
import threading
import warnings
from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import Any, Final

from channelshim.python27.helpers import as_builtin
from channelshim.python27.stdlib import table
from channelshim.python27.stdlib.table import no_module

Importer = Callable[[str], ModuleType]


class Shadow(ModuleType):
    """A module of Python 2.7's names over a real module, or over none."""

    def __init__(
        self, name: str, real: ModuleType | None, names: Mapping[str, Any]
    ) -> None:
        super().__init__(name, getattr(real, "__doc__", None))
        own = self.__dict__
        del own["__loader__"], own["__spec__"], own["__package__"]
        own["_shadow_real"] = real
        own.update(names)

    def __getattr__(self, name: str) -> Any:
        real = self.__dict__["_shadow_real"]
        if name == "__all__":
            return _public_names(self, real)
        if real is None:
            raise AttributeError(
                f"'module' object has no attribute '{name}' ({self.__name__})"
            )
        return getattr(real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        real = self.__dict__["_shadow_real"]
        if name in self.__dict__ or real is None:
            self.__dict__[name] = value
        else:
            setattr(real, name, value)

    def __delattr__(self, name: str) -> None:
        real = self.__dict__["_shadow_real"]
        if name in self.__dict__ or real is None:
            super().__delattr__(name)
        else:
            delattr(real, name)

    def __dir__(self) -> list[str]:
        real = self.__dict__["_shadow_real"]
        names = {name for name in self.__dict__ if name != "_shadow_real"}
        return sorted(names.union(dir(real) if real is not None else ()))

    def __repr__(self) -> str:
        return f"<module '{self.__name__}' of Python 2.7>"


def _public_names(own: ModuleType, real: ModuleType | None) -> list[str]:
    """Return what `from module import *` gives an app."""
    names = {name for name in vars(own) if not name.startswith("_")}
    if real is not None:
        listed = getattr(real, "__all__", None)
        if listed is None:
            listed = [name for name in vars(real) if not name.startswith("_")]
        names.update(name for name in listed if hasattr(real, name))
    return sorted(names)


class Shadows:
    """The shadows of one process, made when an app first imports them."""

    def __init__(self, given: Mapping[str, ModuleType]) -> None:
        self._made: dict[str, ModuleType] = dict(given)
        self._lock: Final = threading.RLock()
        self._parents = {
            name.rpartition(".")[0] for name in table.SHADOWS if "." in name
        }

    def __contains__(self, name: str) -> bool:
        return name in self._made or name in table.SHADOWS or name in self._parents

    def made(self) -> Mapping[str, ModuleType]:
        """Return the shadows that have been imported."""
        return self._made

    def get(self, name: str) -> ModuleType:
        """Return the shadow of a name for which `name in shadows`.

        Raises:
            ImportError: neither Python 3 nor a package of PyPI has it any more.
        """
        module = self._made.get(name)
        if module is not None:
            return module
        with self._lock:
            if name not in self._made:
                module = self._make(name)
                self._made[name] = module
                parent, _, last = name.rpartition(".")
                if parent in self:
                    self.get(parent).__dict__[last] = module
            return self._made[name]

    def _make(self, name: str) -> ModuleType:
        entry = table.SHADOWS.get(name)
        if entry is None:
            return Shadow(name, _real(name), {})
        real_name, ours = entry
        if ours is None:
            assert real_name is not None
            # A new name for the same module: nothing in it is ours.
            real = _real(real_name, name)
            return real if real_name != name else Shadow(name, real, {})
        with warnings.catch_warnings():
            # That a module is about to go is our matter, not the app's.
            warnings.simplefilter("ignore", DeprecationWarning)
            module = importlib.import_module(f"{table.__package__}.{ours}")
        names = {key: getattr(module, key) for key in module.__all__}
        if name in table.COMPILED:
            for key, value in names.items():
                if isinstance(value, FunctionType):
                    names[key] = as_builtin(value, key)
        submodules = getattr(module, "__path__", None)
        if submodules is not None:
            names["__path__"] = submodules
        return Shadow(name, _real(real_name, name) if real_name else None, names)


def _real(real_name: str, name: str = "") -> ModuleType:
    try:
        return importlib.import_module(real_name)
    except ImportError as error:
        if error.name != real_name or real_name not in table.DISTRIBUTIONS:
            raise
        raise no_module(name or real_name, real_name) from error
