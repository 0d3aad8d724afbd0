"""sys: the version that an app sees, and what it may set without effect."""

from __future__ import annotations

import sys
from collections.abc import Iterator, MutableMapping
from typing import Any, Final

from channelshim.compat.tracebacks import hide_translator
from channelshim.python27.stdlib import table

VERSION_INFO: Final = (*table.VERSION, "final", 0)


class _VersionInfo(tuple):  # type: ignore[type-arg]
    """2.7.18, by place and by name."""

    major, minor, micro = table.VERSION
    releaselevel, serial = "final", 0

    def __repr__(self) -> str:
        return (
            "sys.version_info(major=2, minor=7, micro=18, "
            "releaselevel='final', serial=0)"
        )


class _Flags:
    """sys.flags, with those of 2.7."""

    division_warning = division_new = py3k_warning = tabcheck = unicode = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.flags, name)


class ModulesView(MutableMapping[str, Any]):
    """sys.modules as an app sees it: its own first, then the shadows, then all."""

    def __init__(self, importer: Any) -> None:
        self._importer: Final = importer

    def __getitem__(self, name: str) -> Any:
        if name in sys.modules and sys.modules[name] is None:
            return None
        module = self._importer.get(name)
        if module is None:
            raise KeyError(name)
        return module

    def __setitem__(self, name: str, module: Any) -> None:
        if name in self._importer.private or name in self._importer.shadows:
            self._importer.private[name] = module
            self._importer.forget_places()
        else:
            sys.modules[name] = module

    def __delitem__(self, name: str) -> None:
        if name in self._importer.private:
            del self._importer.private[name]
        else:
            del sys.modules[name]

    def __iter__(self) -> Iterator[str]:
        own = dict(self._importer.private)
        yield from own
        yield from [name for name in list(sys.modules) if name not in own]

    def __len__(self) -> int:
        return len(set(self._importer.private).union(sys.modules))

    def __contains__(self, name: object) -> bool:
        return name in self._importer.private or name in sys.modules

    def has_key(self, name: str) -> bool:
        """Tell whether a module has been imported."""
        return name in self

    def copy(self) -> dict[str, Any]:
        """Return the modules as a dict."""
        return dict(self)


def names(importer: Any) -> dict[str, Any]:
    """Return what an app's sys has otherwise than Python 3's."""
    return {
        "version_info": _VersionInfo(VERSION_INFO),
        "version": "2.7.18 (channelshim on Python "
        + ".".join(map(str, sys.version_info[:3]))
        + ") \n[GCC]",
        "hexversion": 0x020712F0,
        "api_version": 1013,
        "flags": _Flags(),
        "subversion": ("CPython", "", ""),
        "maxint": (1 << 63) - 1,
        "maxunicode": sys.maxunicode,
        "py3kwarning": False,
        "exc_info": exc_info,
        "exc_clear": exc_clear,
        "exc_type": None,
        "exc_value": None,
        "exc_traceback": None,
        "setdefaultencoding": setdefaultencoding,
        "getdefaultencoding": getdefaultencoding,
        "setcheckinterval": setcheckinterval,
        "getcheckinterval": getcheckinterval,
        "modules": ModulesView(importer),
        "builtin_module_names": (
            *("__builtin__", "__main__", "_ast", "_codecs", "_sre", "_symtable"),
            *("_warnings", "_weakref", "errno", "exceptions", "gc", "imp", "marshal"),
            *("posix", "pwd", "signal", "sys", "thread", "zipimport"),
        ),
        "long_info": sys.int_info,
        "last_type": None,
    }


def exc_info() -> tuple[Any, Any, Any]:
    """Return the exception that is being handled, its traceback without our frames."""
    kind, error, trace = sys.exc_info()
    if error is not None:
        hide_translator(error)
        trace = error.__traceback__
    return kind, error, trace


def exc_clear() -> None:
    """Do nothing: an exception is over when its handler is."""


def setdefaultencoding(name: Any) -> None:
    """Do nothing: bytes are read as UTF-8 everywhere."""


def getdefaultencoding() -> str:
    """Return ASCII, as it was."""
    return "ascii"


def setcheckinterval(n: int) -> None:
    """Do nothing: threads switch by time."""


def getcheckinterval() -> int:
    """Return what it was at first."""
    return 100
