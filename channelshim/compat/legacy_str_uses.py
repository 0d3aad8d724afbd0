"""Where a LegacyStr is taken for text, or handed out: json and Google's SDK.

The SDK for Python 3 tells text from bytes by type at each of these places; that of
Python 2.7 took either. Each function takes the freshly imported module.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from channelshim.compat.legacy_str import LegacyStr, as_text, legacy_str

_MEMCACHE_FLAG: Final = 1 << 4
"""Marks a LegacyStr in memcache, above the bits that Google's client uses."""


def patch_json(encoder: Any) -> None:
    """Write a LegacyStr as its text."""
    plain_default = encoder.JSONEncoder.default

    @functools.wraps(plain_default)
    def default(self: Any, o: Any) -> Any:
        return str(o) if isinstance(o, LegacyStr) else plain_default(self, o)

    encoder.JSONEncoder.default = default


def patch_urllib(parse: Any) -> None:
    """Read the query that a body is into text, as urlparse.parse_qs did."""
    for name in ("parse_qs", "parse_qsl"):
        setattr(parse, name, _first_as_text(getattr(parse, name)))


def patch_memcache(memcache: Any) -> None:
    """Give back what was put in, not bare bytes."""
    plain_encode = memcache._validate_encode_value
    plain_decode = memcache._decode_value

    def encode(value: Any, do_pickle: Any) -> tuple[bytes, int]:
        stored, flags = plain_encode(value, do_pickle)
        if isinstance(value, LegacyStr):
            return bytes(stored), flags | _MEMCACHE_FLAG
        return stored, flags

    def decode(stored_value: bytes, flags: int, do_unpickle: Any) -> Any:
        value = plain_decode(stored_value, flags, do_unpickle)
        return legacy_str(value) if flags & _MEMCACHE_FLAG else value

    memcache._validate_encode_value = encode
    memcache._decode_value = decode


def patch_urlfetch(urlfetch: Any) -> None:
    """Let the content of an answer format as text."""
    plain_init = urlfetch._URLFetchResult.__init__

    @functools.wraps(plain_init)
    def init(self: Any, response_proto: Any) -> None:
        plain_init(self, response_proto)
        self.content = legacy_str(self.content)

    urlfetch._URLFetchResult.__init__ = init


def patch_datastore_types(types: Any) -> None:
    """Take a LegacyStr for a property's value, for a key's name and for Text."""

    def pack(name: str, value: LegacyStr, pbvalue: Any) -> None:
        types.PackString(name, str(value), pbvalue)

    types._VALIDATE_PROPERTY_VALUES[LegacyStr] = types.ValidatePropertyNothing
    types._PACK_PROPERTY_VALUES[LegacyStr] = pack
    plain_from_path = types.Key.from_path

    @functools.wraps(plain_from_path)
    def from_path(*args: Any, **kwds: Any) -> Any:
        return plain_from_path(*map(as_text, args), **kwds)

    types.Key.from_path = staticmethod(from_path)
    plain_new = types.Text.__new__

    @functools.wraps(plain_new)
    def new(cls: Any, arg: Any = None, encoding: str | None = None) -> Any:
        if encoding is None:
            arg = as_text(arg)
        return plain_new(cls, arg, encoding)

    types.Text.__new__ = new


def patch_datastore(datastore: Any) -> None:
    """Take a LegacyStr for one name, not for a sequence of numbers."""
    plain = datastore.NormalizeAndTypeCheck
    datastore.NormalizeAndTypeCheck = _first_as_text(plain)


def patch_db(db: Any) -> None:
    """Take a LegacyStr for text in the old models."""
    db._ALLOWED_PROPERTY_TYPES.add(LegacyStr)
    db._ALLOWED_EXPANDO_PROPERTY_TYPES.add(LegacyStr)
    plain_init = db.Model.__init__

    @functools.wraps(plain_init)
    def init(
        self: Any, parent: Any = None, key_name: Any = None, *args: Any, **kwds: Any
    ) -> None:
        plain_init(self, parent, as_text(key_name), *args, **kwds)

    db.Model.__init__ = init
    plain_validate = db.StringProperty.validate

    @functools.wraps(plain_validate)
    def validate(self: Any, value: Any) -> Any:
        return plain_validate(self, as_text(value))

    db.StringProperty.validate = validate
    plain_contents = db.ListProperty.validate_list_contents

    @functools.wraps(plain_contents)
    def validate_list_contents(self: Any, value: Any) -> Any:
        if self.item_type is not bytes:
            value = list(map(as_text, value))
        return plain_contents(self, value)

    db.ListProperty.validate_list_contents = validate_list_contents


def patch_ndb_key(key: Any) -> None:
    """Take a LegacyStr for an id, and let urlsafe() format as text."""
    plain_parse = key.Key._parse_from_args

    def parse(pairs: Any = None, flat: Any = None, *args: Any, **kwds: Any) -> Any:
        if flat:
            flat = [as_text(part) for part in flat]
        elif pairs is not None:
            pairs = [(as_text(kind), as_text(name)) for kind, name in pairs]
        return plain_parse(pairs, flat, *args, **kwds)

    key.Key._parse_from_args = staticmethod(parse)
    plain_urlsafe = key.Key.urlsafe

    @functools.wraps(plain_urlsafe)
    def urlsafe(self: Any) -> LegacyStr:
        return legacy_str(plain_urlsafe(self))

    key.Key.urlsafe = urlsafe


def _first_as_text(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that takes its first argument's text."""

    @functools.wraps(function)
    def wrapper(first: Any, *args: Any, **kwds: Any) -> Any:
        return function(as_text(first), *args, **kwds)

    return wrapper
