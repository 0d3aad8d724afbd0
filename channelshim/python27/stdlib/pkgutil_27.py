"""pkgutil: walking through packages, an app's own too."""

from __future__ import annotations

import os
import pkgutil
import zipfile
from collections.abc import Iterator
from typing import Any

from channelshim.python27.stdlib import process
from channelshim.python27.strings import NativeStr

__all__ = [
    *("iter_modules", "walk_packages", "ImpImporter", "ImpLoader", "get_data"),
]


class ImpLoader:
    """Loads one module."""

    def __init__(self, name: str) -> None:
        self._name = name

    def load_module(self, fullname: Any = None) -> Any:
        """Load the module."""
        return process.importer.load(fullname or self._name)


class ImpImporter:
    """Finds the modules of one folder."""

    def __init__(self, path: Any = None) -> None:
        self.path = path

    def find_module(self, fullname: Any, path: Any = None) -> Any:
        """Return what loads a module; None if it is not here."""
        last = fullname.rpartition(".")[2]
        names = {name for name, _ in _modules_in(self.path)}
        return ImpLoader(fullname) if last in names else None


def _modules_in(folder: Any) -> list[tuple[str, bool]]:
    found: dict[str, bool] = {}
    folder = folder or os.curdir
    if os.path.isdir(folder):
        names = os.listdir(folder)
    elif zipfile.is_zipfile(folder):
        with zipfile.ZipFile(folder) as archive:
            names = [name for name in archive.namelist() if "/" not in name]
    else:
        names = []
    for name in sorted(names):
        path = os.path.join(folder, name)
        if name.endswith(".py") and name != "__init__.py":
            found.setdefault(name[:-3], False)
        elif os.path.isfile(os.path.join(path, "__init__.py")):
            found[name] = True
    return list(found.items())


def iter_modules(path: Any = None, prefix: Any = "") -> Iterator[tuple[Any, str, bool]]:
    """Yield importer, name and kind of each module in folders."""
    import sys

    seen = set()
    for folder in sys.path if path is None else path:
        importer = ImpImporter(folder)
        for name, is_package in _modules_in(folder):
            if name not in seen:
                seen.add(name)
                yield importer, prefix + name, is_package


def walk_packages(
    path: Any = None, prefix: Any = "", onerror: Any = None
) -> Iterator[tuple[Any, str, bool]]:
    """Yield the modules in folders, and those of the packages among them."""
    for importer, name, is_package in iter_modules(path, prefix):
        yield importer, name, is_package
        if not is_package:
            continue
        try:
            package = process.importer.load(name)
        except ImportError:
            if onerror is not None:
                onerror(name)
            continue
        except Exception:
            if onerror is None:
                raise
            onerror(name)
            continue
        yield from walk_packages(package.__path__, name + ".", onerror)


def get_data(package: Any, resource: Any) -> Any:
    """Return a file of a package."""
    module = process.importer.load(package)
    folder = os.path.dirname(module.__file__)
    path = os.path.join(folder, *resource.split("/"))
    loader = getattr(module, "__loader__", None)
    if loader is None:
        raw = pkgutil.get_data(package, resource)
        return None if raw is None else NativeStr(raw)
    return NativeStr(loader.get_data(path))
