"""Strings: what str, unicode, %, format, encode and decode meant in Python 2.7."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, Final

from channelshim.compat.legacy_str import LegacyStr
from channelshim.python27.helpers import classes
from channelshim.python27.strings import (
    STRINGS,
    NativeStr,
    decode,
    encode,
    is_buffer,
    join,
    native,
    table_bytes,
    to_bytes,
    to_text,
)


def float_text(value: float) -> str:
    """Return a float as `str()` and `print` wrote it: 12 digits.

    Theory of the first lines: 13 characters without an exponent are at most 12 digits
    and the point, so repr is what 2.7's str gave; tests/python27/test_floats.py.
    """
    short = repr(value)
    if len(short) <= 13 and "e" not in short:
        return short
    text = format(value, ".12g")
    digits = text.lstrip("-")
    if not digits.isdigit():
        return text
    if len(digits) < 12:
        return text + ".0"
    # The last place goes to the ".0", so a number of 12 digits needs an exponent.
    mantissa, _, exponent = format(value, ".11e").partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{exponent}"


def str27(value: Any = "", *rest: Any) -> Any:
    """Do as Python 2.7's `str(value)`."""
    if rest:
        return str(value, *rest)
    kind = type(value)
    if kind is str:
        return value
    if kind is int:
        return str(value)
    if kind is float:
        return float_text(value)
    if isinstance(value, bytes):
        return value if kind is NativeStr else native(bytes(value))
    if kind is bytearray:
        return native(bytes(value))
    if isinstance(value, float) and kind.__str__ is object.__str__:  # type: ignore[comparison-overlap]
        return float_text(value) if kind.__repr__ is float.__repr__ else repr(value)  # type: ignore[unreachable]
    return str(value)


def unicode27(*args: Any, **named: Any) -> Any:
    """Do as Python 2.7's `unicode(value, encoding, errors)`."""
    if not args and "string" in named:
        args = (named.pop("string"),)
    if not args:
        return ""
    value = args[0]
    if len(args) == 1 and not named:
        if isinstance(value, str):
            return value if type(value) is str else str(value)
        method = getattr(type(value), "__unicode__", None)
        if method is not None:
            return to_text(method(value))
        if isinstance(value, bytes):
            try:
                return bytes(value).decode("utf-8")
            except UnicodeDecodeError:
                return bytes(value).decode("ascii")
        return to_text(str27(value))
    return _decoded(*args, **named)


def _decoded(string: Any, encoding: Any = "ascii", errors: Any = "strict") -> Any:
    if not isinstance(string, STRINGS) and not is_buffer(string):
        kind = type(string).__name__
        raise TypeError(f"coercing to Unicode: need string or buffer, {kind} found")
    if is_buffer(string):
        string = bytes(string)
    return decode(string, encoding, errors)


def repr27(value: Any) -> str:
    """Do as Python 2.7's `repr`, for bytes too."""
    if type(value) is bytes:
        return repr(value)[1:]
    return repr(value)


def type27(value: Any, *rest: Any) -> Any:
    """Return `type(value)`, where bytes of either kind are `str`; or make a class."""
    if rest:
        return classes.make(to_text(value), *rest)
    kind = type(value)
    if kind is bytes or issubclass(kind, LegacyStr):
        return str
    return ModuleType if issubclass(kind, ModuleType) else kind


def keywords27(mapping: Any) -> Any:
    """Return what follows `**` in a call, with names that are bytes as text."""
    if type(mapping) is dict:
        for name in mapping:
            if type(name) is not str:
                break
        else:
            return mapping
    elif not hasattr(mapping, "keys"):
        # The call says what is wrong with it.
        return mapping
    return {_as_text(name): mapping[name] for name in mapping.keys()}


def join27(separator: Any, parts: Any) -> Any:
    """Do `separator.join(parts)`."""
    if type(separator) is str:
        if type(parts) is not list and not isinstance(parts, tuple):
            parts = list(parts)
        try:
            return separator.join(parts)
        except TypeError:
            return join(separator, parts)
    if isinstance(separator, STRINGS):
        return join(separator, parts)
    if isinstance(separator, type) and issubclass(separator, STRINGS):
        raise TypeError("descriptor 'join' requires a 'str' object")
    return separator.join(parts)


def encode27(value: Any, *args: Any, **named: Any) -> Any:
    """Do `value.encode(encoding, errors)`; text that is ASCII stays as it is."""
    if type(value) is str and value.isascii():
        if not args and not named:
            return value
        if args and args[0] in ("utf-8", "utf8", "ascii", "latin-1", "UTF-8"):
            return value
    if isinstance(value, STRINGS):
        return encode(value, *args, **named)
    if isinstance(value, type) and issubclass(value, STRINGS):
        return encode(*args, **named)
    return value.encode(*args, **named)


def decode27(value: Any, *args: Any, **named: Any) -> Any:
    """Do `value.decode(encoding, errors)`."""
    if isinstance(value, STRINGS):
        return decode(value, *args, **named)
    if isinstance(value, type) and issubclass(value, STRINGS):
        return decode(*args, **named)
    return value.decode(*args, **named)


def translate27(value: Any, *args: Any) -> Any:
    """Do `value.translate(table, deletions)`, by a table of 256 or by a mapping."""
    if isinstance(value, type) and issubclass(value, STRINGS):
        value, args = args[0], args[1:]
    if isinstance(value, str) and args:
        table = args[0]
        if table is None or isinstance(table, STRINGS):
            delete = to_bytes(args[1]) if len(args) > 1 else b""
            raw_table = None if table is None else table_bytes(table)
            return native(to_bytes(value).translate(raw_table, delete))
    return value.translate(*args)


# --- text that meets bytes


def in27(item: Any, container: Any) -> bool:
    """Do `item in container`, where bytes may be looked for in text.

    Theory here and below: text refuses bytes with TypeError before it does anything,
    so the native way is tried first.
    """
    try:
        return item in container
    except TypeError:
        if not (isinstance(item, bytes) and isinstance(container, str)):
            raise
    return to_text(item) in container


def text_method(owner: Any, name: str, *values: Any) -> Any:
    """Do `owner.name(*values)`, where text may be given bytes."""
    try:
        return getattr(owner, name)(*values)
    except TypeError:
        if not isinstance(owner, str):
            raise
    return getattr(owner, name)(*map(_as_text, values))


def _as_text(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_as_text, value))
    return to_text(value) if isinstance(value, bytes) else value


def answer(value: Any) -> Any:
    """Return a method's answer, with bytes of Python 3 as 2.7's str.

    An app has no such bytes of its own: they come from what the library or an installed
    package made by itself, a member of a tar or a document of XML.
    """
    kind = type(value)
    if kind is bytes:
        return native(value)
    if (kind is list or kind is tuple) and value and type(value[0]) is bytes:
        return kind(map(answer, value))
    return value


# --- characters


_CHARACTERS: Final = tuple(
    chr(code) if code < 128 else NativeStr((code,)) for code in range(256)
)


def chr27(code: Any) -> Any:
    """Return the string of one byte."""
    if not isinstance(code, int):
        code = _index(code)
    if not 0 <= code < 256:
        raise ValueError("chr() arg not in range(256)")
    return _CHARACTERS[code]


def _index(code: Any) -> int:
    if isinstance(code, float):
        return int(code)
    return int(code.__index__() if hasattr(code, "__index__") else chr(code))


def unichr(code: Any) -> str:
    """Return the text of one character."""
    try:
        return chr(code if isinstance(code, int) else _index(code))
    except ValueError:
        raise ValueError(
            "unichr() arg not in range(0x110000) (wide Python build)"
        ) from None


def ord27(character: Any) -> int:
    """Return the number of one character, or of one byte."""
    if isinstance(character, str) and len(character) == 1:
        code = ord(character)
        # A byte that was read as text.
        return code - 0xDC00 if 0xDC80 <= code <= 0xDCFF else code
    return ord(character)


def intern27(string: Any) -> Any:
    """Do as Python 2.7's `intern`."""
    if not isinstance(string, STRINGS):
        kind = type(string).__name__
        raise TypeError(f"intern() argument 1 must be string, not {kind}")
    if type(string) is not str and type(string) is not NativeStr:
        raise TypeError("can't intern subclass of string")
    return sys.intern(string) if type(string) is str else string


class _BufferKind(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return type.__instancecheck__(cls, value) or isinstance(value, memoryview)


class buffer27(NativeStr, metaclass=_BufferKind):
    """A copy of a part of a string or of another buffer."""

    __slots__ = ()

    def __new__(cls, value: Any, offset: int = 0, size: int = -1) -> Any:
        if offset < 0:
            raise ValueError("offset must be zero or positive")
        if size < -1:
            raise ValueError("size must be zero or positive")
        raw = to_bytes(value)
        stop = len(raw) if size == -1 else offset + size
        return NativeStr.__new__(cls, raw[offset:stop])


def taking_text(real: type) -> type:
    """Return a stand-in for a type that makes its objects of text too."""

    class Kind(type):
        def __instancecheck__(cls, value: Any) -> bool:
            return isinstance(value, real)

        def __subclasscheck__(cls, kind: type) -> bool:
            return kind is cls or issubclass(kind, real)

        def __call__(cls, *args: Any, **named: Any) -> Any:
            if args and isinstance(args[0], STRINGS):
                return real(to_bytes(args[0]))
            return real(*args, **named)

        def __getattr__(cls, name: str) -> Any:
            return getattr(real, name)

    return Kind(real.__name__, (), {"__doc__": real.__doc__})


TABLE: Final[dict[str, Any]] = {
    "_p27_str_types": STRINGS,
    "_p27_str": str27,
    "_p27_unicode": unicode27,
    "_p27_repr": repr27,
    "_p27_type": type27,
    "_p27_join": join27,
    "_p27_keywords": keywords27,
    "_p27_text": str,
    "_p27_answer": answer,
    "_p27_in": in27,
    "_p27_text_method": text_method,
    "_p27_encode": encode27,
    "_p27_decode": decode27,
    "_p27_translate": translate27,
    "unicode": str,
    "basestring": STRINGS,
    "repr": repr27,
    "chr": chr27,
    "unichr": unichr,
    "ord": ord27,
    "intern": intern27,
    "buffer": buffer27,
    "bytearray": taking_text(bytearray),
    "memoryview": taking_text(memoryview),
}
