"""The loader of an app's module, and the spec that importlib asks for."""

from __future__ import annotations

import linecache
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any, Final, Protocol

from channelshim.python27 import compiling
from channelshim.python27.finding import Source

ABSOLUTE_IMPORT: Final = 0x40000
"""CO_FUTURE_ABSOLUTE_IMPORT of a code object."""


class Importing(Protocol):
    """What a loader asks of the importer."""

    def code_of(self, raw: bytes, path: str) -> tuple[CodeType, bool]:
        """Return a file's code, and whether it is Python 3 source."""
        ...

    def builtins_for(self, *, is_python3: bool) -> dict[str, Any]:
        """Return the builtins that an app's module runs with."""
        ...

    def load(self, name: str) -> ModuleType:
        """Import a module by its absolute name."""
        ...


class AppLoader:
    """The loader of one module of an app."""

    def __init__(self, importer: Importing, source: Source) -> None:
        self._importer: Final = importer
        self.source: Final = source
        self.name: Final = source.name
        self.path: Final = source.path
        self.is_absolute: bool = False
        """Whether the file asks for absolute imports."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code with builtins of ours."""
        raw = self.source.read()
        code, is_python3 = self._importer.code_of(raw, self.path)
        self.is_absolute = is_python3 or bool(code.co_flags & ABSOLUTE_IMPORT)
        _show_lines(self, raw)
        names = module.__dict__
        names["__builtins__"] = self._importer.builtins_for(is_python3=is_python3)
        exec(code, names)

    def load_module(self, name: str) -> ModuleType:
        """Load the module as `imp` and `pkgutil` of 2.7 had it loaded."""
        return self._importer.load(name)

    def get_source(self, name: str) -> str:
        return compiling.source_text(self.source.read())

    def get_code(self, name: str) -> CodeType:
        return self._importer.code_of(self.source.read(), self.path)[0]

    def get_filename(self, name: str = "") -> str:
        return self.path

    def is_package(self, name: str) -> bool:
        return self.source.package_path is not None

    def get_data(self, path: str) -> bytes:
        """Return a file beside the module, in the app's folder or zip."""
        if self.source.zip_path is None:
            with open(path, "rb") as file:
                return file.read()
        member = path[len(self.source.zip_path) + 1 :]
        return Source("", path, None, self.source.zip_path, member).read()


def _show_lines(loader: AppLoader, raw: bytes) -> None:
    """Hand linecache the lines of a file that it could not read by itself."""
    if loader.source.zip_path is None and raw.isascii():
        return
    try:
        if loader.source.zip_path is None:
            raw.decode("utf-8")
            return
    except UnicodeDecodeError:
        pass
    lines = compiling.source_text(raw).splitlines(keepends=True)
    linecache.cache[loader.path] = (len(raw), None, lines, loader.path)


def spec_of(importer: Importing, source: Source) -> ModuleSpec:
    """Return the spec of an app's module."""
    is_package = source.package_path is not None
    loader: Any = AppLoader(importer, source)
    spec = ModuleSpec(source.name, loader, origin=source.path, is_package=is_package)
    if source.package_path is not None:
        spec.submodule_search_locations = list(source.package_path)
    spec.has_location = True
    return spec
