"""zipfile: zips over an app's own files."""

from __future__ import annotations

import io
import zipfile
from typing import Any, Final

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.stdlib.wrapping import raw_of
from channelshim.python27.strings import STRINGS, native, to_bytes, to_text

__all__ = ["ZipFile", "ZipInfo", "BadZipfile", "PyZipFile", "error", "is_zipfile"]

_COMMENT: Final[Any] = zipfile.ZipFile.comment
_INFO_COMMENT: Final[Any] = zipfile.ZipInfo.__dict__["comment"]
_INFO_EXTRA: Final[Any] = zipfile.ZipInfo.__dict__["extra"]
BadZipfile = error = zipfile.BadZipFile


def _named(file: Any) -> Any:
    return to_text(file) if isinstance(file, STRINGS) else plain_file(file)


class ZipInfo(zipfile.ZipInfo):
    """What is known of one file of a zip."""

    # Without a dictionary, as the library's own: those become ours.
    __slots__ = ()

    def __init__(
        self, filename: Any = "NoName", date_time: Any = (1980, 1, 1, 0, 0, 0)
    ) -> None:
        super().__init__(to_text(filename), date_time)

    @property
    def comment(self) -> Any:
        """The text that goes with the file."""
        return raw_of(_INFO_COMMENT.__get__(self))

    @comment.setter
    def comment(self, comment: Any) -> None:
        _INFO_COMMENT.__set__(self, to_bytes(comment))

    @property
    def extra(self) -> Any:
        """What only the program that wrote the zip understands."""
        return raw_of(_INFO_EXTRA.__get__(self))

    @extra.setter
    def extra(self, extra: Any) -> None:
        _INFO_EXTRA.__set__(self, to_bytes(extra))


def _our_info(info: Any) -> Any:
    """Return what the library knows of a file as an app's own."""
    if type(info) is zipfile.ZipInfo:
        info.__class__ = ZipInfo
    return info


def is_zipfile(filename: Any) -> bool:
    """Tell whether a file is a zip."""
    return zipfile.is_zipfile(_named(filename))


class _Member:
    """An open file of a zip."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._given = native

    def read(self, n: Any = -1) -> Any:
        """Return the next bytes."""
        return self._given(self._real.read(n))

    def readline(self, limit: Any = -1) -> Any:
        """Return the next line."""
        return self._given(self._real.readline(limit))

    def readlines(self, hint: Any = -1) -> list[Any]:
        """Return the lines that are left."""
        return list(map(self._given, self._real.readlines(hint)))

    def __iter__(self) -> Any:
        return map(self._given, iter(self._real))

    def next(self) -> Any:
        """Return the next line."""
        return self._given(next(self._real))

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._real.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class ZipFile(zipfile.ZipFile):
    """A zip."""

    def __init__(
        self,
        file: Any,
        mode: Any = "r",
        compression: int = zipfile.ZIP_STORED,
        allowZip64: bool = True,
    ) -> None:
        super().__init__(_named(file), to_text(mode), compression, allowZip64)  # type: ignore[call-overload]

    def infolist(self) -> list[Any]:
        """Return what is known of each file."""
        return [_our_info(info) for info in super().infolist()]

    def getinfo(self, name: Any) -> Any:
        """Return what is known of a file."""
        return _our_info(super().getinfo(to_text(name)))

    def read(self, name: Any, pwd: Any = None) -> Any:
        """Return a file's content."""
        return native(super().read(_member(name), _password(pwd)))

    def open(self, name: Any, mode: Any = "r", pwd: Any = None, **named: Any) -> Any:
        """Open a file of the zip."""
        if "w" in mode:
            return super().open(name, mode, **named)
        real = super().open(_member(name), "r", _password(pwd), **named)
        if _is_ours():
            return real
        if "U" in mode:
            lines = real.read().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            return _Member(io.BytesIO(lines))
        return _Member(real)

    def writestr(  # type: ignore[override]
        self, zinfo_or_arcname: Any, bytes: Any, compress_type: Any = None
    ) -> None:
        """Write a string as a file."""
        name = _member(zinfo_or_arcname)
        super().writestr(name, to_bytes(bytes), compress_type)

    @property
    def comment(self) -> Any:
        """The text that goes with the zip."""
        return native(_COMMENT.__get__(self))

    @comment.setter
    def comment(self, comment: Any) -> None:
        _COMMENT.__set__(self, to_bytes(comment))

    def setpassword(self, pwd: Any) -> None:
        """Set the password."""
        super().setpassword(to_bytes(pwd))


def _is_ours() -> bool:
    """Tell whether Python 3's own zipfile opens a member for itself."""
    import sys

    return sys._getframe(2).f_globals.get("__name__") in ("zipfile", "zipfile.__init__")


def _member(name: Any) -> Any:
    return to_text(name) if isinstance(name, STRINGS) else name


def _password(pwd: Any) -> Any:
    return None if pwd is None else to_bytes(pwd)


class PyZipFile(ZipFile, zipfile.PyZipFile):
    """A zip of modules."""

    def __init__(self, file: Any, mode: Any = "r", *args: Any) -> None:
        ZipFile.__init__(self, file, mode, *args)
        self._optimize = -1
