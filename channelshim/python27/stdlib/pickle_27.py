"""pickle and cPickle: what 2.x wrote is read, what is written 2.x could read."""

from __future__ import annotations

import copyreg
import datetime
import io
import pickle
import struct
import sys
from collections.abc import Mapping
from types import FunctionType
from typing import Any, ClassVar, Final

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.stdlib import process
from channelshim.python27.strings import NativeStr, native, to_bytes

__all__ = [
    *("dump", "dumps", "load", "loads", "Pickler", "Unpickler"),
    *("HIGHEST_PROTOCOL", "format_version", "compatible_formats"),
    *("UnpickleableError", "BadPickleGet"),
]

HIGHEST_PROTOCOL: Final = 2
format_version = "2.0"
compatible_formats: list[str] = ["1.0", "1.1", "1.2", "1.3", "2.0"]


class UnpickleableError(pickle.PicklingError):
    """cPickle's name for what cannot be pickled."""


BadPickleGet = pickle.UnpicklingError


_OPCODES: Final = {
    name: native(value)
    for name, value in vars(pickle).items()
    if name.isupper() and isinstance(value, bytes)
}
globals().update(_OPCODES)
__all__ += list(_OPCODES)


def _private_modules() -> Mapping[str, Any]:
    """Return the modules that only the app sees, by their names."""
    importer = process.importer
    return {} if importer is None else importer.private


def _protocol(protocol: Any) -> int:
    if protocol is None:
        return 0
    if protocol < 0:
        return HIGHEST_PROTOCOL
    if protocol > HIGHEST_PROTOCOL:
        raise ValueError(f"pickle protocol must be <= {HIGHEST_PROTOCOL}")
    return int(protocol)


def _private(module: str, name: str) -> Any:
    """Return something out of a module that only the app sees."""
    found = process.importer.load(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


class _PrivateError(Exception):
    """A class of a module that only the app sees: C's pickler cannot name it."""


class _FastPickler(pickle.Pickler):
    """C's pickler, for values without such classes."""

    def reducer_override(self, obj: Any) -> Any:
        """Give up at what only the app sees."""
        private = _private_modules()
        if private and getattr(obj, "__module__", None) in private:
            if isinstance(obj, (type, FunctionType)):
                raise _PrivateError
        return NotImplemented


class Pickler(pickle._Pickler):
    """Writes pickles of protocol 0 to 2; strings as 2.7 wrote them."""

    dispatch: ClassVar[dict[Any, Any]] = dict(pickle._Pickler.dispatch)

    def __init__(self, file: Any = None, protocol: Any = None) -> None:
        if isinstance(file, int):
            file, protocol = None, file
        self._own = io.BytesIO() if file is None else None
        target = self._own if self._own is not None else _Output(file)
        super().__init__(target, _protocol(protocol), fix_imports=True)

    def getvalue(self) -> Any:
        """Return what has been pickled, by a pickler without a file."""
        assert self._own is not None
        return native(self._own.getvalue())

    def save_global(self, obj: Any, name: Any = None) -> None:
        """Write the name of a class or function."""
        module = getattr(obj, "__module__", None)
        own = name or getattr(obj, "__qualname__", getattr(obj, "__name__", None))
        is_private = isinstance(module, str) and module in _private_modules()
        if not is_private or not isinstance(own, str):
            super().save_global(obj, name)  # type: ignore[misc]
            return
        try:
            found = _private(str(module), own)
        except (ImportError, AttributeError):
            found = None
        if found is not obj:
            raise pickle.PicklingError(f"Can't pickle {obj!r}: it's not found")
        code = copyreg._extension_registry.get((module, own))  # type: ignore[attr-defined]
        if self.proto >= 2 and code:  # type: ignore[attr-defined]
            head = b"\x82" if code <= 0xFF else b"\x83" if code <= 0xFFFF else b"\x84"
            width = {b"\x82": 1, b"\x83": 2, b"\x84": 4}[head]
            self.write(head + code.to_bytes(width, "little"))  # type: ignore[attr-defined]
            return
        self.write(b"c" + to_bytes(module) + b"\n" + to_bytes(own) + b"\n")  # type: ignore[attr-defined]
        self.memoize(obj)  # type: ignore[attr-defined]

    def save_string(self, obj: Any) -> None:
        """Write a string as 2.7 did."""
        raw = to_bytes(obj)
        if not self.bin:
            self.write(b"S" + repr(NativeStr(raw)).encode("ascii") + b"\n")  # type: ignore[attr-defined]
        elif len(raw) < 256:
            self.write(b"U" + bytes((len(raw),)) + raw)  # type: ignore[attr-defined]
        else:
            self.write(b"T" + struct.pack("<i", len(raw)) + raw)  # type: ignore[attr-defined]
        self.memoize(obj)  # type: ignore[attr-defined]

    def _save_text(self, obj: str) -> None:
        if obj.isascii():
            self.save_string(obj)
        else:
            pickle._Pickler.save_str(self, obj)  # type: ignore[attr-defined]

    def _save_type(self, obj: Any) -> None:
        if getattr(obj, "__module__", None) in _private_modules():
            self.save_global(obj)
        else:
            pickle._Pickler.save_type(self, obj)  # type: ignore[attr-defined]

    dispatch[NativeStr] = save_string
    dispatch[str] = _save_text
    dispatch[type] = _save_type
    dispatch[FunctionType] = save_global


class _Output:
    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: Any) -> int:
        raw = bytes(data)
        is_plain = isinstance(self._file, (io.RawIOBase, io.BufferedIOBase))
        self._file.write(raw if is_plain else native(raw))
        return len(raw)


class Unpickler(pickle.Unpickler):
    """Reads pickles of Python 2 and 3."""

    def __init__(self, file: Any) -> None:
        super().__init__(
            plain_file(file),
            fix_imports=True,
            encoding="utf-8",
            errors="surrogateescape",
        )

    def find_class(self, module: Any, name: Any) -> Any:
        """Return a class or function by its names."""
        own = getattr(self, "find_global", None)
        if own is not None:
            return own(module, name)
        if module == "datetime" and name in _BY_BYTES:
            return _BY_BYTES[name]
        if module in _private_modules():
            return _private(module, name)
        if process.importer is not None and module not in sys.modules:
            try:
                return getattr(process.importer.load(module), name)
            except (ImportError, AttributeError):
                pass
        return super().find_class(module, name)


def _of_state(kind: Any) -> Any:
    """Return a constructor that takes 2.x's state: bytes that were read as text."""

    def construct(*args: Any) -> Any:
        if args and isinstance(args[0], str):
            args = (to_bytes(args[0]), *args[1:])
        return kind(*args)

    return construct


_BY_BYTES: Final = {
    name: _of_state(getattr(datetime, name)) for name in ("datetime", "date", "time")
}


def dump(obj: Any, file: Any, protocol: Any = None) -> None:
    """Write a value into a file."""
    Pickler(file, protocol).dump(obj)


def dumps(obj: Any, protocol: Any = None) -> Any:
    """Return a value as a string."""
    target = io.BytesIO()
    number = _protocol(protocol)
    try:
        _FastPickler(target, number, fix_imports=True).dump(obj)
        raw = target.getvalue()
    except _PrivateError:
        pickler = Pickler(number)
        pickler.dump(obj)
        assert pickler._own is not None
        raw = pickler._own.getvalue()
    return native(raw) if number == 0 else _string(raw)


def _string(raw: bytes) -> Any:
    return raw.decode("ascii") if raw.isascii() else NativeStr(raw)


def load(file: Any) -> Any:
    """Return the value that a file holds."""
    return Unpickler(file).load()


def loads(string: Any) -> Any:
    """Return the value that a string holds."""
    return Unpickler(io.BytesIO(to_bytes(string))).load()
