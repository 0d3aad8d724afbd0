"""codecs: functions and streams for strings of both kinds."""

from __future__ import annotations

import builtins
import codecs
from collections.abc import Callable, Iterator
from typing import Any

from channelshim.python27 import strings
from channelshim.python27.helpers.files import plain_file
from channelshim.python27.stdlib.wrapping import native_of
from channelshim.python27.strings import (
    NativeStr,
    native,
    to_bytes,
    to_text,
)
from channelshim.python27.strings import decode as decode
from channelshim.python27.strings import encode as encode

__all__ = [
    *("encode", "decode", "open", "getreader", "getwriter", "getencoder"),
    *("getdecoder", "BOM_UTF8", "BOM", "BOM_LE", "BOM_BE", "BOM_UTF16"),
    *("BOM_UTF16_LE", "BOM_UTF16_BE", "BOM_UTF32", "BOM_UTF32_LE", "BOM_UTF32_BE"),
    *("BOM32_LE", "BOM32_BE", "BOM64_LE", "BOM64_BE", "escape_encode"),
    *("escape_decode", "EncodedFile", "utf_8_decode", "utf_8_encode"),
    *("charbuffer_encode", "readbuffer_encode", "getincrementalencoder"),
    *("getincrementaldecoder", "iterencode", "iterdecode"),
    *("latin_1_decode", "latin_1_encode", "ascii_decode", "ascii_encode"),
]

_Coder = Callable[..., tuple[Any, int]]

BOM_UTF8: str | NativeStr = native(codecs.BOM_UTF8)
BOM_UTF16: NativeStr = NativeStr(codecs.BOM_UTF16)
BOM_UTF16_LE: NativeStr = NativeStr(codecs.BOM_UTF16_LE)
BOM_UTF16_BE: NativeStr = NativeStr(codecs.BOM_UTF16_BE)
BOM_UTF32: NativeStr = NativeStr(codecs.BOM_UTF32)
BOM_UTF32_LE: NativeStr = NativeStr(codecs.BOM_UTF32_LE)
BOM_UTF32_BE: NativeStr = NativeStr(codecs.BOM_UTF32_BE)
BOM: NativeStr = BOM_UTF16
BOM_LE: NativeStr = BOM_UTF16_LE
BOM_BE: NativeStr = BOM_UTF16_BE
BOM32_LE: NativeStr = BOM_UTF16_LE
BOM32_BE: NativeStr = BOM_UTF16_BE
BOM64_LE: NativeStr = BOM_UTF32_LE
BOM64_BE: NativeStr = BOM_UTF32_BE


def _check(encoding: Any) -> None:
    if not strings.is_byte_codec(encoding):
        codecs.lookup(to_text(encoding))


def getencoder(encoding: Any) -> _Coder:
    """Return a function that encodes, and tells how much it took."""
    _check(encoding)
    return lambda value, errors="strict": (
        strings.encode(value, encoding, errors),
        len(value),
    )


def getdecoder(encoding: Any) -> _Coder:
    """Return a function that decodes, and tells how much it took."""
    _check(encoding)
    return lambda value, errors="strict": (
        strings.decode(value, encoding, errors),
        len(value),
    )


utf_8_encode: _Coder = getencoder("utf-8")
utf_8_decode: _Coder = getdecoder("utf-8")
latin_1_encode: _Coder = getencoder("latin-1")
latin_1_decode: _Coder = getdecoder("latin-1")
ascii_encode: _Coder = getencoder("ascii")
ascii_decode: _Coder = getdecoder("ascii")


def charbuffer_encode(value: Any, errors: Any = "strict") -> tuple[Any, int]:
    """Return a string as it is."""
    raw = native(to_bytes(value))
    return raw, len(raw)


readbuffer_encode = charbuffer_encode


class _Incremental:
    """An encoder or decoder of pieces, of strings of both kinds.

    Args:
        real: Python 3's.
        takes_bytes: whether it makes bytes of bytes, as "hex" does.
    """

    def __init__(self, real: Any, takes_bytes: bool) -> None:
        self._real = real
        self._takes_bytes = takes_bytes

    def encode(self, value: Any, final: bool = False) -> Any:
        """Encode more."""
        if self._takes_bytes:
            value = to_bytes(value)
        elif isinstance(value, bytes):
            value = bytes(value).decode("utf-8")
        return native(self._real.encode(value, final))

    def decode(self, value: Any, final: bool = False) -> Any:
        """Decode more."""
        return native_of(self._real.decode(to_bytes(value), final))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def getincrementalencoder(encoding: Any) -> Any:
    """Return what makes encoders of pieces."""
    real = codecs.getincrementalencoder(to_text(encoding))
    takes_bytes = strings.is_byte_codec(encoding)
    return lambda errors="strict": _Incremental(real(to_text(errors)), takes_bytes)


def getincrementaldecoder(encoding: Any) -> Any:
    """Return what makes decoders of pieces."""
    real = codecs.getincrementaldecoder(to_text(encoding))
    takes_bytes = strings.is_byte_codec(encoding)
    return lambda errors="strict": _Incremental(real(to_text(errors)), takes_bytes)


def iterencode(iterator: Any, encoding: Any, errors: Any = "strict") -> Iterator[Any]:
    """Encode strings one after another; empty pieces are left out."""
    encoder = getincrementalencoder(encoding)(errors)
    for piece in iterator:
        encoded = encoder.encode(piece)
        if encoded:
            yield encoded
    encoded = encoder.encode("", True)
    if encoded:
        yield encoded


def iterdecode(iterator: Any, encoding: Any, errors: Any = "strict") -> Iterator[Any]:
    """Decode strings one after another; empty pieces are left out."""
    decoder = getincrementaldecoder(encoding)(errors)
    for piece in iterator:
        decoded = decoder.decode(piece)
        if decoded:
            yield decoded
    decoded = decoder.decode("", True)
    if decoded:
        yield decoded


def _low_level(name: str) -> Any:
    """Return one of the functions that decode, given text for bytes."""
    real = getattr(codecs, name)

    def decode(value: Any, *args: Any) -> Any:
        return real(to_bytes(value), *args)

    decode.__name__ = name
    return decode


_LOW_LEVEL = [
    name
    for name in dir(codecs)
    if name.endswith("_decode") and name not in ("utf_8_decode", "escape_decode")
]
globals().update({name: _low_level(name) for name in _LOW_LEVEL})
__all__ += _LOW_LEVEL


def escape_encode(value: Any, errors: Any = "strict") -> tuple[Any, int]:
    """Write a string with the escapes of a literal."""
    return strings.encode(value, "string_escape"), len(value)


def escape_decode(value: Any, errors: Any = "strict") -> tuple[Any, int]:
    """Read a string with the escapes of a literal."""
    return strings.decode(value, "string_escape"), len(value)


class _NativeReads:
    """A stream reader over bytes whose file is an app's."""

    def __init__(self, stream: Any, errors: Any = "strict") -> None:
        super().__init__(plain_file(stream), errors)  # type: ignore[call-arg]

    def next(self) -> Any:
        """Return the next line."""
        return self.__next__()  # type: ignore[attr-defined]


class _NativeWrites:
    """A stream writer that takes bytes as the text that they are."""

    def __init__(self, stream: Any, errors: Any = "strict") -> None:
        super().__init__(plain_file(stream), errors)  # type: ignore[call-arg]

    def write(self, object: Any) -> Any:
        """Write a string."""
        if isinstance(object, bytes):
            object = bytes(object).decode("utf-8")
        return super().write(object)  # type: ignore[misc]

    def writelines(self, list: Any) -> Any:
        """Write strings one after another."""
        return self.write("".join(map(to_text, list)))


def getreader(encoding: Any) -> Any:
    """Return the class of streams that read an encoding."""
    real = codecs.lookup(to_text(encoding)).streamreader
    return type("StreamReader", (_NativeReads, real), {})  # type: ignore[arg-type]


def getwriter(encoding: Any) -> Any:
    """Return the class of streams that write an encoding."""
    real = codecs.lookup(to_text(encoding)).streamwriter
    return type("StreamWriter", (_NativeWrites, real), {})  # type: ignore[arg-type]


class _StreamReaderWriter(codecs.StreamReaderWriter):
    def next(self) -> str:
        """Return the next line."""
        return self.__next__()

    def write(self, data: Any) -> Any:
        """Write a string."""
        return self.writer.write(data)


def open(
    filename: Any,
    mode: Any = "rb",
    encoding: Any = None,
    errors: Any = "strict",
    buffering: int = 1,
) -> Any:
    """Open a file of an encoding; without one, a file of strings."""
    from channelshim.python27.helpers.files import file

    if encoding is None:
        return file(filename, mode, buffering)
    plain = to_text(mode).replace("U", "").replace("t", "") or "r"
    plain = plain if plain[0] in "rwa" else "r" + plain
    raw = builtins.open(filename, plain if "b" in plain else plain + "b")
    made = _StreamReaderWriter(
        raw, getreader(encoding), getwriter(encoding), to_text(errors)
    )
    made.encoding = encoding  # type: ignore[misc]
    return made


def EncodedFile(
    file: Any, data_encoding: Any, file_encoding: Any = None, errors: Any = "strict"
) -> Any:
    """Return a file that recodes what is read and written."""
    return codecs.EncodedFile(
        plain_file(file), data_encoding, file_encoding or data_encoding, errors
    )
