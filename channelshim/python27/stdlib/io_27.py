"""io: files in memory that take what an app has for bytes and for text."""

from __future__ import annotations

import builtins
import io
from typing import Any

from channelshim.python27.strings import STRINGS, NativeStr, to_bytes, to_text

__all__ = ["BytesIO", "StringIO", "open"]


class BytesIO(io.BytesIO):
    """A file of bytes in memory."""

    def __init__(self, initial_bytes: Any = b"") -> None:
        super().__init__(to_bytes(initial_bytes) if initial_bytes is not None else b"")

    def write(self, buffer: Any) -> int:
        """Write bytes, or text as UTF-8."""
        return super().write(to_bytes(buffer) if isinstance(buffer, str) else buffer)

    def writelines(self, lines: Any) -> None:
        """Write strings one after another."""
        for line in lines:
            self.write(line)

    def getvalue(self) -> NativeStr:
        """Return everything."""
        return NativeStr(super().getvalue())

    def read(self, size: Any = -1) -> NativeStr:
        """Return the next bytes."""
        return NativeStr(super().read(size))

    def readline(self, size: Any = -1) -> NativeStr:
        """Return the next line."""
        return NativeStr(super().readline(size))

    def readlines(self, size: Any = None) -> list[Any]:
        """Return the lines that are left."""
        return list(map(NativeStr, super().readlines(size)))

    def __next__(self) -> NativeStr:
        return NativeStr(super().__next__())


class StringIO(io.StringIO):
    """A file of text in memory."""

    def __init__(self, initial_value: Any = "", newline: Any = "\n") -> None:
        super().__init__(to_text(initial_value or ""), newline)

    def write(self, s: Any) -> int:
        """Write text, or bytes as the text that they are."""
        return super().write(to_text(s) if isinstance(s, STRINGS) else s)


class NativeFile:
    """A file of bytes that an app writes text to."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def write(self, data: Any) -> Any:
        return self._real.write(to_bytes(data))

    def read(self, *size: Any) -> NativeStr:
        return NativeStr(self._real.read(*size))

    def readline(self, *size: Any) -> NativeStr:
        return NativeStr(self._real.readline(*size))

    def readlines(self, *hint: Any) -> list[NativeStr]:
        return list(map(NativeStr, self._real.readlines(*hint)))

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> NativeStr:
        return NativeStr(next(self._real))

    def next(self) -> NativeStr:
        return self.__next__()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._real.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def open(
    file: Any,
    mode: Any = "r",
    buffering: int = -1,
    encoding: Any = None,
    errors: Any = None,
    newline: Any = None,
    closefd: bool = True,
) -> Any:
    """Open a file: text, or bytes that text may be written to."""
    mode = to_text(mode).replace("U", "")
    if "b" not in mode and encoding is None:
        encoding = "utf-8"
    real = builtins.open(
        file, mode or "r", buffering, encoding, errors, newline, bool(closefd)
    )
    return NativeFile(real) if "b" in mode else real
