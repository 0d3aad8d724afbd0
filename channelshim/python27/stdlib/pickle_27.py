"""pickle and cPickle: what 2.x wrote is read, what is written 2.x could read."""

from __future__ import annotations

import datetime
import io
import pickle
import sys
from typing import Any, Final

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.strings import NativeStr, native, to_bytes

__all__ = [
    *("dump", "dumps", "load", "loads", "Pickler", "Unpickler"),
    *("HIGHEST_PROTOCOL", "format_version", "compatible_formats"),
    *("UnpickleableError", "BadPickleGet", "_set_private_modules"),
]

HIGHEST_PROTOCOL: Final = 2
format_version = "2.0"
compatible_formats = ["1.0", "1.1", "1.2", "1.3", "2.0"]


class UnpickleableError(pickle.PicklingError):
    """cPickle's name for what cannot be pickled."""


class BadPickleGet(pickle.UnpicklingError):
    """cPickle's name for a reference to nothing."""


_private_modules: dict[str, Any] = {}
_importer: Any = None


def _set_private_modules(modules: dict[str, Any], importer: Any) -> None:
    """Have classes of modules that only the app sees pickled by their names."""
    global _private_modules, _importer
    _private_modules, _importer = modules, importer


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
    found = _importer.load(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


class Pickler(pickle.Pickler):
    """Writes pickles of protocol 0 to 2."""

    def __init__(self, file: Any = None, protocol: Any = None) -> None:
        if isinstance(file, int):
            file, protocol = None, file
        self._own = io.BytesIO() if file is None else None
        target = self._own if self._own is not None else _Output(file)
        super().__init__(target, _protocol(protocol), fix_imports=True)

    def reducer_override(self, obj: Any) -> Any:
        """Name what only the app sees in a way that finds it again."""
        if isinstance(obj, type) or callable(obj):
            module = getattr(obj, "__module__", None)
            if isinstance(module, str) and module in _private_modules:
                name = getattr(obj, "__qualname__", None)
                if name and not isinstance(obj, type) and "<" in name:
                    return NotImplemented
                if name:
                    return _private, (module, name)
        return NotImplemented

    def getvalue(self) -> Any:
        """Return what has been pickled, by a pickler without a file."""
        assert self._own is not None
        return native(self._own.getvalue())


class _Output:
    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: Any) -> int:
        raw = bytes(data)
        self._file.write(native(raw))
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
        if _importer is not None and module in _private_modules:
            return _private(module, name)
        if _importer is not None and module not in sys.modules:
            try:
                return getattr(_importer.load(module), name)
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
    _BytesPickler(target, protocol).dump(obj)
    raw = target.getvalue()
    return native(raw) if _protocol(protocol) == 0 else _string(raw)


class _BytesPickler(Pickler):
    def __init__(self, file: Any, protocol: Any) -> None:
        pickle.Pickler.__init__(self, file, _protocol(protocol), fix_imports=True)
        self._own = None


def _string(raw: bytes) -> Any:
    return raw.decode("ascii") if raw.isascii() else NativeStr(raw)


def load(file: Any) -> Any:
    """Return the value that a file holds."""
    return Unpickler(file).load()


def loads(string: Any) -> Any:
    """Return the value that a string holds."""
    return Unpickler(io.BytesIO(to_bytes(string))).load()
