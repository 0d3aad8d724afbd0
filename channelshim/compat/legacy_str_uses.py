"""Where a LegacyStr is taken for text, or handed out: json and Google's SDK.

The SDK for Python 3 tells text from bytes by type at each of these places; that of
Python 2.7 took either. Each function takes the freshly imported module.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from channelshim.compat.legacy_str import (
    LegacyStr,
    as_text,
    in_legacy_str,
    is_legacy_str,
    kinds,
    legacy_str,
)

_MEMCACHE_FLAG: Final = 1 << 4
"""Marks a LegacyStr in memcache, above the bits that Google's client uses."""


def patch_json(encoder: Any) -> None:
    """Write a LegacyStr as its text."""
    plain_default = encoder.JSONEncoder.default

    @functools.wraps(plain_default)
    def default(self: Any, o: Any) -> Any:
        return str(o) if is_legacy_str(o) else plain_default(self, o)

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


def patch_datastore(datastore: Any) -> None:
    """Take a LegacyStr for one name, not for a sequence of numbers."""
    plain = datastore.NormalizeAndTypeCheck
    datastore.NormalizeAndTypeCheck = _first_as_text(plain)


def patch_db(db: Any) -> None:
    """Take a LegacyStr for text in the old models."""
    db._ALLOWED_PROPERTY_TYPES.update(kinds())
    db._ALLOWED_EXPANDO_PROPERTY_TYPES.update(kinds())
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
    """Take a LegacyStr for an id."""
    plain_parse = key.Key._parse_from_args

    def parse(pairs: Any = None, flat: Any = None, *args: Any, **kwds: Any) -> Any:
        if flat:
            flat = [as_text(part) for part in flat]
        elif pairs is not None:
            pairs = [(as_text(kind), as_text(name)) for kind, name in pairs]
        return plain_parse(pairs, flat, *args, **kwds)

    key.Key._parse_from_args = staticmethod(parse)


_BYTE_SERVICES: Final = frozenset({"app_identity_service", "blobstore", "images"})
"""Services whose answers are blobs, pictures and signatures."""


def patch_calls(apiproxy_stub_map: Any) -> None:
    """Let blobs, pictures and signatures be text, however their call was made."""
    kind = apiproxy_stub_map.UserRPC
    plain = kind.get_result

    @functools.wraps(plain)
    def get_result(self: Any) -> Any:
        result = plain(self)
        return in_legacy_str(result) if self.service in _BYTE_SERVICES else result

    kind.get_result = get_result


def patch_protobuf(message: Any) -> None:
    """Let the SDK's messages be encoded by the name that its first version had."""

    def encode(self: Any) -> Any:
        return legacy_str(self.SerializeToString())

    message.Message.Encode = encode


def patch_datastore_errors(errors: Any) -> None:
    """Have the sentence about a filter be text."""
    plain_init = errors.BadFilterError.__init__

    @functools.wraps(plain_init)
    def init(self: Any, *args: Any) -> None:
        plain_init(self, *args)
        self.args = tuple(as_text(in_legacy_str(each)) for each in self.args)

    errors.BadFilterError.__init__ = init


def patch_mail(mail: Any) -> None:
    """Let the parts of a mail that arrived, and of one to be sent, be text."""
    for kind in (mail.Attachment, mail.EncodedPayload):
        kind.__init__ = _with_legacy_payload(kind.__init__)


def _with_legacy_payload(plain: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(plain)
    def init(self: Any, *args: Any, **named: Any) -> None:
        plain(self, *args, **named)
        self.payload = in_legacy_str(self.payload)

    return init


def _first_as_text(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that takes its first argument's text."""

    @functools.wraps(function)
    def wrapper(first: Any, *args: Any, **kwds: Any) -> Any:
        return function(as_text(first), *args, **kwds)

    return wrapper
