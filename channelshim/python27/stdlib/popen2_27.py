"""popen2: a command with its pipes."""

from __future__ import annotations

import subprocess
from typing import Any

from channelshim.python27.helpers.files import file, over
from channelshim.python27.strings import to_text

__all__ = ["popen2", "popen3", "popen4", "Popen3", "Popen4"]


class Popen3:
    """A command that runs."""

    _joins_errors = False

    def __init__(self, cmd: Any, capturestderr: Any = False, bufsize: int = -1) -> None:
        is_text = isinstance(cmd, (str, bytes))
        errors: Any = subprocess.PIPE if capturestderr else None
        if self._joins_errors:
            errors = subprocess.STDOUT
        self._real = subprocess.Popen(
            to_text(cmd) if is_text else list(cmd),
            shell=is_text,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=bufsize,
        )
        self.cmd = cmd
        self.pid: int = self._real.pid
        self.tochild: file = over(self._real.stdin, "<fdopen>", "w")
        self.fromchild: file = over(self._real.stdout, "<fdopen>", "r")
        self.childerr: file | None = (
            None
            if self._real.stderr is None
            else over(self._real.stderr, "<fdopen>", "r")
        )

    def poll(self, _deadstate: Any = None) -> int:
        """Return the exit status; -1 while it runs."""
        code = self._real.poll()
        return -1 if code is None else _status(code)

    def wait(self) -> int:
        """Wait, and return the exit status."""
        return _status(self._real.wait())


class Popen4(Popen3):
    """A command whose errors are among its output."""

    _joins_errors = True

    def __init__(self, cmd: Any, bufsize: int = -1) -> None:
        super().__init__(cmd, False, bufsize)


def _status(code: int) -> int:
    return -code if code < 0 else code << 8


def popen2(cmd: Any, bufsize: int = -1, mode: Any = "t") -> Any:
    """Return a command's output and input."""
    run = Popen3(cmd, False, bufsize)
    return run.fromchild, run.tochild


def popen3(cmd: Any, bufsize: int = -1, mode: Any = "t") -> Any:
    """Return a command's output, input and errors."""
    run = Popen3(cmd, True, bufsize)
    return run.fromchild, run.tochild, run.childerr


def popen4(cmd: Any, bufsize: int = -1, mode: Any = "t") -> Any:
    """Return a command's output with its errors, and its input."""
    run = Popen4(cmd, bufsize)
    return run.fromchild, run.tochild
