"""Text and bytes in the models of ndb and the values of the datastore.

Each function takes the freshly imported module.
"""

from __future__ import annotations

import functools
from typing import Any

from channelshim.compat.legacy_str import (
    LegacyStr,
    as_bytes,
    as_text,
    behave_as_legacy_str,
    kinds,
    legacy_name,
    legacy_str,
)


def patch_datastore_types(types: Any) -> None:
    """Take a LegacyStr for a property's value, for a key's name and for Text."""

    def pack(name: str, value: LegacyStr, pbvalue: Any) -> None:
        types.PackString(name, str(value), pbvalue)

    for kind in kinds():
        types._VALIDATE_PROPERTY_VALUES[kind] = types.ValidatePropertyNothing
        types._PACK_PROPERTY_VALUES[kind] = pack
    plain_from_path = types.Key.from_path

    @functools.wraps(plain_from_path)
    def from_path(*args: Any, **kwds: Any) -> Any:
        return plain_from_path(*map(as_text, args), **kwds)

    types.Key.from_path = staticmethod(from_path)
    plain_init = types.Key.__init__

    @functools.wraps(plain_init)
    def init(self: Any, encoded: Any = None) -> None:
        if isinstance(encoded, (str, bytes)):
            # Errors quote it.
            encoded = legacy_str(as_bytes(encoded))
        plain_init(self, encoded)

    types.Key.__init__ = init
    plain_new = types.Text.__new__

    @functools.wraps(plain_new)
    def new(cls: Any, arg: Any = None, encoding: str | None = None) -> Any:
        if encoding is None:
            arg = as_text(arg)
        return plain_new(cls, arg, encoding)

    types.Text.__new__ = new
    _mend_blobs(types._BaseByteType)


def _mend_blobs(kind: Any) -> None:
    """Have Blob and ByteString be 2.7's str, as they were, and be made of text."""
    plain_new = kind.__new__

    @functools.wraps(plain_new)
    def new(cls: Any, arg: Any = None) -> Any:
        return plain_new(cls, as_bytes(arg))

    kind.__new__ = staticmethod(new)
    behave_as_legacy_str(kind)


def patch_ndb_model(model: Any) -> None:
    """Have a BlobProperty take text and give it; have names of properties be text."""
    blob, generic = model.BlobProperty, model.GenericProperty
    plain_validate = blob._validate
    with_values_of_their_own = (
        model.TextProperty,
        model.JsonProperty,
        model.PickleProperty,
        model.LocalStructuredProperty,
    )

    @functools.wraps(plain_validate)
    def _validate(self: Any, value: Any) -> Any:
        raw = as_bytes(value)
        plain_validate(self, raw)
        return legacy_str(raw) if type(raw) is bytes else None

    blob._validate = _validate
    for kind, others in ((blob, with_values_of_their_own), (generic, ())):
        kind._from_base_type = _reading_legacy_str(kind._from_base_type, others)
    _name_properties(model.Property)


def _reading_legacy_str(plain: Any, others: tuple[Any, ...]) -> Any:
    @functools.wraps(plain)
    def _from_base_type(self: Any, value: Any) -> Any:
        changed = plain(self, value)
        if isinstance(self, others):
            return changed
        read = value if changed is None else changed
        return legacy_str(read) if type(read) is bytes else changed

    return _from_base_type


def _name_properties(kind: Any) -> None:
    """Have `Model.name._name` format, compare and join as text; so do errors then."""
    plain_init, plain_fix_up = kind.__init__, kind._fix_up

    @functools.wraps(plain_init)
    def init(self: Any, *args: Any, **named: Any) -> None:
        plain_init(self, *args, **named)
        _rename(self)

    @functools.wraps(plain_fix_up)
    def fix_up(self: Any, cls: Any, code_name: Any) -> None:
        plain_fix_up(self, cls, code_name)
        _rename(self)

    kind.__init__, kind._fix_up = init, fix_up


def _rename(prop: Any) -> None:
    if type(prop._name) is bytes:
        prop._name = legacy_name(prop._name)
