"""Files of a request: strings for an app of Python 2.7, bytes for everybody else.

An app reads `request.POST['file'].file` itself, or hands it to a library of today,
Pillow for example, which wants plain bytes.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from typing import Any, Final

from channelshim.compat.import_hooks import after_import
from channelshim.python27.strings import NativeStr, to_bytes

_FILE: Final = "_channelshim_file"


def install(builtins27: dict[str, Any]) -> None:
    """Give apps such files, once WebOb is imported.

    Args:
        builtins27: those with which translated code runs.
    """
    after_import("webob.compat", functools.partial(_mend_uploads, builtins27))
    after_import("webob.request", functools.partial(_mend_bodies, builtins27))


def _mend_uploads(builtins27: dict[str, Any], module: Any) -> None:
    def get(field: Any) -> Any:
        raw = field.__dict__.get(_FILE)
        return _file_for(raw, builtins27)

    def put(field: Any, raw: Any) -> None:
        field.__dict__[_FILE] = raw

    module.cgi_FieldStorage.file = property(get, put)


def _mend_bodies(builtins27: dict[str, Any], module: Any) -> None:
    kind = module.BaseRequest
    plain = kind.body_file

    def get(request: Any) -> Any:
        return _file_for(plain.fget(request), builtins27)

    kind.body_file = property(get, plain.fset, plain.fdel, plain.__doc__)


def _file_for(raw: Any, builtins27: dict[str, Any]) -> Any:
    """Return a file as the caller of a property is to see it."""
    is_apps = sys._getframe(2).f_builtins is builtins27
    return _AppFile(raw, builtins27) if is_apps and hasattr(raw, "read") else raw


class _AppFile:
    """A binary file whose reads are strings where translated code reads."""

    def __init__(self, raw: Any, builtins27: dict[str, Any]) -> None:
        self._raw: Final = raw
        self._builtins: Final = builtins27

    def _out(self, value: bytes) -> Any:
        is_apps = sys._getframe(2).f_builtins is self._builtins
        return NativeStr(value) if is_apps else value

    def read(self, *size: Any) -> Any:
        """Return the next bytes."""
        return self._out(self._raw.read(*size))

    def readline(self, *size: Any) -> Any:
        """Return the next line."""
        return self._out(self._raw.readline(*size))

    def readlines(self, *hint: Any) -> list[Any]:
        """Return the lines that are left."""
        lines = self._raw.readlines(*hint)
        is_apps = sys._getframe(1).f_builtins is self._builtins
        return list(map(NativeStr, lines)) if is_apps else list(lines)

    def write(self, data: Any) -> Any:
        """Write a string of either kind."""
        return self._raw.write(to_bytes(data))

    def __iter__(self) -> Iterator[Any]:
        is_apps = sys._getframe(1).f_builtins is self._builtins
        return map(NativeStr, self._raw) if is_apps else iter(self._raw)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)
