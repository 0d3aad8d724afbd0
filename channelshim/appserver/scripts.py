"""The app's own code: `script: module.app` to a WSGI application."""

from __future__ import annotations

import importlib
import os
import pathlib
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from channelshim.errors import ConfigurationError

WsgiApp = Callable[..., Iterable[bytes]]


class AppImportError(ConfigurationError):
    """The app's code cannot be loaded.

    Args:
        script: as app.yaml names it.
        cause: what its import raised.
        root: the app's folder, whose lines are the ones to show.

    Attributes:
        report: the app's own traceback as text, without the frames of this server.
    """

    def __init__(self, script: str, cause: BaseException, root: pathlib.Path) -> None:
        frame = _last_frame(cause.__traceback__, root)
        path, line = frame or _syntax_place(cause)
        super().__init__(
            f"{script} cannot be imported: {type(cause).__name__}: {cause}",
            path=path,
            line=line,
        )
        own = traceback.TracebackException.from_exception(cause)
        while len(own.stack) > 1 and not _is_inside(own.stack[0].filename, root):
            del own.stack[0]
        self.report = "".join(own.format())


def _is_inside(filename: str, root: pathlib.Path) -> bool:
    # "<frozen importlib._bootstrap>" and the like are no paths.
    return filename.startswith(os.path.join(str(root), ""))


def _last_frame(
    trace: TracebackType | None, root: pathlib.Path
) -> tuple[str, int | None] | None:
    frames = [
        frame
        for frame in traceback.extract_tb(trace)
        if _is_inside(frame.filename, root)
    ]
    return (frames[-1].filename, frames[-1].lineno) if frames else None


def _syntax_place(cause: BaseException) -> tuple[str | None, int | None]:
    if isinstance(cause, SyntaxError):
        return cause.filename, cause.lineno
    return None, None


class Scripts:
    """Loads each script once.

    Args:
        root: the app's folder; becomes the working directory and the head of sys.path.
    """

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root.resolve()
        self._applications: dict[str, WsgiApp] = {}
        self._lock = threading.RLock()

    def enter_folder(self) -> None:
        """Make the app's folder the working directory and import from it first."""
        os.chdir(self._root)
        if str(self._root) not in sys.path[:1]:
            sys.path.insert(0, str(self._root))

    def load(self, script: str) -> WsgiApp:
        """Return the application that script names.

        Args:
            script: dotted: modules, then attributes.

        Raises:
            AppImportError: its code raises, or there is no such thing in it.
        """
        application = self._applications.get(script)
        if application is not None:
            return application
        with self._lock:
            if script not in self._applications:
                self._applications[script] = self._import(script)
            return self._applications[script]

    def _import(self, script: str) -> WsgiApp:
        try:
            application = _find(script)
        except (Exception, SystemExit) as cause:
            raise AppImportError(script, cause, self._root) from cause
        if not callable(application):
            error = TypeError(f"{script} is no WSGI application")
            raise AppImportError(script, error, self._root)
        found: WsgiApp = application
        return found


def _find(script: str) -> Any:
    """Return what a dotted name stands for, the longest module path first tried."""
    names = script.split(".")
    module = importlib.import_module(names[0])
    found: Any = module
    for position, name in enumerate(names[1:], 2):
        if not hasattr(found, name):
            _import_submodule(".".join(names[:position]), script)
        found = getattr(found, name)
    return found


def _import_submodule(name: str, script: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        parent, _, attribute = name.rpartition(".")
        raise AttributeError(
            f"{parent} has no {attribute}, which {script} names"
        ) from (None)
