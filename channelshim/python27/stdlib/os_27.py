"""os: pipes as files, walking of paths, and strings for random bytes."""

from __future__ import annotations

import os
import posixpath
from types import ModuleType
from typing import Any

from channelshim.python27.helpers.files import fdopen as fdopen
from channelshim.python27.helpers.files import file, over
from channelshim.python27.strings import NativeStr, native, to_bytes, to_text

__all__ = [
    *("getcwdu", "popen", "popen2", "popen3", "popen4", "path", "urandom", "fdopen"),
    *("tmpfile", "tempnam", "tmpnam", "read", "write", "error"),
    *("mkdir", "makedirs"),
]

error = OSError


class _Path(ModuleType):
    """os.path, with `walk`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os.path, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(os.path, name, value)

    def __dir__(self) -> list[str]:
        return sorted({*dir(os.path), "walk"})


def walk(top: Any, func: Any, arg: Any) -> None:
    """Call a function with each folder below one, and the names in it."""
    try:
        names = os.listdir(top)
    except OSError:
        return
    func(arg, top, names)
    for name in names:
        below = os.path.join(top, name)
        if os.path.isdir(below) and not os.path.islink(below):
            walk(below, func, arg)


def _join(a: Any, *parts: Any) -> Any:
    """Join parts of either kind of string."""
    try:
        return os.path.join(a, *parts)
    except TypeError:
        return os.path.join(to_text(a), *map(to_text, parts))


path: ModuleType = _Path("posixpath" if os.path is posixpath else os.path.__name__)
path.__dict__.update(walk=walk, join=_join)
path.__dict__["supports_unicode_filenames"] = True


def getcwdu() -> str:
    """Return the working folder as text."""
    return os.getcwd()


def urandom(n: int) -> NativeStr:
    """Return random bytes."""
    return NativeStr(os.urandom(n))


def mkdir(path: Any, mode: int = 0o777) -> None:
    """Make a folder."""
    os.mkdir(path, mode)


def makedirs(name: Any, mode: int = 0o777) -> None:
    """Make a folder, and those above it."""
    os.makedirs(name, mode)


def read(fd: int, n: int) -> Any:
    """Read from a descriptor."""
    return native(os.read(fd, n))


def write(fd: int, string: Any) -> int:
    """Write to a descriptor."""
    return os.write(fd, to_bytes(string))


class _Pipe(file):
    """A command's pipe; closing it gives the command's exit status."""

    _command: Any = None

    def close(self) -> Any:
        """Close the pipe, and return the exit status; None for success."""
        super().close()
        code = self._command.wait()
        return None if code == 0 else -code if code < 0 else code << 8


def popen(cmd: Any, mode: Any = "r", bufsize: int = -1) -> Any:
    """Return a pipe to or from a shell's command."""
    import subprocess

    reads = to_text(mode).startswith("r")
    command = subprocess.Popen(
        to_text(cmd),
        shell=True,
        stdout=subprocess.PIPE if reads else None,
        stdin=None if reads else subprocess.PIPE,
        bufsize=bufsize,
    )
    made = over(command.stdout if reads else command.stdin, cmd, mode)
    pipe = _Pipe.__new__(_Pipe)
    pipe.__dict__.update(vars(made))
    pipe._command = command
    return pipe


def popen2(cmd: Any, mode: Any = "t", bufsize: int = -1) -> Any:
    """Return a command's input and output."""
    from channelshim.python27.stdlib import popen2_27

    output, source = popen2_27.popen2(cmd, bufsize)
    return source, output


def popen3(cmd: Any, mode: Any = "t", bufsize: int = -1) -> Any:
    """Return a command's input, output and errors."""
    from channelshim.python27.stdlib import popen2_27

    output, source, errors = popen2_27.popen3(cmd, bufsize)
    return source, output, errors


def popen4(cmd: Any, mode: Any = "t", bufsize: int = -1) -> Any:
    """Return a command's input, and its output with its errors."""
    from channelshim.python27.stdlib import popen2_27

    output, source = popen2_27.popen4(cmd, bufsize)
    return source, output


def tmpfile() -> file:
    """Return a file without a name."""
    import tempfile

    return over(tempfile.TemporaryFile(), "<tmpfile>", "w+b")


def tempnam(dir: Any = None, prefix: Any = None) -> str:
    """Return a name that no file has."""
    import tempfile

    return os.path.join(
        dir or tempfile.gettempdir(), (prefix or "tmp") + os.urandom(6).hex()
    )


def tmpnam() -> str:
    """Return a name that no file has."""
    return tempnam()
