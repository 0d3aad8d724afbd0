"""json and simplejson: strings of both kinds as keys and values."""

from __future__ import annotations

import collections
import json
import json.decoder
import json.encoder
from types import ModuleType
from typing import Any

from channelshim.python27.helpers import order
from channelshim.python27.strings import STRINGS, decode, to_text

__all__ = [
    *("dump", "dumps", "load", "loads", "JSONEncoder", "JSONDecoder"),
    *("JSONDecodeError", "OrderedDict", "encoder", "decoder", "JSONEncoderForHTML"),
]

JSONDecodeError = json.JSONDecodeError
OrderedDict = collections.OrderedDict


class JSONEncoder(json.JSONEncoder):
    """Writes values as JSON."""

    def __init__(
        self,
        skipkeys: Any = False,
        ensure_ascii: Any = True,
        check_circular: Any = True,
        allow_nan: Any = True,
        sort_keys: Any = False,
        indent: Any = None,
        separators: Any = None,
        encoding: Any = "utf-8",
        default: Any = None,
        **others: Any,
    ) -> None:
        if isinstance(indent, STRINGS):
            # Only simplejson had this: text to indent by.
            indent = to_text(indent)
        super().__init__(
            skipkeys=bool(skipkeys),
            ensure_ascii=bool(ensure_ascii),
            check_circular=bool(check_circular),
            allow_nan=bool(allow_nan),
            sort_keys=bool(sort_keys),
            indent=indent,
            separators=tuple(map(to_text, separators or (", ", ": "))),  # type: ignore[arg-type]
            default=default,
        )
        self.encoding = encoding

    def encode(self, o: Any) -> str:
        """Return a value as JSON."""
        return "".join(self.iterencode(o, True))

    def iterencode(self, o: Any, _one_shot: Any = False) -> Any:
        """Yield the pieces of a value as JSON."""
        inner = _Inner(self)
        try:
            return iter([inner.encode(o)])
        except TypeError as error:
            text = str(error)
            if "keys must be" not in text and "not supported between" not in text:
                raise
        converted = _with_text_keys(o, self)
        # The order is that of the keys before they became text.
        inner.sort_keys = False
        return iter([inner.encode(converted)])


class _Inner(json.JSONEncoder):
    """The encoder of Python 3 behind one of ours, whose `default` an app overrides."""

    def __init__(self, outer: JSONEncoder) -> None:
        super().__init__(
            skipkeys=outer.skipkeys,
            ensure_ascii=outer.ensure_ascii,
            check_circular=outer.check_circular,
            allow_nan=outer.allow_nan,
            sort_keys=outer.sort_keys,
            indent=outer.indent,
            separators=(outer.item_separator, outer.key_separator),
        )
        self._outer = outer

    def default(self, o: Any) -> Any:
        if isinstance(o, bytes):
            return _text(o, self._outer.encoding)
        return self._outer.default(o)


def _text(value: bytes, encoding: Any) -> str:
    raw = bytes(value)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        if encoding in ("utf-8", "utf8", None):
            raise
        return str(decode(raw, encoding))


def _with_text_keys(value: Any, encoder: JSONEncoder) -> Any:
    """Return a value whose dicts have keys that json writes and sorts."""
    if isinstance(value, dict):
        items = list(value.items())
        if encoder.sort_keys:
            items = order.sorted27(items, key=lambda item: item[0])
        changed = {}
        for key, item in items:
            if isinstance(key, bytes):
                key = _text(key, encoder.encoding)
            elif encoder.sort_keys and not isinstance(key, str):
                if not isinstance(key, (int, float, type(None))):
                    if encoder.skipkeys:
                        continue
                    raise TypeError(f"keys must be a string: {key!r}")
                key = json.dumps(key)
            changed[key] = _with_text_keys(item, encoder)
        return changed
    if isinstance(value, (list, tuple)):
        return [_with_text_keys(item, encoder) for item in value]
    return value


class JSONEncoderForHTML(JSONEncoder):
    """Writes JSON that may stand inside a page's script."""

    def iterencode(self, o: Any, _one_shot: Any = False) -> Any:
        """Yield the pieces of a value as JSON."""
        for chunk in super().iterencode(o, _one_shot):
            yield (
                chunk.replace("&", "\\u0026")
                .replace("<", "\\u003c")
                .replace(">", "\\u003e")
            )


class JSONDecoder(json.JSONDecoder):
    """Reads JSON."""

    def __init__(self, encoding: Any = None, **named: Any) -> None:
        named.pop("use_decimal", None)
        super().__init__(**named)
        self.encoding = encoding

    def decode(self, s: Any, *where: Any) -> Any:
        """Return the value that JSON writes."""
        return super().decode(_source(s, self.encoding), *where)

    def raw_decode(self, s: Any, idx: int = 0) -> Any:
        """Return the value at the beginning, and where it ends."""
        return super().raw_decode(_source(s, self.encoding), idx)


def _source(s: Any, encoding: Any) -> str:
    if isinstance(s, str):
        return s.removeprefix("\ufeff")
    if not isinstance(s, (bytes, bytearray)):
        raise TypeError("expected string or buffer")
    raw = bytes(s).removeprefix(b"\xef\xbb\xbf")
    return str(decode(raw, encoding or "utf-8"))


def dumps(
    obj: Any,
    skipkeys: Any = False,
    ensure_ascii: Any = True,
    check_circular: Any = True,
    allow_nan: Any = True,
    cls: Any = None,
    indent: Any = None,
    separators: Any = None,
    encoding: Any = "utf-8",
    default: Any = None,
    sort_keys: Any = False,
    **named: Any,
) -> Any:
    """Return a value as JSON."""
    if named.pop("use_decimal", False) and default is None:
        default = _decimal
    return (cls or JSONEncoder)(
        skipkeys=skipkeys,
        ensure_ascii=ensure_ascii,
        check_circular=check_circular,
        allow_nan=allow_nan,
        indent=indent,
        separators=separators,
        encoding=encoding,
        default=default,
        sort_keys=sort_keys,
        **named,
    ).encode(obj)


def _decimal(value: Any) -> Any:
    import decimal

    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"{value!r} is not JSON serializable")


def dump(obj: Any, fp: Any, *args: Any, **named: Any) -> None:
    """Write a value as JSON into a file."""
    fp.write(dumps(obj, *args, **named))


def loads(s: Any, encoding: Any = None, cls: Any = None, **named: Any) -> Any:
    """Return the value that JSON writes."""
    if named.pop("use_decimal", False):
        import decimal

        named.setdefault("parse_float", decimal.Decimal)
    named = {key: value for key, value in named.items() if value is not None}
    return (cls or JSONDecoder)(encoding=encoding, **named).decode(s)


def load(fp: Any, encoding: Any = None, cls: Any = None, **named: Any) -> Any:
    """Return the value that a file writes as JSON."""
    return loads(fp.read(), encoding, cls, **named)


def _part(name: str, real: ModuleType, **ours: Any) -> ModuleType:
    part = ModuleType(name)
    part.__dict__.update(
        {key: value for key, value in vars(real).items() if not key.startswith("__")}
    )
    part.__dict__.update(ours)
    return part


encoder: ModuleType = _part(
    "json.encoder",
    json.encoder,
    JSONEncoder=JSONEncoder,
    JSONEncoderForHTML=JSONEncoderForHTML,
    FLOAT_REPR=repr,
)
decoder: ModuleType = _part(
    "json.decoder",
    json.decoder,
    JSONDecoder=JSONDecoder,
    JSONDecodeError=JSONDecodeError,
)
