"""imp: finding and loading modules by hand."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from types import ModuleType
from typing import Any, Final

from channelshim.python27.helpers.files import file as file27
from channelshim.python27.stdlib import process
from channelshim.python27.strings import to_text

__all__ = [
    *("find_module", "load_module", "load_source", "load_compiled", "new_module"),
    *("reload", "get_suffixes", "get_magic", "acquire_lock", "release_lock"),
    *("lock_held", "init_builtin", "is_builtin", "is_frozen", "load_dynamic"),
    *("PY_SOURCE", "PY_COMPILED", "C_EXTENSION", "PKG_DIRECTORY", "C_BUILTIN"),
    *("PY_FROZEN", "SEARCH_ERROR", "NullImporter", "load_package"),
]

SEARCH_ERROR: Final = 0
PY_SOURCE: Final = 1
PY_COMPILED: Final = 2
C_EXTENSION: Final = 3
PKG_DIRECTORY: Final = 5
C_BUILTIN: Final = 6
PY_FROZEN: Final = 7

_lock = threading.RLock()
_held = 0


def find_module(name: Any, path: Any = None) -> tuple[Any, Any, Any]:
    """Return a module's open file, its path and what it is."""
    name = to_text(name)
    if path is None and name in sys.builtin_module_names:
        return None, name, ("", "", C_BUILTIN)
    for folder in sys.path if path is None else path:
        base = os.path.join(folder or os.curdir, name)
        if os.path.isfile(os.path.join(base, "__init__.py")):
            return None, base, ("", "", PKG_DIRECTORY)
        if os.path.isfile(base + ".py"):
            return file27(base + ".py", "U"), base + ".py", (".py", "U", PY_SOURCE)
    if path is None and (name in sys.modules or name in sys.stdlib_module_names):
        spec = importlib.util.find_spec(name)
        if spec is not None:
            origin = spec.origin or name
            kind = PKG_DIRECTORY if spec.submodule_search_locations else PY_SOURCE
            if kind == PKG_DIRECTORY:
                return None, os.path.dirname(origin), ("", "", PKG_DIRECTORY)
            if os.path.isfile(origin) and origin.endswith(".py"):
                return file27(origin, "U"), origin, (".py", "U", PY_SOURCE)
            return None, origin, ("", "", C_BUILTIN)
    raise ImportError(f"No module named {name}")


def load_module(name: Any, file: Any, pathname: Any, description: Any) -> ModuleType:
    """Load what `find_module` found."""
    kind = description[2]
    if kind == PKG_DIRECTORY:
        return load_package(name, pathname)
    if kind == PY_SOURCE:
        return load_source(name, pathname, file)
    return process.importer.load(to_text(name))  # type: ignore[no-any-return]


def load_package(name: Any, path: Any) -> ModuleType:
    """Load a package from its folder."""
    return _load(to_text(name), os.path.join(path, "__init__.py"), [path])


def load_source(name: Any, pathname: Any, file: Any = None) -> ModuleType:
    """Load a module from its file."""
    return _load(to_text(name), to_text(pathname), None)


def _load(name: str, path: str, folders: Any) -> ModuleType:
    return process.importer.load_file(name, path, folders)  # type: ignore[no-any-return]


def load_compiled(name: Any, pathname: Any, file: Any = None) -> ModuleType:
    """Refuse compiled files: Python 2.7's run nowhere else."""
    raise ImportError(f"{pathname} is compiled for Python 2.7")


load_dynamic = load_compiled


def new_module(name: Any) -> ModuleType:
    """Return an empty module."""
    return ModuleType(to_text(name))


def reload(module: Any) -> ModuleType:
    """Load a module again."""
    return process.importer.reload(module)  # type: ignore[no-any-return]


def get_suffixes() -> list[tuple[str, str, int]]:
    """Return the endings of modules' files."""
    return [
        (".so", "rb", C_EXTENSION),
        (".py", "U", PY_SOURCE),
        (".pyc", "rb", PY_COMPILED),
    ]


def get_magic() -> Any:
    """Return the first bytes of compiled files."""
    from channelshim.python27.strings import NativeStr

    return NativeStr(importlib.util.MAGIC_NUMBER)


def acquire_lock() -> None:
    """Keep other threads from importing by hand."""
    global _held
    _lock.acquire()
    _held += 1


def release_lock() -> None:
    """Let other threads import by hand."""
    global _held
    if not _held:
        raise RuntimeError("not holding the import lock")
    _held -= 1
    _lock.release()


def lock_held() -> bool:
    """Tell whether a thread imports by hand."""
    return _held > 0


def is_builtin(name: Any) -> int:
    """Tell whether a module is built in."""
    return int(name in sys.builtin_module_names)


def is_frozen(name: Any) -> bool:
    """Tell whether a module is frozen."""
    return False


def init_builtin(name: Any) -> Any:
    """Load a module that is built in."""
    return process.importer.load(to_text(name)) if is_builtin(name) else None


class NullImporter:
    """An importer that finds nothing."""

    def __init__(self, path: Any) -> None:
        if os.path.isdir(path) or not path:
            raise ImportError("existing directory")

    def find_module(self, fullname: Any, path: Any = None) -> None:
        """Find nothing."""
