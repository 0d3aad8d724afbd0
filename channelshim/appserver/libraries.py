"""`libraries:` of app.yaml: which are there, and what to install for the others."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
)
from pathlib import Path
from typing import Final

from channelshim.appyaml.config import Library
from channelshim.compat.refused_modules import PLACEHOLDER

PACKAGES: Final = {
    # App Engine's name: (the module to import, the package that pip installs).
    "MySQLdb": ("MySQLdb", "mysqlclient"),
    "PIL": ("PIL", "Pillow"),
    "PyAMF": ("pyamf", "Py3AMF"),
    "clearsilver": ("neo_cgi", ""),
    "click": ("click", "click"),
    "crcmod": ("crcmod", "crcmod"),
    "django": ("django", "Django"),
    "enum": ("enum", ""),
    "endpoints": ("endpoints", "google-endpoints"),
    "flask": ("flask", "Flask"),
    "futures": ("concurrent.futures", ""),
    "grpcio": ("grpc", "grpcio"),
    "itsdangerous": ("itsdangerous", "itsdangerous"),
    "jinja2": ("jinja2", "Jinja2"),
    "lxml": ("lxml", "lxml"),
    "markupsafe": ("markupsafe", "MarkupSafe"),
    "matplotlib": ("matplotlib", "matplotlib"),
    "mysqlclient": ("MySQLdb", "mysqlclient"),
    "numpy": ("numpy", "numpy"),
    "protorpc": ("protorpc", "protorpc"),
    "protobuf": ("google.protobuf", "protobuf"),
    "psycopg2": ("psycopg2", "psycopg2-binary"),
    "pycrypto": ("Crypto", "pycryptodome"),
    "pytz": ("pytz", "pytz"),
    "requests": ("requests", "requests"),
    "setuptools": ("setuptools", "setuptools"),
    "six": ("six", "six"),
    "ssl": ("ssl", ""),
    "ujson": ("ujson", "ujson"),
    "webapp2": ("webapp2", "webapp2==3.0.0b1"),
    "webob": ("webob", "WebOb"),
    "werkzeug": ("werkzeug", "Werkzeug"),
    "yaml": ("yaml", "PyYAML"),
}


_LOADERS: Final = (
    (ExtensionFileLoader, EXTENSION_SUFFIXES),
    (SourceFileLoader, SOURCE_SUFFIXES),
)


@dataclass(frozen=True, slots=True)
class MissingLibrary:
    """A library that app.yaml names and that cannot be imported.

    Attributes:
        name: as app.yaml says.
        package: what pip installs; "" when there is none that is known.
    """

    name: str
    package: str

    def __str__(self) -> str:
        if not self.package:
            return f"app.yaml asks for the library {self.name}, which is not known here"
        return (
            f"app.yaml asks for the library {self.name}, which is not installed: "
            f"pip install '{self.package}'"
        )


def missing_libraries(
    libraries: Iterable[Library], folders: Iterable[Path] = ()
) -> list[MissingLibrary]:
    """Return those that cannot be imported; nothing is imported to find out.

    Args:
        libraries: of an app.yaml.
        folders: where an app that this process has not loaded brings some along.
    """
    # Finders of their own: those of imports keep what a folder had when they looked.
    finders = [FileFinder(str(each), *_LOADERS) for each in folders]
    missing = []
    for library in libraries:
        module, package = PACKAGES.get(library.name, (library.name, ""))
        if not (_is_there(module) or _is_in(finders, module)):
            missing.append(MissingLibrary(library.name, package))
    return missing


def libraries_to_install(
    libraries: Iterable[Library], folder: Path, *, is_loaded_here: bool
) -> tuple[list[MissingLibrary], list[MissingLibrary]]:
    """Return those that an app lacks, whichever process has loaded it.

    Args:
        libraries: of its app.yaml.
        folder: the app's.
        is_loaded_here: whether this process has loaded the app.

    Returns:
        those that are missing; and those that are if its appengine_config.py does not
        find them, which only a process that has loaded the app can tell.
    """
    missing = missing_libraries(libraries, (folder, folder / "lib"))
    if is_loaded_here or not (folder / "appengine_config.py").is_file():
        return missing, []
    return [], missing


def package_of(module: str) -> str:
    """Return the package that pip installs for a module, or "" when unknown."""
    for provided, package in PACKAGES.values():
        if provided == module:
            return package
    return ""


def _is_in(finders: Sequence[FileFinder], module: str) -> bool:
    """Return whether folders have a module: a file, or a folder with Python in it."""
    package, _, rest = module.partition(".")
    for spec in filter(None, (each.find_spec(package) for each in finders)):
        if rest:
            folders = spec.submodule_search_locations or ()
            if _is_in([FileFinder(each, *_LOADERS) for each in folders], rest):
                return True
        elif _has_code(spec):
            return True
    return False


def _has_code(spec: ModuleSpec) -> bool:
    """Return whether it is more than a folder of another thing that has this name."""
    if spec.origin is not None:
        return spec.origin != PLACEHOLDER
    folders = spec.submodule_search_locations or ()
    return any(any(Path(each).glob("*.py")) for each in folders)


def _is_there(module: str) -> bool:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return False
    return spec is not None and _has_code(spec)
