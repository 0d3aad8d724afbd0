"""bz2: strings in, strings out."""

from __future__ import annotations

import bz2
from typing import Any

from channelshim.python27.strings import NativeStr, native, to_bytes

__all__ = ["compress", "decompress", "BZ2File", "BZ2Compressor", "BZ2Decompressor"]


def compress(data: Any, compresslevel: int = 9) -> NativeStr:
    """Return a string compressed."""
    return NativeStr(bz2.compress(to_bytes(data), compresslevel))


def decompress(data: Any) -> Any:
    """Return a string decompressed."""
    return native(bz2.decompress(to_bytes(data)))


class BZ2Compressor:
    """Compresses piece by piece."""

    def __init__(self, compresslevel: int = 9) -> None:
        self._real = bz2.BZ2Compressor(compresslevel)

    def compress(self, data: Any) -> NativeStr:
        """Compress more."""
        return NativeStr(self._real.compress(to_bytes(data)))

    def flush(self) -> NativeStr:
        """Return what is left."""
        return NativeStr(self._real.flush())


class BZ2Decompressor:
    """Decompresses piece by piece."""

    def __init__(self) -> None:
        self._real = bz2.BZ2Decompressor()

    def decompress(self, data: Any) -> Any:
        """Decompress more."""
        return native(self._real.decompress(to_bytes(data)))

    @property
    def unused_data(self) -> NativeStr:
        """What came after the end."""
        return NativeStr(self._real.unused_data)


class BZ2File(bz2.BZ2File):
    """A compressed file."""

    def __init__(
        self, filename: Any, mode: Any = "r", buffering: int = 0, compresslevel: int = 9
    ) -> None:
        super().__init__(
            filename, mode.replace("U", "") or "r", compresslevel=compresslevel
        )

    def read(self, size: Any = -1) -> Any:
        """Return the next bytes."""
        return native(super().read(size))

    def readline(self, size: Any = -1) -> Any:
        """Return the next line."""
        return native(super().readline(size))

    def readlines(self, size: Any = -1) -> list[Any]:
        """Return the lines that are left."""
        return list(map(native, super().readlines(size)))

    def write(self, data: Any) -> int:
        """Write a string."""
        return super().write(to_bytes(data))
