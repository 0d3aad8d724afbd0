"""Imports of an app: its own modules translated, Python 2.7's names, then the rest.

Theory. An app's module runs with builtins of our own, whose `__import__` is
`Importer.import_module_for`; so "is this app code?" is "are its builtins ours?", and
nobody else sees a change. One finder at the head of sys.meta_path gives an app's
module our loader. A name that is both the app's and installed (yaml, queue, test)
stays out of sys.modules: the app gets its own, kept in a private registry, and
everybody else the installed one. tests/python27/test_loading.py holds all this.
"""

from __future__ import annotations

import builtins
import importlib
import importlib._bootstrap as bootstrap
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import CodeType, ModuleType
from typing import Any, Final

from channelshim.python27 import compiling
from channelshim.python27.caching import CodeCache
from channelshim.python27.finding import (
    AppFiles,
    Source,
    installed_spec,
    is_asked_by_runner,
)
from channelshim.python27.loaders import AppLoader, spec_of
from channelshim.python27.own_names import OwnNames
from channelshim.python27.packages import (
    from_package,
    has_extension,
    is_absolute,
    package_of,
)
from channelshim.python27.shadows import Shadows
from channelshim.python27.stdlib import table
from channelshim.python27.stdlib.table import no_module

_lock_of: Final[Any] = getattr(bootstrap, "_ModuleLockManager")  # noqa: B009
"""importlib's own locks, which find deadlocks between threads that import."""


class Finder:
    """The one entry of sys.meta_path: finds an app's modules, and nobody else's."""

    def __init__(self, importer: Importer) -> None:
        self._importer: Final = importer

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        files = self._importer.files
        source = files.find(name, sys.path if path is None else path)
        if source is None:
            return None
        if path is None and self._importer.own_names.is_in_conflict(name):
            if not is_asked_by_runner(name):
                return installed_spec(name, files)
            self._importer.own_names.open_to_all(name)
        return spec_of(self._importer, source)

    def invalidate_caches(self) -> None:
        self._importer.forget_places()


class Importer:
    """What `import` means to an app; one object in a process."""

    def __init__(
        self,
        files: AppFiles,
        cache: CodeCache | None,
        builtins27: Callable[[Importer], ModuleType],
        shadows: Callable[[Importer], Shadows],
    ) -> None:
        self.files: Final = files
        self._cache: Final = cache
        self.private: Final[dict[str, ModuleType]] = {}
        """Modules that only the app sees."""
        self.own_names: Final = OwnNames(files)
        self._relative: dict[tuple[str, str], bool] = {}
        self.builtin_module: Final = builtins27(self)
        self._names27: Final[dict[str, Any]] = self.builtin_module.__dict__
        self._names3: Final[dict[str, Any]] = dict(vars(builtins))
        self._names3["__import__"] = self._import_for_python3
        self.shadows: Final = shadows(self)

    # --- code

    def builtins_for(self, *, is_python3: bool) -> dict[str, Any]:
        """Return the builtins that an app's module runs with."""
        return self._names3 if is_python3 else self._names27

    def code_of(self, raw: bytes, path: str) -> tuple[CodeType, bool]:
        """Return a file's code, and whether it is Python 3 source.

        Raises:
            SyntaxError: it is neither Python 2.7 nor Python 3.
        """
        if self.files.is_python3(path) or compiling.says_python3(raw):
            return compile(raw, path, "exec", dont_inherit=True), True
        key = self._cache.key(raw) if self._cache else ""
        if self._cache is not None:
            for suffix, is_python3 in (("", False), (".3", True)):
                code = self._cache.load(key + suffix)
                if code is not None:
                    code = compiling.with_path(code, path)
                    return compiling.with_native_strings(code, is_python3), is_python3
        code, is_python3 = compiling.compile_file(raw, path)
        if self._cache is not None:
            self._cache.store(key + (".3" if is_python3 else ""), code)
        return compiling.with_native_strings(code, is_python3), is_python3

    # --- where names lead

    def forget_places(self) -> None:
        """Look again for every name; a search path has changed."""
        self.own_names.forget()
        self._relative.clear()

    def _resolve(self, name: str, package: str) -> tuple[str, bool]:
        """Return a name's absolute form for code in a package, tried as relative."""
        if not package:
            return name, False
        first = name.partition(".")[0]
        key = package, first
        is_relative = self._relative.get(key)
        if is_relative is None:
            candidate = f"{package}.{first}"
            module = self.get(package)
            path = getattr(module, "__path__", None) or ()
            is_relative = (
                self.get(candidate) is not None
                or self.files.find(candidate, path) is not None
                or has_extension(candidate, path)
            )
            self._relative[key] = is_relative
        return (f"{package}.{name}", True) if is_relative else (name, False)

    # --- modules

    def get(self, name: str) -> ModuleType | None:
        """Return a module that has been imported, as the app sees it."""
        module = self.private.get(name)
        if module is None and name.partition(".")[0] not in self.private:
            module = self.shadows.made().get(name) or sys.modules.get(name)
        return module

    def load(self, name: str) -> ModuleType:
        """Import a module by its absolute name, as the app sees it.

        Raises:
            ImportError: there is none.
        """
        module = self.private.get(name)
        if module is not None:
            spec = getattr(module, "__spec__", None)
            if not getattr(spec, "_initializing", False):
                return module
            return self._load_private(name)
        top, dot, rest = name.partition(".")
        last = name.rpartition(".")[2]
        if last in table.ALWAYS_OURS and last in self.shadows:
            return self.shadows.get(last)
        if top in self.private:
            return self._load_private(name)
        if top in table.BUILT_IN:
            return self._load_shadowed(name) if top in self.shadows else _real(name)
        if (rest == "" or top not in sys.modules) and self.own_names.source(
            top
        ) is not None:
            if self.own_names.is_in_conflict(top):
                return self._load_private(name)
            return _real(name)
        if top in table.MOVED and self.files.find(top, sys.path) is not None:
            return _real(table.MOVED[top] + dot + rest)
        if top in self.shadows and not self._is_own_module(top):
            return self._load_shadowed(name)
        if top in table.RENAMED:
            raise no_module(name)
        return _real(name)

    def _is_own_module(self, name: str) -> bool:
        module = sys.modules.get(name)
        return isinstance(getattr(module, "__loader__", None), AppLoader)

    def _load_shadowed(self, name: str) -> ModuleType:
        """Import a module whose top-level name is shadowed: itself, or the real one."""
        if name in self.shadows:
            return self.shadows.get(name)
        parent, _, last = name.rpartition(".")
        above = self.load(parent)
        own = vars(above).get(last)
        if isinstance(own, ModuleType):
            # os.path is no shadow of its own.
            return own
        real_parent = getattr(above, "_shadow_real", above)
        if real_parent is None:
            raise no_module(name)
        real_name = f"{real_parent.__name__}.{last}"
        return _real(real_name)

    def _load_private(self, name: str) -> ModuleType:
        parent_name, _, last = name.rpartition(".")
        parent = self.load(parent_name) if parent_name else None
        with _lock_of(f"channelshim.private:{name}"):
            module = self.private.get(name)
            if module is not None:
                return module
            path = sys.path if parent is None else getattr(parent, "__path__", ())
            source = self.files.find(name, path)
            if source is None:
                return self._load_other_private(name, path, parent)
            spec = spec_of(self, source)
            module = importlib.util.module_from_spec(spec)
            self.private[name] = module
            spec._initializing = True  # type: ignore[attr-defined]
            try:
                assert spec.loader is not None
                spec.loader.exec_module(module)
            except BaseException:
                self.private.pop(name, None)
                raise
            finally:
                spec._initializing = False  # type: ignore[attr-defined]
            # Some libraries put another object in their place while they load.
            module = self.private.get(name, module)
        if parent is not None:
            setattr(parent, last, module)
        return module

    def _load_other_private(
        self, name: str, path: Any, parent: ModuleType | None
    ) -> ModuleType:
        """Import a part of a private package that is no source: an extension."""
        spec = PathFinder.find_spec(name, path) if parent is not None else None
        if spec is None or spec.loader is None:
            raise no_module(name)
        module = importlib.util.module_from_spec(spec)
        self.private[name] = module
        spec.loader.exec_module(module)
        setattr(parent, name.rpartition(".")[2], module)
        return module

    # --- __import__

    def import_module_for(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Iterable[str] | None = (),
        level: int = -1,
    ) -> ModuleType:
        """Do as Python 2.7's `__import__`, for code whose globals these are.

        Raises:
            ImportError: there is no such module.
            ValueError: a relative import that leaves the package.
        """
        if level == 0 and type(fromlist) is list and not fromlist:
            # C code imports for itself, and looks into sys.modules afterwards.
            try:
                return builtins.__import__(name, globals, locals, fromlist, 0)
            except ModuleNotFoundError:
                pass
        if not isinstance(name, str):
            name = str(name)  # type: ignore[unreachable]
        package = package_of(globals) if isinstance(globals, Mapping) else ""
        is_relative = False
        if level > 0:
            absolute = from_package(name, package, level)
        elif level == 0 and package and is_absolute(globals):
            absolute = name
        else:
            absolute, is_relative = self._resolve(name, package)
        if not absolute:
            raise ValueError("Empty module name")
        module = self.load(absolute)
        if fromlist:
            self._load_listed(absolute, module, fromlist)
            return module
        first = name.partition(".")[0]
        if level > 0:
            return self.load(absolute[: len(absolute) - len(name) + len(first)])
        return self.load(f"{package}.{first}" if is_relative else first)

    def _import_for_python3(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Any = (),
        level: int = 0,
    ) -> ModuleType:
        """Do as `__import__` for Python 3 source: only conflicts are ours."""
        absolute = name
        if level > 0:
            absolute = from_package(name, package_of(globals or {}), level)
        top = absolute.partition(".")[0]
        if top not in self.private and not (
            self.own_names.source(top) is not None
            and self.own_names.is_in_conflict(top)
            and top not in table.BUILT_IN
        ):
            return builtins.__import__(name, globals, locals, fromlist, level)
        module = self._load_private(absolute)
        if fromlist:
            self._load_listed(absolute, module, fromlist)
            return module
        last = len(absolute) - len(name) + len(name.partition(".")[0])
        return self.load(absolute[:last])

    def _load_listed(
        self, name: str, module: ModuleType, fromlist: Iterable[str]
    ) -> None:
        """Import the submodules among the names of a `from name import …`."""
        for item in fromlist:
            if item == "*":
                if hasattr(module, "__path__"):
                    self._load_listed(name, module, getattr(module, "__all__", ()))
                continue
            full = f"{name}.{item}"
            if full in self.shadows and name not in self.private:
                self.load(full)
            elif not hasattr(module, item) and hasattr(module, "__path__"):
                try:
                    found = self.load(full)
                except ModuleNotFoundError as error:
                    if error.name != full:
                        raise
                    continue
                if not hasattr(module, item):
                    # It stands in for a part that the installed package lost.
                    setattr(module, item, found)

    def load_file(
        self, name: str, path: str, folders: Iterable[str] | None
    ) -> ModuleType:
        """Load a file under a name, as `imp.load_source`; again if it is loaded."""
        source = Source(name, path, None if folders is None else tuple(folders))
        spec = spec_of(self, source)
        module = self.get(name)
        if module is None or name in self.shadows:
            module = importlib.util.module_from_spec(spec)
        else:
            module.__spec__, module.__loader__ = spec, spec.loader
            module.__file__ = path
        is_private = name in self.private or self.own_names.is_in_conflict(name)
        registry = self.private if is_private else sys.modules
        registry[name] = module
        assert spec.loader is not None
        spec.loader.exec_module(module)
        return registry[name]

    def reload(self, module: Any) -> ModuleType:
        """Do as Python 2.7's `reload`."""
        if not isinstance(module, ModuleType):
            raise TypeError("reload() argument must be module")
        name = module.__name__
        if self.private.get(name) is module:
            spec = module.__spec__
            assert spec is not None
            assert spec.loader is not None
            spec.loader.exec_module(module)
            return self.private[name]
        if self.shadows.made().get(name) is module:
            # Every change that an app made is meant to stay: `reload(sys)`.
            return module
        return importlib.reload(module)


def _real(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            raise no_module(name) from None
        raise
