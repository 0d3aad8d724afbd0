"""What the app's files are written in: Python 3, or Python 2.7, translated.

`Scripts` and `CgiScripts` ask a dialect for modules and code, so that they need not
know. See python27/ for how the other one works.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, Final, Protocol

from channelshim.appserver import streams

if TYPE_CHECKING:
    from channelshim.python27.loading import Importer


class Dialect(Protocol):
    """How an app's files become modules, code and WSGI programs."""

    def import_module(self, name: str) -> ModuleType:
        """Import a module by its dotted name, as the app itself would.

        Raises:
            ImportError: there is none; or whatever its code raises.
        """
        ...

    def loaded_module(self, name: str) -> ModuleType | None:
        """Return a module if it has been imported."""
        ...

    def compile(self, source: bytes, path: str) -> tuple[CodeType, dict[str, Any]]:
        """Return a script's code, and the globals that it begins with.

        Raises:
            SyntaxError: it cannot be read.
        """
        ...

    def script_input(self, body: bytes, names: Mapping[str, Any]) -> Any:
        """Return sys.stdin of a CGI script.

        Args:
            body: the request's.
            names: what `compile` gave for the script.
        """
        ...

    def program(self, application: Any) -> Any:
        """Return what a WSGI server of Python 3 calls for the app's own callable."""
        ...

    def inner_program(self, application: Any) -> Any:
        """Return what the app's own middleware calls for another application."""
        ...

    def files(self) -> Iterator[str]:
        """Yield the absolute path of every file whose code was loaded."""
        ...


class Python3:
    """Files as they are."""

    def import_module(self, name: str) -> ModuleType:
        """See Dialect."""
        return importlib.import_module(name)

    def loaded_module(self, name: str) -> ModuleType | None:
        """See Dialect."""
        return sys.modules.get(name)

    def compile(self, source: bytes, path: str) -> tuple[CodeType, dict[str, Any]]:
        """See Dialect."""
        return compile(source, path, "exec", dont_inherit=True), {}

    def script_input(self, body: bytes, names: Mapping[str, Any]) -> Any:
        """See Dialect."""
        return streams.text_input(body)

    def program(self, application: Any) -> Any:
        """See Dialect."""
        return application

    def inner_program(self, application: Any) -> Any:
        """See Dialect."""
        return application

    def files(self) -> Iterator[str]:
        """See Dialect."""
        return _files_of(sys.modules.values())


class Python27:
    """Files translated while they are loaded.

    Args:
        importer: from python27.install.
    """

    def __init__(self, importer: Importer) -> None:
        self._importer: Final = importer

    def import_module(self, name: str) -> ModuleType:
        """See Dialect."""
        try:
            return self._importer.load(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            # In the words of today: it is app.yaml that asks.
            sentence = f"No module named {name!r}"
            raise ModuleNotFoundError(sentence, name=name) from None

    def loaded_module(self, name: str) -> ModuleType | None:
        """See Dialect."""
        return self._importer.get(name)

    def compile(self, source: bytes, path: str) -> tuple[CodeType, dict[str, Any]]:
        """See Dialect."""
        code, is_python3 = self._importer.code_of(source, path)
        builtins = self._importer.builtins_for(is_python3=is_python3)
        return code, {"__builtins__": builtins}

    def script_input(self, body: bytes, names: Mapping[str, Any]) -> Any:
        """See Dialect."""
        if names["__builtins__"] is self._importer.builtins_for(is_python3=True):
            return streams.text_input(body)
        from channelshim.python27.helpers.files import over

        raw = io.BytesIO(body)
        stdin: Any = over(raw, "<stdin>", "rb")
        # The standard library of today looks for the binary file below.
        stdin.mode, stdin.buffer = "r", raw
        return stdin

    def program(self, application: Any) -> Any:
        """See Dialect."""
        from channelshim.python27.wsgi import bridge

        return bridge(application)

    def inner_program(self, application: Any) -> Any:
        """See Dialect."""
        from channelshim.python27.wsgi import unbridge

        return unbridge(application)

    def files(self) -> Iterator[str]:
        """See Dialect."""
        yield from _files_of(sys.modules.values())
        yield from _files_of(self._importer.private.values())


PYTHON3: Final = Python3()


def python27_of(
    directory: Path, *, python3_files: Iterable[str], cache: str
) -> Python27:
    """Return the dialect of an app in Python 2.7; its imports are translated from now.

    Args:
        directory: the app's folder.
        python3_files: globs of files below it that are Python 3.
        cache: folder for translated code; "" means the user's cache folder, NO_CACHE
            that none is kept.
    """
    # Only now: an app in Python 3 does without.
    from channelshim import python27

    importer = python27.install(
        directory,
        python3_files=python3_files,
        # The working directory is about to change.
        cache_dir=os.path.abspath(cache) if cache else None,
        use_cache=cache.lower() != NO_CACHE,
    )
    return Python27(importer)


NO_CACHE: Final = "no"
"""What the setting for the cache says when no code is to be kept."""


def _files_of(modules: Iterable[Any]) -> Iterator[str]:
    for module in list(modules):
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            # Apps have entries like "libs.zip" in sys.path.
            yield file if os.path.isabs(file) else os.path.abspath(file)
