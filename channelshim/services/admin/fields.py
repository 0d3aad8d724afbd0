"""Properties of entities as fields of a form: a type and a text, and back.

A property whose type nobody knows (see property_types), or whose text would be too
long for a form, is shown and stays as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from google.appengine.datastore import entity_bytes_pb2 as entity_pb2

from channelshim.services.admin import keys
from channelshim.services.admin.property_types import OTHER, TYPES, BadValue, type_of
from channelshim.services.admin.texts import clean, form_text, of_bytes, shorten

LONGEST: Final = 100_000
"""Characters of a value that a form lets edit; App Engine's own bound is 1 MiB."""

_Meaning: Final = entity_pb2.Property
_COMPRESSED: Final = "ZLIB"


@dataclass(frozen=True, slots=True)
class Field:
    """A value of a property, as a form shows it.

    Attributes:
        name: of the property.
        type: one of TYPES, or OTHER.
        text: what can be edited; "" where nothing can.
        shown: a short text for people.
        is_indexed: whether queries find it.
        is_multiple: whether it is one of a list.
        is_editable: whether `text` is the whole value.
        is_nested: whether it is an entity with fields of its own.
        size: bytes of the value.
        key: a key that it holds, URL-safe; "".
    """

    name: str
    type: str
    text: str
    shown: str
    is_indexed: bool
    is_multiple: bool
    is_editable: bool = True
    is_nested: bool = False
    size: int = 0
    key: str = ""


def field_of(prop: Any, *, is_indexed: bool) -> Field:
    """Return a property of an entity as a field; whatever it is.

    Args:
        prop: an entity_pb2.Property.
        is_indexed: whether it is one of `property`, not of `raw_property`.
    """
    name = clean(_as_text(prop.name))
    kind, text = type_of(prop), ""
    is_editable = False
    if kind != OTHER:
        try:
            text = form_text(TYPES[kind].read(prop.value))
            is_editable = len(text) <= LONGEST
        except (ValueError, OverflowError):
            # Text that is not UTF-8, a moment beyond the year 9999.
            kind = OTHER
    return Field(
        name=name,
        type=kind,
        text=text if is_editable else "",
        shown=_shown(prop, kind, text),
        is_indexed=is_indexed,
        is_multiple=prop.multiple,
        is_editable=is_editable,
        is_nested=nested_in(prop) is not None,
        size=len(prop.value.SerializePartialToString()),
        key=text if kind == "key" else "",
    )


def property_of(
    name: str, kind: str, text: str, *, is_multiple: bool
) -> tuple[Any, bool]:
    """Return a new entity_pb2.Property, and whether its type can be indexed.

    Args:
        name: of the property.
        kind: one of TYPES.
        text: of a form.
        is_multiple: whether it is one of a list.

    Raises:
        BadValue: the text is no such value.
    """
    chosen = TYPES.get(kind)
    if chosen is None:
        raise BadValue(f"{kind[:40]!r} is no type; the types are {', '.join(TYPES)}")
    prop = entity_pb2.Property()
    try:
        prop.name = name
    except UnicodeError:
        raise BadValue("a name is any text that UTF-8 can spell") from None
    prop.multiple = is_multiple
    # A value there must be, were it None.
    prop.value.SetInParent()
    if chosen.meaning is not None:
        prop.meaning = chosen.meaning
    chosen.write(prop.value, text)
    return prop, not chosen.is_raw


def nested_in(prop: Any) -> Any:
    """Return the entity_pb2.EntityProto that a property holds, or None."""
    value = prop.value
    if not value.HasField("stringValue") or prop.meaning_uri in (
        _COMPRESSED,
        _COMPRESSED.encode(),
    ):
        return None
    if prop.meaning not in (_Meaning.ENTITY_PROTO, _Meaning.BLOB):
        return None
    entity = entity_pb2.EntityProto()
    try:
        entity.ParseFromString(value.stringValue)
    except Exception:
        # protobuf has several errors for bytes that are none of its own.
        return None
    has_fields = entity.property or entity.raw_property
    if prop.meaning == _Meaning.BLOB and not (
        has_fields and entity.SerializePartialToString() == value.stringValue
    ):
        # Any bytes: an image now and then reads as a message.
        return None
    return entity


def _shown(prop: Any, kind: str, text: str) -> str:
    value = prop.value
    if kind in ("bytes", "blob", "entity", OTHER) and value.HasField("stringValue"):
        nested = nested_in(prop)
        if nested is not None:
            return describe_entity(nested)
        return of_bytes(bytes(value.stringValue))
    if kind == "key":
        return shorten(keys.path_text(keys.of_value(value.referencevalue)))
    if kind == "null":
        return "None"
    if kind == "emptylist":
        return "[]"
    if kind == OTHER:
        return shorten(" ".join(clean(_spelled(value)).split()))
    if kind == "float" and not math.isfinite(value.doubleValue):
        return repr(value.doubleValue)
    return shorten(text)


def _spelled(message: Any) -> str:
    try:
        return str(message)
    except Exception as error:
        # Texts in it need not be UTF-8; protobuf has several errors for that.
        return f"({type(error).__name__})"


def describe_entity(entity: Any) -> str:
    """Return a line about an entity within a property: its names and values."""
    parts = []
    for is_indexed, prop in properties_of(entity)[:8]:
        kind = type_of(prop)
        shown = "\N{HORIZONTAL ELLIPSIS}"
        # Nor one in a blob: a visitor's upload may nest them without end.
        if kind in TYPES and kind != "entity" and nested_in(prop) is None:
            shown = field_of(prop, is_indexed=is_indexed).shown
        parts.append(f"{clean(_as_text(prop.name))}={shorten(shown, 30)}")
    return shorten(f"{{{', '.join(parts)}}}")


def properties_of(entity: Any) -> list[tuple[bool, Any]]:
    """Return the properties of an EntityProto, each with whether it is indexed.

    The values of a list stand together, and all in the order of names.
    """
    every = [(True, each) for each in entity.property]
    every += [(False, each) for each in entity.raw_property]
    return sorted(every, key=lambda pair: _as_text(pair[1].name))


def _as_text(name: str | bytes) -> str:
    """Return a name; protobuf hands one that is not UTF-8 over as bytes."""
    return name if isinstance(name, str) else name.decode("utf-8", "backslashreplace")
