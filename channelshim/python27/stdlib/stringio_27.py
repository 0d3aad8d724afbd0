"""StringIO: a file in memory that takes text and bytes, mixed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from channelshim.python27.helpers.text import str27
from channelshim.python27.strings import STRINGS, NativeStr, to_bytes

__all__ = ["StringIO"]


class StringIO:
    """A file in memory.

    It holds text, and places count characters, until bytes that are no text come in;
    from then on it holds bytes.
    """

    softspace = 0

    def __init__(self, buf: Any = "") -> None:
        if not isinstance(buf, STRINGS):
            buf = str27(buf) if not _is_buffer(buf) else NativeStr(bytes(buf))
        self._kept: Any = NativeStr(buf) if isinstance(buf, bytes) else str(buf)
        self._pieces: list[Any] = []
        self.len: int = len(self._kept)
        self.pos: int = 0
        self.closed: bool = False

    # --- what it holds

    @property
    def buf(self) -> Any:
        """Everything that it holds."""
        return self._content()

    def _content(self) -> Any:
        if self._pieces:
            pieces = [self._kept, *self._pieces]
            joiner: Any = b"" if isinstance(self._kept, bytes) else ""
            joined = joiner.join(pieces)
            self._kept = NativeStr(joined) if isinstance(joined, bytes) else joined
            self._pieces = []
        return self._kept

    def _as_bytes(self) -> None:
        content = self._content()
        if isinstance(content, str):
            head = to_bytes(content[: self.pos])
            beyond = max(0, self.pos - len(content))
            self._kept = NativeStr(to_bytes(content))
            self.pos = len(head) + beyond
            self.len = len(self._kept)

    def getvalue(self) -> Any:
        """Return everything that was written."""
        _check_open(self)
        return self._content()

    # --- reading

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        _check_open(self)
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def next(self) -> Any:
        """Return the next line."""
        return self.__next__()

    def read(self, n: Any = -1) -> Any:
        """Return the next n characters; all without a number."""
        _check_open(self)
        content = self._content()
        stop = self.len if n is None or n < 0 else min(self.pos + n, self.len)
        answer = content[self.pos : stop]
        self.pos = max(self.pos, stop)
        return answer

    def readline(self, length: Any = None) -> Any:
        """Return the next line, at most so long."""
        _check_open(self)
        content = self._content()
        newline: Any = b"\n" if isinstance(content, bytes) else "\n"
        found = content.find(newline, self.pos)
        stop = self.len if found < 0 else found + 1
        if length is not None and length >= 0:
            stop = min(stop, self.pos + length)
        answer = content[self.pos : stop]
        self.pos = max(self.pos, stop)
        return answer

    def readlines(self, sizehint: int = 0) -> list[Any]:
        """Return the lines that are left."""
        lines, total = [], 0
        while line := self.readline():
            lines.append(line)
            total += len(line)
            if 0 < sizehint <= total:
                break
        return lines

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer."""
        raw = to_bytes(self.read(len(memoryview(buffer))))
        memoryview(buffer)[: len(raw)] = raw
        return len(raw)

    # --- writing

    def write(self, s: Any) -> None:
        """Write a string; anything else is written as its text."""
        _check_open(self)
        if not isinstance(s, STRINGS):
            s = NativeStr(bytes(s)) if _is_buffer(s) else str27(s)
        if not s:
            return
        if isinstance(s, bytes):
            self._as_bytes()
        elif isinstance(self._kept, bytes):
            s = NativeStr(to_bytes(s))
        if self.pos == self.len:
            self._pieces.append(s)
            self.len = self.pos = self.pos + len(s)
            return
        content = self._content()
        if self.pos > self.len:
            zero: Any = b"\0" if isinstance(content, bytes) else "\0"
            content = content + zero * (self.pos - self.len)
        after = self.pos + len(s)
        self._kept = content[: self.pos] + s + content[after:]
        self.len, self.pos = len(self._kept), after

    def writelines(self, iterable: Iterable[Any]) -> None:
        """Write strings one after another."""
        for line in iterable:
            self.write(line)

    def truncate(self, size: Any = None) -> None:
        """Cut at a size, or here."""
        _check_open(self)
        if size is None:
            size = self.pos
        elif size < 0:
            raise OSError(22, "Negative size not allowed")
        elif size < self.pos:
            self.pos = size
        self._kept = self._content()[:size]
        self.len = len(self._kept)

    # --- place and state

    def seek(self, pos: int, mode: int = 0) -> None:
        """Go to a place."""
        _check_open(self)
        if mode == 1:
            pos += self.pos
        elif mode == 2:
            pos += self.len
        self.pos = max(0, pos)

    def tell(self) -> int:
        """Return the place."""
        _check_open(self)
        return self.pos

    def close(self) -> None:
        """Forget what it holds."""
        if not self.closed:
            self.closed = True
            self._kept, self._pieces = "", []

    def isatty(self) -> bool:
        """Tell that it is no terminal."""
        _check_open(self)
        return False

    def flush(self) -> None:
        """Do nothing: there is nowhere to write to."""
        _check_open(self)


def _is_buffer(value: object) -> bool:
    return isinstance(value, (bytearray, memoryview))


def _check_open(file: Any) -> None:
    """Refuse a file that is closed."""
    if file.closed:
        raise ValueError("I/O operation on closed file")
