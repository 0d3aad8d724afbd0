"""Modules that can be imported, and whose names refuse to be called.

A class statement over such a name works, so does an `except` clause with a name that
ends as errors do; a call raises one sentence, which names the thing and says what to
use instead.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

HintOf = Callable[[str], "str | None"]
"""Returns what to use instead of a module, "" for nothing; None for any other name."""

_ERROR_ENDINGS: Final = ("Error", "Exception", "Failure", "Warning")


class _RefusingKind(type):
    """The type of a name that is refused: it can be subclassed, its members too."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return refusing_name(f"{cls._name}.{name}", cls._hint)


def refusing_name(name: str, hint: str) -> Any:
    """Return a class that stands for a name, and that nobody can call.

    Args:
        name: dotted, as errors say it.
        hint: what to use instead; "" for nothing.
    """
    last = name.rpartition(".")[2]
    if last.endswith(_ERROR_ENDINGS):
        # Nothing raises it, but an `except` clause must take it.
        return type(last, (Exception,), {"__module__": name.rpartition(".")[0]})

    def refuse(cls: Any, *args: Any, **named: Any) -> Any:
        sentence = f"{name} does not exist here"
        raise NotImplementedError(f"{sentence}: {hint}" if hint else sentence)

    members = {"__new__": refuse, "_name": name, "_hint": hint, "__module__": __name__}
    return _RefusingKind(last, (), members)


class _RefusingModule(ModuleType):
    """A module that has every name, and nothing behind them."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        if name.islower() and full not in sys.modules and _finder.is_listed(full):
            return importlib.import_module(full)
        made = refusing_name(full, _finder.hint_of(self.__name__) or "")
        self.__dict__[name] = made
        return made


class _Placeholder(ModuleType):
    """A package that holds nothing but modules which others answer for."""

    is_placeholder = True


class _Finder:
    """The last finder: it is asked for what nobody else has."""

    def __init__(self) -> None:
        self._tables: list[HintOf] = []
        self._listed: set[str] = set()
        self._placeholders: set[str] = set()

    def add(
        self, table: HintOf, listed: Sequence[str], placeholders: Sequence[str]
    ) -> None:
        if table not in self._tables:
            self._tables.append(table)
        self._listed.update(listed)
        self._placeholders.update(placeholders)

    def hint_of(self, name: str) -> str | None:
        for table in self._tables:
            hint = table(name)
            if hint is not None:
                return hint
        return None

    def is_listed(self, name: str) -> bool:
        return name in self._listed

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        loader: Any = self
        if name in self._placeholders:
            return ModuleSpec(name, loader, origin=PLACEHOLDER, is_package=True)
        if self.hint_of(name) is None:
            return None
        return ModuleSpec(name, loader, origin=PLACEHOLDER, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        if spec.name in self._placeholders:
            return _Placeholder(spec.name)
        return _RefusingModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


PLACEHOLDER: Final = "placeholder"
"""The origin of a module that is not there but by its name."""

_finder: Final = _Finder()


def refuse(
    hint_of: HintOf,
    *,
    listed: Sequence[str] = (),
    placeholders: Sequence[str] = (),
) -> None:
    """Let names be imported that nobody else has. Idempotent.

    Args:
        hint_of: which names, and what to use instead of calling what is in them.
        listed: names that are modules, wherever something asks their package for them.
        placeholders: packages that are there only for a module in them.
    """
    _finder.add(hint_of, listed, placeholders)
    finder: Any = _finder
    if finder not in sys.meta_path:
        sys.meta_path.append(finder)
