"""plistlib: property lists by the names of Python 2.7."""

from __future__ import annotations

import plistlib
from typing import Any

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.strings import STRINGS, NativeStr, native, to_bytes

__all__ = [
    *("Data", "readPlist", "readPlistFromString"),
    *("writePlist", "writePlistToString"),
]


class Data:
    """Bytes of a property list."""

    def __init__(self, data: Any) -> None:
        self.data = NativeStr(to_bytes(data))

    def __eq__(self, other: object) -> bool:
        return self.data == (other.data if isinstance(other, Data) else other)

    __hash__ = None  # type: ignore[assignment]


def _written(value: Any) -> Any:
    """Return a value as today's plistlib takes it: only Data is bytes."""
    if isinstance(value, Data):
        return bytes(value.data)
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, dict):
        return {_written(key): _written(item) for key, item in value.items()}
    return list(map(_written, value)) if isinstance(value, (list, tuple)) else value


def _read(value: Any) -> Any:
    if isinstance(value, bytes):
        return Data(value)
    if isinstance(value, dict):
        return {key: _read(item) for key, item in value.items()}
    return list(map(_read, value)) if isinstance(value, list) else value


def readPlistFromString(data: Any) -> Any:
    """Return what a property list says."""
    return _read(plistlib.loads(to_bytes(data), fmt=plistlib.FMT_XML))


def writePlistToString(rootObject: Any) -> Any:
    """Return a property list."""
    return native(plistlib.dumps(_written(rootObject)))


def readPlist(pathOrFile: Any) -> Any:
    """Return what the property list in a file says."""
    if isinstance(pathOrFile, STRINGS):
        with open(pathOrFile, "rb") as file:
            return readPlistFromString(file.read())
    return readPlistFromString(plain_file(pathOrFile).read())


def writePlist(rootObject: Any, pathOrFile: Any) -> None:
    """Write a property list into a file."""
    if isinstance(pathOrFile, STRINGS):
        with open(pathOrFile, "wb") as file:
            file.write(to_bytes(writePlistToString(rootObject)))
    else:
        pathOrFile.write(writePlistToString(rootObject))
