"""Python 2.7's two kinds of strings on Python 3's str and bytes.

Text is `str`, and so is every byte string that is UTF-8. What is not is a
`NativeStr`. Bytes read as text keep what is no UTF-8 as lone surrogates, and text
written out becomes the same bytes again, so nothing is lost either way.
"""

from __future__ import annotations

import array
import codecs
from collections.abc import Callable, Iterator
from typing import Any, Final

from channelshim.compat.legacy_str import LegacyStr
from channelshim.python27.escaped_bytes import keeping_bytes

STRINGS: Final = (str, bytes)
"""What `basestring` is, and what `isinstance(x, str)` asks for."""


def to_bytes(value: Any) -> bytes:
    """Return the bytes of a string of either kind, or of a buffer.

    Raises:
        TypeError: the value is neither.
    """
    if isinstance(value, str):
        try:
            return value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return _encode_any_surrogate(value)
    if type(value) is bytes:
        return value
    return bytes(memoryview(value))


def _encode_any_surrogate(text: str) -> bytes:
    """Encode text with surrogates of both sorts: escaped bytes, and 2.7's own."""
    pieces = []
    for character in text:
        escaped = "\udc80" <= character <= "\udcff"
        handler = "surrogateescape" if escaped else "surrogatepass"
        pieces.append(character.encode("utf-8", handler))
    return b"".join(pieces)


def to_text(value: Any) -> str:
    """Return the text of a string of either kind."""
    if isinstance(value, str):
        return value
    return bytes(value).decode("utf-8", "surrogateescape")


def native(raw: bytes) -> str | NativeStr:
    """Return bytes as an app's own string: text when they are UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return NativeStr(raw)


def _new(raw: bytes) -> NativeStr:
    return NativeStr(raw)


class NativeStr(LegacyStr):
    """Python 2.7's `str` for bytes that are no text, or not yet known to be.

    Its items are strings of one byte, its methods work on bytes and answer with its
    own kind; it meets text as UTF-8, and equals and hashes as that text does.
    """

    __slots__ = ()

    def __reduce__(self) -> Any:
        return _new, (bytes(self),)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _new, (bytes(self),)

    def __repr__(self) -> str:
        return bytes.__repr__(self)[1:]

    def __getitem__(self, place: Any) -> NativeStr:  # type: ignore[override]
        item = bytes.__getitem__(self, place)
        return NativeStr(item if isinstance(item, bytes) else (item,))

    def __iter__(self) -> Iterator[NativeStr]:  # type: ignore[override]
        return map(_one_byte, bytes.__iter__(self))

    def __add__(self, other: Any) -> Any:
        if isinstance(other, str):
            return to_text(self) + other
        if isinstance(other, bytes):
            return NativeStr(bytes.__add__(self, other))
        return (
            bytearray(self) + other if isinstance(other, bytearray) else NotImplemented
        )

    def __radd__(self, other: Any) -> Any:
        if isinstance(other, str):
            return other + to_text(self)
        if isinstance(other, bytes):
            return NativeStr(bytes(other) + bytes(self))
        return NotImplemented

    def __mul__(self, times: Any) -> NativeStr:
        return NativeStr(bytes.__mul__(self, times))

    def __rmul__(self, times: Any) -> NativeStr:
        return NativeStr(bytes.__mul__(self, times))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return bytes.__eq__(self, to_bytes(other))
        return bytes.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(to_text(self))

    def __lt__(self, other: Any) -> Any:
        return bytes.__lt__(self, _operand(other))

    def __le__(self, other: Any) -> Any:
        return bytes.__le__(self, _operand(other))

    def __gt__(self, other: Any) -> Any:
        return bytes.__gt__(self, _operand(other))

    def __ge__(self, other: Any) -> Any:
        return bytes.__ge__(self, _operand(other))

    def __contains__(self, item: object) -> bool:
        if not isinstance(item, STRINGS):
            name = type(item).__name__
            raise TypeError(
                f"'in <string>' requires string as left operand, not {name}"
            )
        return bytes.__contains__(self, to_bytes(item))

    def join(self, parts: Any) -> Any:
        """Join strings: bytes when all are, text as soon as one is."""
        parts = list(parts)
        if all(isinstance(part, bytes) for part in parts):
            return NativeStr(bytes.join(self, parts))
        return join(to_text(self), parts)

    def encode(self, encoding: str = "ascii", errors: str = "strict") -> Any:
        """Return the text in another encoding, as 2.7's `str.encode` did."""
        return encode(self, encoding, errors)

    def decode(self, encoding: str = "ascii", errors: str = "strict") -> Any:
        """Return the text that the bytes are in an encoding."""
        return decode(self, encoding, errors)

    def format(self, *values: Any, **named: Any) -> str:
        """Fill in the fields as `str.format`; the answer is text."""
        return to_text(self).format(*values, **named)


_ONE_BYTE: Final = tuple(NativeStr((code,)) for code in range(256))
_one_byte: Final = _ONE_BYTE.__getitem__


def _operand(value: Any) -> Any:
    return to_bytes(value) if isinstance(value, str) else value


def _argument(value: Any) -> Any:
    """Return a method's argument with text as bytes."""
    if isinstance(value, str):
        return to_bytes(value)
    if isinstance(value, tuple):
        return tuple(map(_argument, value))
    return value


def _answer(value: Any) -> Any:
    if isinstance(value, bytes):
        return NativeStr(value)
    if isinstance(value, (list, tuple)):
        return type(value)(map(NativeStr, value))
    return value


def _method(name: str) -> Callable[..., Any]:
    """Return a method of bytes that takes text as its UTF-8."""
    of_bytes = getattr(bytes, name)

    def method(self: NativeStr, *values: Any) -> Any:
        return _answer(of_bytes(self, *map(_argument, values)))

    method.__name__ = name
    method.__doc__ = f"Do as Python 2.7's `str.{name}`."
    return method


for _name in (
    *("capitalize", "center", "count", "endswith", "expandtabs", "find", "index"),
    *("ljust", "lower", "lstrip", "partition", "replace", "rfind", "rindex"),
    *("rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith"),
    *("strip", "swapcase", "title", "upper", "zfill"),
):
    setattr(NativeStr, _name, _method(_name))


def _translate(self: NativeStr, table: Any, delete: Any = b"") -> NativeStr:
    """Map each byte through a table of 256, as 2.7's `str.translate`."""
    if table is not None:
        table = table_bytes(table)
    return NativeStr(bytes.translate(self, table, to_bytes(delete)))


NativeStr.translate = _translate  # type: ignore[assignment, method-assign]


def table_bytes(table: Any) -> bytes:
    """Return a translation table as 256 bytes.

    Raises:
        ValueError: it has another length.
    """
    raw = to_bytes(table)
    if len(raw) != 256 and isinstance(table, str) and len(table) == 256:
        # A table built by ''.join(map(chr, range(256))) is text of 256 characters.
        raw = table.encode("latin-1", "replace")
    if len(raw) != 256:
        raise ValueError("translation table must be 256 characters long")
    return raw


def join(separator: Any, parts: Any) -> Any:
    """Join strings of both kinds, as 2.7's `separator.join(parts)`.

    Raises:
        TypeError: a part is no string; the sentence is 2.7's.
    """
    parts = list(parts)
    if isinstance(separator, bytes) and all(isinstance(part, bytes) for part in parts):
        return NativeStr(bytes(separator).join(parts))
    texts, has_bytes = [], False
    for number, part in enumerate(parts):
        if not isinstance(part, STRINGS):
            raise TypeError(
                f"sequence item {number}: expected string, {type(part).__name__} found"
            )
        has_bytes = has_bytes or isinstance(part, bytes)
        texts.append(to_text(part))
    joined = to_text(separator).join(texts)
    # A file or image put together from its bytes keeps its length.
    return native(to_bytes(joined)) if has_bytes else joined


# --- codecs that 2.7 reached through str.encode and str.decode

_BYTE_CODECS: Final = frozenset(
    {"hex", "base64", "zlib", "zip", "bz2", "quopri", "uu", "rot13"}
    | {"stringescape", "unicodeescape", "rawunicodeescape", "quotedprintable"}
)
_PLAIN: Final = frozenset(
    {"utf8", "ascii", "latin1", "usascii", "iso88591", "utf", "u8"}
)


def _codec_key(encoding: str) -> str:
    name = to_text(encoding).lower()
    for mark in "-_ ":
        name = name.replace(mark, "")
    return name.removesuffix("codec")


def is_byte_codec(encoding: Any) -> bool:
    """Tell whether an encoding is one from bytes to bytes, or of escapes."""
    return _codec_key(encoding) in _BYTE_CODECS


def encode(value: Any, encoding: Any = "ascii", errors: Any = "strict") -> Any:
    """Encode a string of either kind, as 2.7's `value.encode(encoding)`.

    Text that stays the same bytes stays the same object: names made by `.encode` go
    on to setattr, type() and keyword arguments.
    """
    key = _codec_key(encoding)
    if key in _BYTE_CODECS:
        return _encode_bytes(value, key)
    text = _text_of_bytes(value) if isinstance(value, bytes) else value
    errors = to_text(errors)
    encoding = to_text(encoding)
    if errors == "strict" and key == "utf8":
        raw = to_bytes(text)
    else:
        raw = codecs.encode(text, encoding, keeping_bytes(text, errors))
        if not isinstance(raw, bytes):
            return raw
    return text if text.isascii() and raw == text.encode() else NativeStr(raw)


def _text_of_bytes(value: bytes) -> str:
    """Decode bytes that 2.7 took for text; it would have allowed ASCII only.

    Raises:
        UnicodeDecodeError: they are no UTF-8 either; the words are 2.7's.
    """
    raw = bytes(value)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("ascii")


def _encode_bytes(value: Any, key: str) -> Any:
    """Encode by a codec from bytes to bytes; the answer is ASCII where it can be."""
    if key == "unicodeescape" or key == "rawunicodeescape":
        name = "unicode_escape" if key == "unicodeescape" else "raw_unicode_escape"
        return native(codecs.encode(to_text(value), name))
    if key == "rot13":
        return codecs.encode(to_text(value), "rot13")
    if key == "stringescape":
        return repr(NativeStr(b'"' + to_bytes(value)))[2:-1].replace('\\"', '"')
    raw = codecs.encode(to_bytes(value), _bytes_codec(key))  # type: ignore[call-overload]
    return raw.decode("ascii") if raw.isascii() else NativeStr(raw)


def _bytes_codec(key: str) -> str:
    return {"zip": "zlib", "quotedprintable": "quopri"}.get(key, key) + "_codec"


def decode(value: Any, encoding: Any = "ascii", errors: Any = "strict") -> Any:
    """Decode a string of either kind, as 2.7's `value.decode(encoding)`."""
    key = _codec_key(encoding)
    encoding, errors = to_text(encoding), to_text(errors)
    if key in _BYTE_CODECS:
        return _decode_bytes(value, key, errors)
    if isinstance(value, str):
        # It stands for its UTF-8 bytes, and most often is decoded as just that.
        if value.isascii() and key in _PLAIN:
            return value
        raw = to_bytes(value)
    else:
        raw = bytes(value)
    try:
        return codecs.decode(raw, encoding, errors)
    except UnicodeDecodeError:
        if key != "utf8":
            raise
    # Half a surrogate pair was UTF-8 in 2.7.
    return raw.decode("utf-8", "surrogatepass")


def _decode_bytes(value: Any, key: str, errors: str) -> Any:
    if key == "rot13":
        return codecs.encode(to_text(value), "rot13")
    raw = to_bytes(value)
    if key == "unicodeescape":
        return codecs.decode(raw, "unicode_escape", errors)
    if key == "rawunicodeescape":
        return codecs.decode(raw, "raw_unicode_escape", errors)
    if key == "stringescape":
        return native(codecs.escape_decode(raw)[0])
    try:
        return native(codecs.decode(raw, _bytes_codec(key)))  # type: ignore[arg-type]
    except ValueError as error:
        if key == "hex":
            raise TypeError("Non-hexadecimal digit found") from error
        raise


def is_buffer(value: object) -> bool:
    """Tell whether a value is bytes that are no string."""
    return isinstance(value, (bytearray, memoryview, array.array))
