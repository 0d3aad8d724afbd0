"""Reload: at a change of a file the process replaces itself by a fresh one.

No supervisor: the server stops in order (windows saved, pages told to come back) and
executes its own command again, handing the listening socket on, so that nobody who
connects in between is refused. The process id stays, and so does Ctrl-C.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from channelshim.appserver.dialects import PYTHON3
from channelshim.composition.file_times import FileTimes, changed_paths, file_times
from channelshim.errors import ConfigurationError
from channelshim.kernel.threads import Kept, Threads
from channelshim.runtime import log_lines

_logger: Final = logging.getLogger("channelshim.composition")

HANDOVER_VARIABLE: Final = "CHANNELSHIM_HANDOVER"
"""A Handover as JSON, for the next process image."""

_SUFFIXES = frozenset(
    {".cfg", ".csv", ".htm", ".html", ".ini", ".j2", ".jinja", ".jinja2", ".json"}
    | {".tmpl", ".tpl", ".txt", ".xml", ".yaml", ".yml"}
)
"""Files that apps read once and keep; Python files count when they are loaded."""


_JOIN_SECONDS: Final = 5.0

_FIRST_PAUSE_SECONDS: Final = 0.5
"""Before the watch begins, where looking back finds what changes until then: what is
imported for it is not to hold up a first request."""

_LOOK_MILLISECONDS: Final = 200

MAXIMUM_CATCH_UPS: Final = 3
"""Reloads in a row for changes while the app was loaded, which may be its own: an app
may write files whenever it is loaded. Later changes are never left out."""


class Watcher:
    """Watches an app's files in a thread of its own.

    Args:
        directory: the app's folder.
        ignored: folders below it whose files need no reload: static ones, the store.
        is_app_broken: whether the app failed to load: any Python file may fix it.
        loaded_files: tells the paths of the files whose code was loaded; one in a zip
            begins with the zip's.
        on_change: called once, in the watcher's thread, with the path that changed.
        before: how the files looked before any was read: what has changed while the
            app was loaded is a change too. None: it is not.
        threads: keeps the thread running; None for one of its own.
    """

    def __init__(
        self,
        directory: Path,
        ignored: Sequence[Path],
        on_change: Callable[[str], None],
        *,
        is_app_broken: bool = False,
        loaded_files: Callable[[], Iterable[str]] = PYTHON3.files,
        before: FileTimes | None = None,
        threads: Threads | None = None,
    ) -> None:
        self._before = before
        # How the files looked when the app had been loaded.
        self._loaded: FileTimes = {}
        self._has_looked_back = False
        self._found = ""
        self._has_missed = False
        self._threads = threads or Threads()
        self._thread: Kept | None = None
        self._directory = directory.resolve()
        self._ignored = [path.resolve() for path in ignored]
        self._on_change = on_change
        self._is_app_broken = is_app_broken
        self._loaded_files = loaded_files
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to watch: what changes from now on is noticed."""
        self._loaded = self._times()
        self._thread = self._threads.start("watcher", self._watch)

    @property
    def has_missed(self) -> bool:
        """Return whether the change came while the app was loaded. Any thread."""
        return self._has_missed

    def stop(self) -> None:
        """End the watch, and wait for its thread."""
        self._stop.set()
        # A thread inside a native library when the interpreter ends may abort the
        # process. The library looks at the event each 20 ms; it gets far longer.
        if self._thread is not None:
            self._thread.hurry()
            self._thread.join(_JOIN_SECONDS)

    def _watch(self) -> None:
        # It may be another watch than the first one; see Threads.
        self._has_looked_back = False
        if self._stop.wait(_FIRST_PAUSE_SECONDS):
            return
        # Imported here: a server without reload does without it.
        import watchfiles

        changes = watchfiles.watch(
            self._directory,
            watch_filter=lambda change, path: self._is_wanted(path),
            debounce=100,
            step=20,
            stop_event=self._stop,
            ignore_permission_denied=True,
            rust_timeout=_LOOK_MILLISECONDS,
            yield_on_timeout=True,
        )
        for group in changes:
            self._look_back()
            paths = sorted(path for _, path in group)
            if self._found or paths:
                self._on_change(self._found or paths[0])
                return

    def _is_wanted(self, path: str) -> bool:
        # Where files change all the time, nothing else is ever called.
        self._look_back()
        return bool(self._found) or self._concerns(path)

    def _look_back(self) -> None:
        """Find what has changed before the watch began; once."""
        if self._has_looked_back:
            return
        self._has_looked_back = True
        if self._before is not None:
            self._found = self._concerned(self._before, self._loaded)
            self._has_missed = bool(self._found)
        if not self._found:
            self._found = self._concerned(self._loaded, self._times())
        # Only now: where this fails, the next watch looks back again.
        self._before = None

    def _times(self) -> FileTimes:
        return file_times(self._directory, ignored=self._ignored)

    def _concerned(self, before: FileTimes, now: FileTimes) -> str:
        """Return the path of a change that needs a reload; "" for none."""
        return next(filter(self._concerns, changed_paths(before, now)), "")

    def _concerns(self, changed: str) -> bool:
        path = Path(changed)
        try:
            parts = path.relative_to(self._directory).parts
        except ValueError:
            return False
        if any(part.startswith(".") or part == "__pycache__" for part in parts):
            return False
        if parts in (("index.yaml",), ("index.yml",)):
            # The datastore reads it again by itself, and may have written it.
            return False
        if any(path.is_relative_to(folder) for folder in self._ignored):
            return False
        if path.suffix in _SUFFIXES:
            return True
        if path.suffix == ".py" and self._is_app_broken:
            return True
        return self._is_loaded(path)

    def _is_loaded(self, path: Path) -> bool:
        """Tell whether a file, or what is in a zip, was loaded under any name."""
        own, inside = os.path.join(self._directory, ""), os.path.join(path, "")
        files = (file for file in self._loaded_files() if file.startswith(own))
        return any(
            # The path may be that of a link.
            file.startswith(inside) or os.path.realpath(file) == str(path)
            for file in files
        )


@dataclass(frozen=True, slots=True)
class Handover:
    """What a process image hands on to the one that takes its place.

    Attributes:
        listener: the listening socket.
        application_id: of the app. It and the data stay what they are while the
            command runs, whatever app.yaml says by now, as in the original.
        store_directory: the folder of its data, absolute.
        catch_ups: how many reloads in a row were for changes that had been missed.
        others: the listening sockets of further modules.
        console: that of the console; None without one.
        warned: what was warned of; see runtime.notices.
    """

    listener: socket.socket
    application_id: str
    store_directory: Path
    catch_ups: int = 0
    others: tuple[socket.socket, ...] = ()
    console: socket.socket | None = None
    warned: tuple[str, ...] = ()


def take_over() -> Handover | None:
    """Return what an earlier process image handed on; None for a first start."""
    text = os.environ.pop(HANDOVER_VARIABLE, None)
    if text is None:
        return None
    handed_on, warned = json.loads(text)
    number, application_id, store_directory, catch_ups, console, *others = handed_on
    return Handover(
        _inherited(number),
        application_id,
        Path(store_directory),
        catch_ups,
        tuple(_inherited(other) for other in others),
        None if console is None else _inherited(console),
        tuple(warned),
    )


def _inherited(number: int) -> socket.socket:
    listener = socket.socket(fileno=number)
    listener.set_inheritable(False)
    listener.setblocking(False)
    return listener


@dataclass(frozen=True, slots=True)
class Command:
    """The command of this process, with what it takes to execute it again.

    Attributes:
        folder: the working directory at the start, which relative names in words are
            relative to: the app's folder takes its place later.
        words: the interpreter, its own options ("-m channelshim" included), and the
            arguments.
        time_zone: the variable TZ at the start, which the app finds as UTC; None where
            there is none.
    """

    folder: str
    words: tuple[str, ...]
    time_zone: str | None = None

    @classmethod
    def of_this_process(cls) -> Command:
        """Return the command; call this before the working directory changes.

        Raises:
            ConfigurationError: the working directory has been deleted.
        """
        try:
            folder = os.getcwd()
        except OSError:
            raise ConfigurationError(
                "the folder that this command was started in no longer exists: change "
                "to another one"
            ) from None
        interpreter = os.path.join(folder, sys.executable)
        words = (interpreter, *sys.orig_argv[1:])
        return cls(folder, words, os.environ.get("TZ"))

    def replace_process(self, handover: Handover) -> NoReturn:
        """Execute the command again, in the folder where it was started.

        Raises:
            ConfigurationError: the folder or the interpreter has gone.
        """
        console = handover.console
        for listener in (handover.listener, *handover.others, console):
            if listener is not None:
                listener.set_inheritable(True)
        handed_on = [
            handover.listener.fileno(),
            handover.application_id,
            os.path.abspath(handover.store_directory),
            handover.catch_ups,
            None if console is None else console.fileno(),
            *(other.fileno() for other in handover.others),
        ]
        os.environ[HANDOVER_VARIABLE] = json.dumps([handed_on, handover.warned])
        log_lines.flush()
        os.environ.pop("TZ", None)
        if self.time_zone is not None:
            os.environ["TZ"] = self.time_zone
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            # Elsewhere the same words would name another app, and other data.
            os.chdir(self.folder)
            os.execv(self.words[0], self.words)
        except OSError as error:
            raise ConfigurationError(
                f"cannot restart: {error.filename or self.words[0]}: "
                f"{error.strerror}; start the command again"
            ) from None
