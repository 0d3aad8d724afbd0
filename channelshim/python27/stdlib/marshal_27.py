"""marshal: values as strings of bytes."""

from __future__ import annotations

import marshal
from types import CodeType
from typing import Any

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.stdlib.wrapping import native_of
from channelshim.python27.strings import NativeStr, to_bytes

__all__ = ["dump", "dumps", "load", "loads", "version"]

version = 2


def dumps(value: Any, version: int = 2) -> NativeStr:
    """Return a value as a string."""
    return NativeStr(marshal.dumps(value, version if version < 3 else 4))


def loads(string: Any) -> Any:
    """Return the value that a string holds."""
    return _native(marshal.loads(to_bytes(string)))


def dump(value: Any, file: Any, version: int = 2) -> None:
    """Write a value into a file."""
    file.write(dumps(value, version))


def load(file: Any) -> Any:
    """Return the next value that a file holds."""
    return _native(marshal.load(plain_file(file)))


def _native(value: Any) -> Any:
    if isinstance(value, dict):
        return {_native(key): _native(item) for key, item in value.items()}
    if isinstance(value, CodeType):
        return value
    return native_of(value)
