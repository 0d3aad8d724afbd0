"""anydbm and its modules: databases of strings."""

from __future__ import annotations

import dbm
import importlib
from collections.abc import Iterator, MutableMapping
from typing import Any

from channelshim.python27.strings import native, to_bytes, to_text

__all__ = ["open", "error"]

error = dbm.error


class DbmFile(MutableMapping[Any, Any]):
    """A database of Python 3, with strings as keys and values."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getitem__(self, key: Any) -> Any:
        return native(self._real[to_bytes(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self._real[to_bytes(key)] = to_bytes(value)

    def __delitem__(self, key: Any) -> None:
        del self._real[to_bytes(key)]

    def __contains__(self, key: object) -> bool:
        return to_bytes(key) in self._real

    def __iter__(self) -> Iterator[Any]:
        return iter([native(key) for key in self._real.keys()])

    def __len__(self) -> int:
        return len(self._real.keys())

    def has_key(self, key: Any) -> bool:
        """Tell whether there is a key."""
        return key in self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def open(file: Any, flag: Any = "r", mode: int = 0o666) -> DbmFile:
    """Open a database of the best kind that is there."""
    return DbmFile(dbm.open(to_text(file), to_text(flag), mode))  # type: ignore[arg-type]


def opener(module: str, default: str) -> Any:
    """Return the `open` of one kind of databases, imported when it is called.

    Args:
        module: Python 3's.
        default: the flag of an open without one.
    """

    def open(file: Any, flag: Any = None, mode: int = 0o666) -> DbmFile:
        real = importlib.import_module(module)
        return DbmFile(real.open(to_text(file), to_text(flag or default), mode))

    return open
