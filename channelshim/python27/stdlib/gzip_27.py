"""gzip: compressed files over an app's own."""

from __future__ import annotations

import gzip
from typing import Any

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.strings import NativeStr, native, to_bytes

__all__ = ["GzipFile", "open"]


class GzipFile(gzip.GzipFile):
    """A compressed file."""

    def __init__(
        self,
        filename: Any = None,
        mode: Any = None,
        compresslevel: int = 9,
        fileobj: Any = None,
        mtime: Any = None,
    ) -> None:
        if mode is None and fileobj is not None:
            mode = getattr(fileobj, "mode", "rb")
            mode = mode if isinstance(mode, str) else "rb"
        mode = (mode or "rb").replace("U", "").replace("+", "")
        mode = mode if "b" in mode else (mode or "r") + "b"
        super().__init__(filename, mode, compresslevel, plain_file(fileobj), mtime)

    def write(self, data: Any) -> int:
        """Write a string."""
        return super().write(to_bytes(data))

    def read(self, size: Any = -1) -> Any:
        """Return the next bytes."""
        return native(super().read(size))

    def readline(self, size: Any = -1) -> Any:
        """Return the next line."""
        return native(super().readline(size))

    def readlines(self, *hint: Any) -> list[Any]:
        """Return the lines that are left."""
        return list(iter(self))

    def writelines(self, lines: Any) -> None:
        """Write strings one after another."""
        for line in lines:
            self.write(line)

    def __next__(self) -> Any:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def next(self) -> Any:
        """Return the next line."""
        return self.__next__()

    def peek(self, n: int) -> NativeStr:
        """Return bytes without going on."""
        return NativeStr(super().peek(n))


def open(filename: Any, mode: Any = "rb", compresslevel: int = 9) -> GzipFile:
    """Open a compressed file."""
    return GzipFile(filename, mode, compresslevel)
