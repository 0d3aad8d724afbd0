"""Files of Python 2.7: bytes below, strings of either kind above."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

from channelshim.python27.strings import NativeStr, native, to_bytes, to_text


class _FileKind(type):
    """Has `isinstance(x, file)` know the files of Python 3 too: sys.stdin."""

    def __instancecheck__(cls, value: Any) -> bool:
        if type.__instancecheck__(cls, value):
            return True
        if cls is not file:
            return False
        return isinstance(value, (io.TextIOWrapper, io.BufferedIOBase, io.FileIO))


class file(metaclass=_FileKind):
    """What `open` gives: a binary file whose reads are strings.

    Text mode reads text where the bytes are UTF-8, binary mode the bytes; writes take
    both.
    """

    softspace = 0
    encoding = None
    errors = None

    def __init__(self, name: Any, mode: Any = "r", buffering: Any = -1) -> None:
        mode = to_text(mode)
        self.name = name
        self.mode = mode
        self._open(name, mode, buffering)

    def _open(self, name: Any, mode: str, buffering: Any) -> None:
        if not mode or mode[0] not in "rwaU":
            raise ValueError(
                f"mode string must begin with one of 'r', 'w', 'a' or 'U', not '{mode}'"
                if mode
                else "empty mode string"
            )
        if "U" in mode and mode.replace("U", "", 1)[:1] in ("w", "a"):
            raise ValueError(
                "universal newline mode can only be used with modes starting with 'r'"
            )
        self._is_universal = "U" in mode
        self._is_binary = "b" in mode and not self._is_universal
        plain = mode[0].replace("U", "r") + ("+" if "+" in mode else "")
        if isinstance(name, str) or isinstance(name, bytes):
            name = to_bytes(name) if isinstance(name, bytes) else name
            if "\0" in to_text(name):
                raise TypeError(
                    "file() argument 1 must be encoded string without null bytes, "
                    "not str"
                )
        elif isinstance(name, int):
            # Python 3 would open the file of that number.
            kind = type(name).__name__
            raise TypeError(f"coercing to Unicode: need string or buffer, {kind} found")
        self._flushes = buffering == 1 or buffering == 0
        self._attach(open(name, plain + "b"))

    def _attach(self, raw: Any) -> None:
        self._raw = raw
        self._lines: Any = raw
        if self._is_universal:
            self._lines = io.TextIOWrapper(raw, "latin-1", newline=None)

    # --- state

    @property
    def closed(self) -> bool:
        """True if the file is closed"""
        return bool(self._raw.closed)

    @property
    def newlines(self) -> Any:
        """The line ends that universal mode has met."""
        return getattr(self._lines, "newlines", None)

    def fileno(self) -> int:
        """Return the file's number."""
        return int(self._raw.fileno())

    def isatty(self) -> bool:
        """Tell whether the file is a terminal."""
        return bool(self._raw.isatty())

    def close(self) -> Any:
        """Close the file; a pipe's exit status is returned."""
        if self._lines is not self._raw and not self._raw.closed:
            self._lines.close()
        return self._raw.close()

    def flush(self) -> None:
        """Write out what is buffered."""
        self._raw.flush()

    def __enter__(self) -> Any:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<{state} file {self.name!r}, mode {self.mode!r} at {id(self):#x}>"

    # --- reading

    def _given(self, raw: Any) -> Any:
        if isinstance(raw, str):
            raw = raw.encode("latin-1")
        return NativeStr(raw) if self._is_binary else native(raw)

    def _readable(self) -> Any:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if not self._raw.readable():
            raise OSError("File not open for reading")
        return self._lines

    def read(self, size: Any = -1) -> Any:
        """Return the next `size` bytes, all of them without a size."""
        return self._given(self._readable().read(-1 if size is None else size))

    def readline(self, size: Any = -1) -> Any:
        """Return the next line with its end."""
        return self._given(self._readable().readline(-1 if size is None else size))

    def readlines(self, sizehint: Any = -1) -> list[Any]:
        """Return the lines that are left."""
        sizehint = sizehint if sizehint else -1
        return list(map(self._given, self._readable().readlines(sizehint)))

    def xreadlines(self) -> Any:
        """Return an iterator of the lines."""
        return iter(self)

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer, and return how many bytes."""
        raw = to_bytes(self.read(len(memoryview(buffer))))
        memoryview(buffer)[: len(raw)] = raw
        return len(raw)

    def __iter__(self) -> Iterator[Any]:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        return self

    def __next__(self) -> Any:
        line = self._readable().readline()
        if not line:
            raise StopIteration
        return self._given(line)

    next = __next__

    # --- writing

    def write(self, data: Any) -> None:
        """Write a string of either kind, or a buffer."""
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if not self._raw.writable():
            raise OSError("File not open for writing")
        self._raw.write(to_bytes(data))
        if self._flushes:
            self._raw.flush()

    def writelines(self, lines: Iterable[Any]) -> None:
        """Write strings one after another."""
        for line in lines:
            try:
                raw = to_bytes(line)
            except TypeError:
                raise TypeError(
                    "writelines() argument must be a sequence of strings"
                ) from None
            self.write(raw)

    def truncate(self, size: Any = None) -> None:
        """Cut the file at a size, or here."""
        place = self._raw.tell()
        self._raw.truncate(size)
        self._raw.seek(place)

    # --- place

    def seek(self, offset: Any, whence: int = 0) -> None:
        """Go to a place."""
        if self._lines is not self._raw and whence:
            offset += self._raw.seek(0, whence)
            whence = 0
        self._lines.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return int(self._lines.tell())


def over(raw: Any, name: Any, mode: str) -> file:
    """Return a file of 2.7 over an open binary file of Python 3."""
    made = file.__new__(file)
    made.name, made.mode = name, mode
    made._is_universal = "U" in mode
    made._is_binary = "b" in mode
    made._flushes = False
    made._attach(raw)
    return made


def fdopen(descriptor: int, mode: Any = "r", buffering: Any = -1) -> file:
    """Return a file over an open descriptor, as `os.fdopen`."""
    mode = to_text(mode)
    plain = mode.replace("b", "").replace("U", "").replace("t", "") or "r"
    return over(os.fdopen(descriptor, plain + "b"), "<fdopen>", mode)


class PlainFile:
    """A file of an app as a binary file for the standard library of Python 3."""

    def __init__(self, file: Any) -> None:
        self._file: Final = file

    def read(self, *size: Any) -> bytes:
        """Return bytes."""
        return to_bytes(self._file.read(*(part for part in size if part is not None)))

    def readline(self, *size: Any) -> bytes:
        """Return the bytes of one line."""
        return to_bytes(self._file.readline(*size))

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer."""
        raw = self.read(len(memoryview(buffer)))
        memoryview(buffer)[: len(raw)] = raw
        return len(raw)

    def write(self, data: Any) -> int:
        """Write bytes."""
        raw = bytes(data)
        self._file.write(NativeStr(raw))
        return len(raw)

    def __iter__(self) -> Iterator[bytes]:
        return map(to_bytes, iter(self._file))

    def tell(self) -> int:
        """Return the place."""
        return int(self._file.tell())

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place, and return it."""
        self._file.seek(offset, whence)
        return int(self._file.tell())

    def seekable(self) -> bool:
        """Tell whether there are places to go to."""
        return hasattr(self._file, "seek")

    def readable(self) -> bool:
        """Tell whether the file can be read."""
        return hasattr(self._file, "read")

    def writable(self) -> bool:
        """Tell whether the file can be written."""
        return hasattr(self._file, "write")

    def flush(self) -> None:
        """Flush what can be flushed."""
        if hasattr(self._file, "flush"):
            self._file.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def plain_file(value: Any) -> Any:
    """Return an app's file object as one for bytes; a real binary file as it is."""
    if value is None or isinstance(value, (io.RawIOBase, io.BufferedIOBase, PlainFile)):
        return value
    if isinstance(value, io.TextIOWrapper):
        return value.buffer
    return PlainFile(value)


def raw_input(prompt: Any = "") -> Any:
    """Return a line of sys.stdin without its end."""
    if prompt != "":
        sys.stdout.write(str(prompt))
        if hasattr(sys.stdout, "flush"):
            sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError("EOF when reading a line")
    return line[:-1] if line[-1:] == "\n" else line


TABLE: Final[dict[str, Any]] = {
    "open": file,
    "file": file,
    "raw_input": raw_input,
}
