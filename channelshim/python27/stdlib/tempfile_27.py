"""tempfile: temporary files that are an app's files."""

from __future__ import annotations

import tempfile
from typing import Any

from channelshim.python27.helpers.files import file, over
from channelshim.python27.stdlib import cstringio_27

__all__ = ["TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile", "mkstemp"]


def _plain(mode: str) -> str:
    return mode if "b" in mode else mode + "b"


def TemporaryFile(
    mode: Any = "w+b",
    bufsize: int = -1,
    suffix: Any = "",
    prefix: Any = "tmp",
    dir: Any = None,
) -> file:
    """Return a file without a name."""
    real = tempfile.TemporaryFile(
        _plain(mode), bufsize, suffix=suffix, prefix=prefix, dir=dir
    )
    return over(real, "<fdopen>", mode)


class _Named(file):
    """A file that is removed when it is closed."""

    delete = True

    def close(self) -> Any:
        """Close and remove the file."""
        return self._raw.close()

    def unlink(self, path: Any) -> None:
        """Remove a file."""
        import os

        os.unlink(path)


def NamedTemporaryFile(
    mode: Any = "w+b",
    bufsize: int = -1,
    suffix: Any = "",
    prefix: Any = "tmp",
    dir: Any = None,
    delete: Any = True,
) -> file:
    """Return a file with a name, removed when it is closed."""
    real = tempfile.NamedTemporaryFile(
        _plain(mode),
        bufsize,
        suffix=suffix,
        prefix=prefix,
        dir=dir,
        delete=bool(delete),
    )
    made = over(real, real.name, mode)
    named = _Named.__new__(_Named)
    named.__dict__.update(vars(made))
    named.delete = bool(delete)
    return named


class SpooledTemporaryFile:
    """A file in memory until it is large."""

    def __init__(
        self,
        max_size: int = 0,
        mode: Any = "w+b",
        bufsize: int = -1,
        suffix: Any = "",
        prefix: Any = "tmp",
        dir: Any = None,
    ) -> None:
        self._file: Any = cstringio_27.StringIO()
        self._max_size = max_size
        self._rolled = False
        self._arguments = (mode, bufsize, suffix, prefix, dir)

    def _check(self) -> None:
        if not self._rolled and self._max_size and self._file.tell() > self._max_size:
            self.rollover()

    def rollover(self) -> None:
        """Go on in a file of the disk."""
        if self._rolled:
            return
        before = self._file
        self._file = TemporaryFile(*self._arguments)
        self._file.write(before.getvalue())
        self._file.seek(before.tell())
        self._rolled = True

    def write(self, s: Any) -> None:
        """Write a string."""
        self._file.write(s)
        self._check()

    def writelines(self, iterable: Any) -> None:
        """Write strings one after another."""
        self._file.writelines(iterable)
        self._check()

    def fileno(self) -> int:
        """Return the number of the file on the disk."""
        self.rollover()
        return int(self._file.fileno())

    @property
    def name(self) -> Any:
        """The name of the file on the disk; None before."""
        return self._file.name if self._rolled else None

    @property
    def mode(self) -> Any:
        """How the file was opened."""
        return self._file.mode if self._rolled else self._arguments[0]

    def __iter__(self) -> Any:
        return iter(self._file)

    def __enter__(self) -> Any:
        if self._file.closed:
            raise ValueError("Cannot enter context with closed file")
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def mkstemp(
    suffix: Any = "", prefix: Any = "tmp", dir: Any = None, text: Any = False
) -> tuple[int, Any]:
    """Return an open descriptor and the file's name."""
    return tempfile.mkstemp(suffix, prefix, dir, bool(text))
