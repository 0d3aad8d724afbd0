"""zlib: strings in, strings out; checksums are signed."""

from __future__ import annotations

import zlib
from typing import Any

from channelshim.python27.strings import NativeStr, native, to_bytes

__all__ = [
    *("compress", "decompress", "compressobj", "decompressobj", "crc32", "adler32"),
]


def _signed(value: int) -> int:
    return value - (1 << 32) if value & (1 << 31) else value


def compress(string: Any, level: int = -1) -> NativeStr:
    """Return a string compressed."""
    return NativeStr(zlib.compress(to_bytes(string), level))


def decompress(string: Any, wbits: int = zlib.MAX_WBITS, bufsize: int = 16384) -> Any:
    """Return a string decompressed."""
    return native(zlib.decompress(to_bytes(string), wbits, bufsize))


def crc32(string: Any, start: int = 0) -> int:
    """Return a checksum, as a signed number of 32 bits."""
    return _signed(zlib.crc32(to_bytes(string), start & 0xFFFFFFFF))


def adler32(string: Any, start: int = 1) -> int:
    """Return a checksum, as a signed number of 32 bits."""
    return _signed(zlib.adler32(to_bytes(string), start & 0xFFFFFFFF))


class _Stream:
    """A stream of either kind; its pieces are strings of bytes."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def compress(self, string: Any) -> NativeStr:
        """Compress more."""
        return NativeStr(self._real.compress(to_bytes(string)))

    def decompress(self, string: Any, max_length: int = 0) -> NativeStr:
        """Decompress more."""
        if max_length < 0:
            raise ValueError("max_length must be greater than zero")
        return NativeStr(self._real.decompress(to_bytes(string), max_length))

    def flush(self, *mode: Any) -> NativeStr:
        """Return what is left."""
        return NativeStr(self._real.flush(*mode))

    def copy(self) -> _Stream:
        """Return another one that has read as much."""
        return _Stream(self._real.copy())

    @property
    def unused_data(self) -> NativeStr:
        """What came after the end."""
        return NativeStr(self._real.unused_data)

    @property
    def unconsumed_tail(self) -> NativeStr:
        """What was not needed yet."""
        return NativeStr(self._real.unconsumed_tail)


def compressobj(*args: Any, **named: Any) -> _Stream:
    """Return a stream that compresses."""
    return _Stream(zlib.compressobj(*args, **named))


def decompressobj(*args: Any, **named: Any) -> _Stream:
    """Return a stream that decompresses."""
    return _Stream(zlib.decompressobj(*args, **named))
