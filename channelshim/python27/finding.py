"""Where an app's own modules are: which files are its, and where a name leads.

A file is the app's when it lies below one of the app's folders, by the path given or
by the real one, and not below installed packages, the standard library or channelshim.
"""

from __future__ import annotations

import functools
import importlib.machinery
import os
import sys
import zipfile
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from types import FrameType
from typing import Final

_INSTALLED_FOLDERS: Final = frozenset({"site-packages", "dist-packages"})


class Source:
    """One module's source in the app: a file, or a member of a zip.

    Args:
        name: the module's, with dots.
        path: as the module's `__file__` says it.
        package_path: what the module's `__path__` is; None for one that is no package.
        zip_path: of the zip that it is in; None for a file.
        member: its name in the zip.
    """

    def __init__(
        self,
        name: str,
        path: str,
        package_path: tuple[str, ...] | None,
        zip_path: str | None = None,
        member: str = "",
    ) -> None:
        self.name: Final = name
        self.path: Final = path
        self.package_path: Final = package_path
        self.zip_path: Final = zip_path
        self.member: Final = member

    def has_file(self, name: str) -> bool:
        """Tell whether the source is a package that has a file of this name."""
        folders = self.package_path
        return folders is not None and os.path.isfile(os.path.join(folders[0], name))

    def folder(self) -> str:
        """Return the entry of the search path that the source was found in."""
        if self.package_path is not None:
            return os.path.dirname(self.package_path[0])
        return os.path.dirname(self.path)

    def read(self) -> bytes:
        """Return the source's bytes.

        Raises:
            OSError: it cannot be read any more.
        """
        if self.zip_path is None:
            with open(self.path, "rb") as file:
                return file.read()
        with zipfile.ZipFile(self.zip_path) as archive:
            return archive.read(self.member)


class AppFiles:
    """The files of one app, or of several in one process."""

    def __init__(
        self, roots: Iterable[str] = (), python3_files: Iterable[str] = ()
    ) -> None:
        self._roots: list[str] = []
        self.python3_files: Final = list(python3_files)
        self._excluded: Final = _excluded_folders()
        for root in roots:
            self.add_root(root)

    def add_root(self, root: str) -> None:
        """Add a folder, or a zip, whose files are the app's."""
        for path in (os.path.abspath(root), os.path.realpath(root)):
            if path not in self._roots:
                self._roots.append(path)
        self.owns.cache_clear()

    @functools.lru_cache(maxsize=4096)  # noqa: B019 -- one object lives as long as the process
    def owns(self, path: str) -> bool:
        """Tell whether a file, folder or zip is the app's."""
        if not path:
            path = os.getcwd()
        given = os.path.abspath(path)
        return self._is_inside(given) or self._is_inside(os.path.realpath(given))

    def _is_inside(self, path: str) -> bool:
        root = next((root for root in self._roots if _is_below(path, root)), None)
        if root is None:
            return False
        if any(
            _is_below(path, folder) and not _is_below(root, folder)
            for folder in self._excluded
        ):
            return False
        return _INSTALLED_FOLDERS.isdisjoint(path[len(root) :].split(os.sep))

    def is_at_root(self, path: str) -> bool:
        """Tell whether a folder is an app's own, and not one below it."""
        return os.path.abspath(path) in self._roots

    def is_python3(self, path: str) -> bool:
        """Tell whether a setting says that a file is Python 3 source."""
        for root in self._roots:
            if _is_below(path, root):
                relative = os.path.relpath(path, root).replace(os.sep, "/")
                if any(fnmatch(relative, glob) for glob in self.python3_files):
                    return True
        return False

    def find(self, name: str, path: Iterable[str]) -> Source | None:
        """Return the app's source of a module, looking at the app's entries only.

        Args:
            name: the dotted name; its last part is what is looked for.
            path: sys.path, or the package's `__path__`.
        """
        for entry in path:
            if isinstance(entry, str) and self.owns(entry):
                source = _find_in(name, entry or os.getcwd())
                # An app's folder may hold what is none of its: installed packages, us.
                if source is not None and self.owns(source.path):
                    return source
        return None


def entries_of_others(files: AppFiles, path: Iterable[str]) -> Iterator[str]:
    """Yield the entries of a search path that are not the app's."""
    for entry in path:
        if not (isinstance(entry, str) and files.owns(entry)):
            yield entry


def is_installed(name: str, files: AppFiles) -> bool:
    """Tell whether a top-level name is the standard library's or a package's."""
    if name in sys.stdlib_module_names or name in sys.builtin_module_names:
        return True
    # A namespace of several packages may be there without any file of its own.
    path = getattr(sys.modules.get(name), "__path__", None)
    if path and not any(files.owns(entry) for entry in path):
        return True
    return installed_spec(name, files) is not None


def installed_spec(name: str, files: AppFiles) -> importlib.machinery.ModuleSpec | None:
    """Return where a top-level name leads when the app's folders are left out."""
    for finder in (
        importlib.machinery.BuiltinImporter,
        importlib.machinery.FrozenImporter,
    ):
        spec = finder.find_spec(name)
        if spec is not None:
            return spec
    others = list(entries_of_others(files, sys.path))
    spec = importlib.machinery.PathFinder.find_spec(name, others)
    if spec is not None and spec.loader is None:
        # A folder that happens to have the name is no package of Python 2.7.
        folders = spec.submodule_search_locations or ()
        if not any(_INSTALLED_FOLDERS & set(path.split(os.sep)) for path in folders):
            return None
    return spec


def is_asked_by_runner(name: str) -> bool:
    """Tell whether a runner of tests asks for an app's package `test` or `tests`.

    Python has a `test` of its own, and other packages install a `tests` by accident.
    """
    if name not in ("test", "tests"):
        return False
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith(("unittest.", "_pytest.")):
            return True
        frame = frame.f_back
    return False


def _find_in(name: str, entry: str) -> Source | None:
    last = name.rpartition(".")[2]
    if os.path.isdir(entry):
        return _find_in_folder(name, os.path.join(entry, last))
    return _find_in_zip(name, entry, last)


def _find_in_folder(name: str, base: str) -> Source | None:
    package = os.path.join(base, "__init__.py")
    if os.path.isfile(package) and _has_exact_case(base):
        return Source(name, package, (base,))
    if os.path.isfile(base + ".py") and _has_exact_case(base + ".py"):
        return Source(name, base + ".py", None)
    return None


def _has_exact_case(path: str) -> bool:
    """Tell whether a file has just this name, on disks that ignore case."""
    if sys.platform not in ("win32", "darwin"):
        return True
    return os.path.basename(path) in os.listdir(os.path.dirname(path))  # type: ignore[unreachable]


def _find_in_zip(name: str, entry: str, last: str) -> Source | None:
    """Look in a zip: zipimport compiles what it finds, as Python 3."""
    zip_path, inner = _split_zip(entry)
    if zip_path is None:
        return None
    names = _names_in_zip(zip_path, os.stat(zip_path).st_mtime_ns)
    base = f"{inner}/{last}" if inner else last
    for member, package_path in (
        (f"{base}/__init__.py", (os.path.join(entry, last),)),
        (f"{base}.py", None),
    ):
        if member in names:
            path = os.path.join(zip_path, *member.split("/"))
            return Source(name, path, package_path, zip_path, member)
    return None


def _split_zip(entry: str) -> tuple[str | None, str]:
    """Return a search path's entry as a zip file and the folder within it."""
    path, inner = entry, ""
    while path and not os.path.isdir(path):
        if os.path.isfile(path):
            return path, inner
        path, _, last = path.rpartition(os.sep)
        inner = f"{last}/{inner}" if inner else last
    return None, ""


@functools.lru_cache(maxsize=64)
def _names_in_zip(path: str, modified: int) -> frozenset[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return frozenset(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return frozenset()


def _excluded_folders() -> list[str]:
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    paths = [own, *standard_folders()]
    return list({path for each in paths for path in (each, os.path.realpath(each))})


def standard_folders() -> list[str]:
    """Return where the standard library is.

    As `sysconfig` says it, which reads all of Python's build for the answer.
    """
    library = os.path.dirname(os.__file__)
    if sys.platform == "win32":
        return [library, os.path.join(sys.exec_prefix, "Lib")]
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return [library, os.path.join(sys.exec_prefix, sys.platlibdir, version)]


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
