"""Reload: at a change of a file the process replaces itself by a fresh one.

No supervisor: the server stops in order (windows saved, pages told to come back) and
executes its own command again, handing the listening socket on, so that nobody who
connects in between is refused. The process id stays, and so does Ctrl-C.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

_logger: Final = logging.getLogger("channelshim")

LISTENER_VARIABLE: Final = "CHANNELSHIM_LISTENER"
"""The file descriptor of the listening socket, for the next process image."""

_SUFFIXES = frozenset(
    {".cfg", ".csv", ".htm", ".html", ".ini", ".j2", ".jinja", ".jinja2", ".json"}
    | {".tmpl", ".tpl", ".txt", ".xml", ".yaml", ".yml"}
)
"""Files that apps read once and keep; Python files count when they are loaded."""

_JOIN_SECONDS: Final = 5.0


class Watcher:
    """Watches an app's files in a thread of its own.

    Args:
        directory: the app's folder.
        ignored: folders below it whose files need no reload: static ones, the store.
        is_app_broken: whether the app failed to load: any Python file may mend it.
        on_change: called once, in the watcher's thread, with the path that changed.
    """

    def __init__(
        self,
        directory: Path,
        ignored: Sequence[Path],
        on_change: Callable[[str], None],
        *,
        is_app_broken: bool = False,
    ) -> None:
        self._directory = directory.resolve()
        self._ignored = [path.resolve() for path in ignored]
        self._on_change = on_change
        self._is_app_broken = is_app_broken
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def start(self) -> None:
        """Begin to watch; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the watch, and wait for its thread."""
        self._stop.set()
        # A thread inside a native library when the interpreter ends may abort the
        # process. The library looks at the event each 20 ms; it gets far longer.
        if self._thread.ident is not None:
            self._thread.join(_JOIN_SECONDS)

    def _watch(self) -> None:
        # Imported here: a server without reload does without it.
        import watchfiles

        changes = watchfiles.watch(
            self._directory,
            watch_filter=lambda change, path: self._concerns(path),
            debounce=100,
            step=20,
            stop_event=self._stop,
            ignore_permission_denied=True,
        )
        for group in changes:
            self._on_change(sorted(path for _, path in group)[0])
            return

    def _concerns(self, changed: str) -> bool:
        path = Path(changed)
        try:
            parts = path.relative_to(self._directory).parts
        except ValueError:
            return False
        if any(part.startswith(".") or part == "__pycache__" for part in parts):
            return False
        if any(path.is_relative_to(folder) for folder in self._ignored):
            return False
        if path.suffix == ".py":
            return self._is_app_broken or _is_loaded(path)
        return path.suffix in _SUFFIXES


def _is_loaded(path: Path) -> bool:
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return any(file is not None and Path(file) == path for file in files)


def inherited_listener() -> socket.socket | None:
    """Return the listening socket that an earlier process image handed on."""
    number = os.environ.pop(LISTENER_VARIABLE, None)
    if number is None:
        return None
    listener = socket.socket(fileno=int(number))
    listener.set_inheritable(False)
    listener.setblocking(False)
    return listener


def replace_process(listener: socket.socket) -> None:
    """Execute this command again with the listening socket open. Never returns."""
    listener.set_inheritable(True)
    os.environ[LISTENER_VARIABLE] = str(listener.fileno())
    sys.stdout.flush()
    sys.stderr.flush()
    # orig_argv holds the interpreter's own options too, "-m channelshim" included.
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
