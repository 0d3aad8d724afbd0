"""Standard error in a file that may be rotated at any moment.

The file is put in the place of descriptor 2, so that everything goes there that would
go to standard error: the log, what an app prints there, a crash of the interpreter.
Each write is appended as a whole (POSIX, write, O_APPEND), from any number of
processes, and so a file that was copied and cut short goes on from its beginning.

A file that was renamed or deleted is noticed by its name, which leads to another file
or to none then. The name is opened anew and put in the place of descriptor 2 in one
step (dup2): a line goes to the old file or to the new one, and none is lost.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from typing import Final

from channelshim.errors import ConfigurationError
from channelshim.kernel.threads import Threads

LOG_CHECK_SECONDS: Final = 1.0
"""How long lines may still go to a file that was renamed; logrotate's `delaycompress`
is for that."""

_MODE: Final = 0o640
"""A log holds addresses of people; a group may be let in to read it."""

_STDERR: Final = 2

_logger: Final = logging.getLogger("channelshim.kernel")


class LogFile:
    """A file in the place of standard error, from now on.

    Args:
        path: made if it is missing, appended to otherwise.
        check_seconds: how often its name is looked at.

    Raises:
        ConfigurationError: it cannot be written.
    """

    def __init__(self, path: str, *, check_seconds: float = LOG_CHECK_SECONDS) -> None:
        self._path = path
        self._check_seconds = check_seconds
        self._is_over = threading.Event()
        self._has_warned = False
        # Standard error may be closed, as for a daemon of old times.
        self._before: int | None = None
        with contextlib.suppress(OSError):
            self._before = os.dup(_STDERR)
        try:
            self._open()
        except OSError as error:
            raise ConfigurationError(
                f"log_file {path} cannot be written: {error.strerror}"
            ) from error

    def watch(self, threads: Threads) -> None:
        """Follow the file's name for as long as the process lives."""
        threads.start("log-file", self._follow)

    def follow(self) -> bool:
        """Open the file anew if its name leads elsewhere; return whether it did."""
        try:
            found = os.stat(self._path)
            own = os.fstat(_STDERR)
            if (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino):
                return False
        except OSError:
            # Renamed, and no other is there yet.
            pass
        try:
            self._open()
        except OSError as error:
            if not self._has_warned:
                self._has_warned = True
                _logger.warning(
                    "log_file %s cannot be opened again: %s; lines go where they went",
                    self._path,
                    error.strerror,
                )
            return False
        self._has_warned = False
        return True

    def put_back(self) -> None:
        """Have standard error be again what it was. Idempotent."""
        self._is_over.set()
        before, self._before = self._before, None
        if before is not None:
            sys.stderr.flush()
            os.dup2(before, _STDERR)
            os.close(before)

    def _follow(self) -> None:
        while not self._is_over.wait(self._check_seconds):
            self.follow()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, _MODE)
        if descriptor != _STDERR:
            # Inherited: app processes and programs of the app write there too.
            os.dup2(descriptor, _STDERR, inheritable=True)
            os.close(descriptor)
