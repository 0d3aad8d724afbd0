"""Which files of an app its scripts lead to: by import, or by a name in a string.

An app's folder holds tests, tools and old copies besides; what they import says nothing
of what the app needs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from channelshim.appyaml.config import AppConfig

_ADDS_FOLDERS: Final = frozenset(("add", "addsitedir", "append", "extend", "insert"))
_ALWAYS: Final = ("appengine_config", "main", "manage", "settings", "sitecustomize")
"""Modules that are imported, or name others, without a line of app.yaml.

Django's files have these names.
"""


class Reach:
    """Finds the app's own files of modules' names.

    Args:
        app_dir: the app's folder; nothing outside of it is found.
    """

    def __init__(self, app_dir: Path) -> None:
        self._app_dir = app_dir
        self._folders = [app_dir, app_dir / "lib"]

    @property
    def folders(self) -> tuple[Path, ...]:
        """Return the folders that modules of the app are in, as far as is known."""
        return tuple(self._folders)

    def add_folders(self, tree: ast.AST) -> None:
        """Learn the folders that a file puts on sys.path: `vendor.add('libs')`.

        Args:
            tree: of the file.
        """
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(
                node.func, ast.Attribute
            ):
                continue
            if node.func.attr in _ADDS_FOLDERS:
                for text in _texts(node):
                    self._add_folder(text)

    def _add_folder(self, name: str) -> None:
        if not name or "\0" in name or name.startswith(("/", "..")) or len(name) > 200:
            return
        folder = self._app_dir / name
        if folder not in self._folders and folder.is_dir():
            self._folders.append(folder)

    def is_own(self, name: str, folder: Path) -> bool:
        """Return whether a file in a folder of the app may mean the app's own module.

        Args:
            name: the first part of a module's name.
            folder: of the file that imports it.
        """
        return bool(self._files(name, folder)) or any(
            (place / name).is_dir() and any((place / name).glob("*.py"))
            for place in (*self._folders, folder)
        )

    def first(self, config: AppConfig) -> list[Path]:
        """Return the files that app.yaml names; none when it names none that is here.

        Args:
            config: of the app.
        """
        scripts = [each.target for each in config.handlers if each.kind == "script"]
        found: list[Path] = []
        for script in scripts:
            path = self._app_dir / script
            if script.endswith(".py") and path.is_file():
                found.append(path)
            else:
                found += self._files(script, self._app_dir)
        if found:
            for name in _ALWAYS:
                found += self._files(name, self._app_dir)
        return found

    def next(self, tree: ast.AST, path: Path) -> Iterator[Path]:
        """Yield the app's files that a file names.

        Args:
            tree: of the file.
            path: of it.
        """
        for name in {*_imported(tree), *_dotted_texts(tree)}:
            yield from self._files(name, path.parent)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                folder = path.parent
                for _ in range(node.level - 1):
                    folder = folder.parent
                for name in _names_of(node):
                    yield from _files_in(folder, name)

    def _files(self, name: str, folder: Path) -> list[Path]:
        for place in (folder, *self._folders):
            found = list(_files_in(place, name))
            if found:
                return found
        return []


def _files_in(place: Path, name: str) -> Iterator[Path]:
    """Yield the files of a module and its packages, as far as there are any."""
    for part in name.split("."):
        if not part.isidentifier() or len(part) > 200:
            return
        module, package = place / f"{part}.py", place / part / "__init__.py"
        if package.is_file():
            yield package
        elif module.is_file():
            yield module
            return
        place = place / part


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from _names_of(node)


def _names_of(node: ast.ImportFrom) -> Iterator[str]:
    module = f"{node.module}." if node.module else ""
    if node.module:
        yield node.module
    yield from (f"{module}{alias.name}" for alias in node.names)


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            text = node.value
            yield text if isinstance(text, str) else text.decode("latin-1")


def _dotted_texts(tree: ast.AST) -> Iterator[str]:
    """Yield what may name a module: webapp2's lazy handlers, Django's settings."""
    for text in _texts(tree):
        if len(text) < 200 and text.replace(".", "").isidentifier():
            yield text


def unread(files: Iterable[Path], read: set[Path], app_dir: Path) -> str:
    """Return a line about files that no script leads to, or "".

    Args:
        files: all of the app's.
        read: those that were.
        app_dir: the app's folder.
    """
    names = [str(path.relative_to(app_dir)) for path in files if path not in read]
    if not names:
        return ""
    some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    count = "1 file" if len(names) == 1 else f"{len(names)} files"
    return f"Not read, as no script of app.yaml leads there: {count}: {some}"
