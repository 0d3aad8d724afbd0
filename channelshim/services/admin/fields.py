"""Properties of entities as fields of a form: a type and a text, and back.

Each type is one row of a table: when a property is of it, its text, and how a text
becomes a value. A property that no row knows, or whose text would be too long for a
form, is shown and stays as it is.
"""

from __future__ import annotations

import base64
import binascii
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Final

from google.appengine.datastore import entity_bytes_pb2 as entity_pb2

from channelshim import limits
from channelshim.services.admin import keys
from channelshim.services.admin.texts import clean, form_text, of_bytes, shorten

LONGEST: Final = 100_000
"""Characters of a value that a form lets edit; App Engine's own bound is 1 MiB."""

OTHER: Final = "other"
"""The type of a property that stays as it is."""

_Meaning: Final = entity_pb2.Property
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_COMPRESSED: Final = "ZLIB"
_FRACTION: Final = re.compile(r"\.(\d{1,6})", re.ASCII)
_HIGHEST_RATING: Final = 100
_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1


class BadValue(ValueError):
    """A text is no value of its type; the sentence says what would be."""


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


@dataclass(frozen=True, slots=True)
class _Type:
    """How values of a type are read and written.

    Attributes:
        label: for people.
        meaning: of the property; None for none.
        read: a PropertyValue's text; raises ValueError for one that has none.
        write: sets a PropertyValue; raises ValueError with a sentence.
        is_raw: whether it is never indexed.
    """

    label: str
    meaning: int | None
    read: Callable[[Any], str]
    write: Callable[[Any, str], None]
    is_raw: bool = False


def _read_text(value: Any) -> str:
    text: str = bytes(value.stringValue).decode("utf-8")
    return text


def _write_text(value: Any, text: str) -> None:
    value.stringValue = text.encode("utf-8", "replace")


def _read_bytes(value: Any) -> str:
    return base64.b64encode(value.stringValue).decode("ascii")


def _write_bytes(value: Any, text: str) -> None:
    try:
        value.stringValue = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadValue("bytes are written in base64") from None


def _read_integer(value: Any) -> str:
    return str(value.int64Value)


def _write_integer(value: Any, text: str) -> None:
    number = _integer(text)
    if not _LOWEST <= number <= _HIGHEST:
        raise BadValue("an integer has 64 bits at most")
    value.int64Value = number


def _write_rating(value: Any, text: str) -> None:
    number = _integer(text)
    if not 0 <= number <= _HIGHEST_RATING:
        raise BadValue(f"a rating is from 0 to {_HIGHEST_RATING}")
    value.int64Value = number


def _integer(text: str) -> int:
    text = text.strip()
    try:
        # Longer ones cost time, and are out of any bounds.
        return int(text) if len(text) <= 40 else 1 << 64
    except ValueError:
        raise BadValue("an integer is written in digits") from None


def _read_float(value: Any) -> str:
    return repr(value.doubleValue)


def _write_float(value: Any, text: str) -> None:
    try:
        value.doubleValue = float(text)
    except ValueError:
        raise BadValue('a float is written like "1.5", "1e9", "inf" or "nan"') from None


def _read_boolean(value: Any) -> str:
    return "true" if value.booleanValue else "false"


def _write_boolean(value: Any, text: str) -> None:
    words = {"true": True, "false": False, "1": True, "0": False}
    try:
        value.booleanValue = words[text.strip().lower()]
    except KeyError:
        raise BadValue('a boolean is "true" or "false"') from None


def _read_moment(value: Any) -> str:
    try:
        moment = _EPOCH + timedelta(microseconds=value.int64Value)
    except OverflowError:
        raise ValueError("out of range") from None
    return moment.replace(tzinfo=None).isoformat(" ")


def _write_moment(value: Any, text: str) -> None:
    moment = _moment(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    value.int64Value = (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(text: str) -> datetime:
    """Return what a date, a time or both say; a time alone is on 1970-01-01."""
    # Python 3.10 takes fractions of three or six digits alone, and no Z.
    text = _FRACTION.sub(lambda match: f".{match[1]:0<6}", text)
    if text.endswith(("Z", "z")):
        text = f"{text[:-1]}+00:00"
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        return datetime.combine(date(1970, 1, 1), time.fromisoformat(text))
    except ValueError:
        raise BadValue(
            'a date is written "2012-01-31", with a time "2012-01-31 23:59:59.5", a '
            'time alone "23:59:59.5", in UTC'
        ) from None


def _read_point(value: Any) -> str:
    return f"{value.pointvalue.x!r}, {value.pointvalue.y!r}"


def _write_point(value: Any, text: str) -> None:
    parts = text.split(",")
    try:
        latitude, longitude = (float(part) for part in parts)
    except ValueError:
        raise BadValue('a point is written "LATITUDE, LONGITUDE"') from None
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise BadValue("a latitude is within 90, a longitude within 180 degrees")
    value.pointvalue.x, value.pointvalue.y = latitude, longitude


def _read_user(value: Any) -> str:
    email: str = value.uservalue.email
    return email


def _write_user(value: Any, text: str) -> None:
    email = text.strip().encode("utf-8", "replace").decode("utf-8")
    if "@" not in email:
        raise BadValue("a user is written as an email")
    value.uservalue.email = email
    value.uservalue.auth_domain = os.environ.get("AUTH_DOMAIN", limits.AUTH_DOMAIN)
    value.uservalue.gaiaid = 0


def _read_key(value: Any) -> str:
    if not value.referencevalue.pathelement:
        raise ValueError("a key without a path")
    return keys.encode(keys.of_value(value.referencevalue))


def _write_key(value: Any, text: str) -> None:
    try:
        reference = keys.decode(text)
    except keys.BadKey as error:
        raise BadValue(str(error)) from None
    keys.fill_value(value.referencevalue, reference)


def _read_nothing(value: Any) -> str:
    return ""


def _write_nothing(value: Any, text: str) -> None:
    if text.strip():
        raise BadValue("this type has no value: leave the text empty")


def _textual(label: str, meaning: int | None, *, is_raw: bool = False) -> _Type:
    return _Type(label, meaning, _read_text, _write_text, is_raw)


TYPES: Final[dict[str, _Type]] = {
    "string": _textual("String", None),
    "text": _textual("Text", _Meaning.TEXT, is_raw=True),
    "integer": _Type("Integer", None, _read_integer, _write_integer),
    "float": _Type("Float", None, _read_float, _write_float),
    "boolean": _Type("Boolean", None, _read_boolean, _write_boolean),
    "datetime": _Type("Date/Time", _Meaning.GD_WHEN, _read_moment, _write_moment),
    "key": _Type("Key", None, _read_key, _write_key),
    "user": _Type("User", None, _read_user, _write_user),
    "geopoint": _Type("GeoPt", _Meaning.GEORSS_POINT, _read_point, _write_point),
    "bytes": _Type("ByteString", _Meaning.BYTESTRING, _read_bytes, _write_bytes),
    "blob": _Type("Blob", _Meaning.BLOB, _read_bytes, _write_bytes, is_raw=True),
    "blobkey": _textual("BlobKey", _Meaning.BLOBKEY),
    "null": _Type("None", None, _read_nothing, _write_nothing),
    "emptylist": _Type(
        "Empty list", _Meaning.EMPTY_LIST, _read_nothing, _write_nothing
    ),
    "email": _textual("Email", _Meaning.GD_EMAIL),
    "link": _textual("Link", _Meaning.ATOM_LINK),
    "category": _textual("Category", _Meaning.ATOM_CATEGORY),
    "phone": _textual("PhoneNumber", _Meaning.GD_PHONENUMBER),
    "address": _textual("PostalAddress", _Meaning.GD_POSTALADDRESS),
    "im": _textual("IM", _Meaning.GD_IM),
    "rating": _Type("Rating", _Meaning.GD_RATING, _read_integer, _write_rating),
    "entity": _Type(
        "Entity", _Meaning.ENTITY_PROTO, _read_bytes, _write_bytes, is_raw=True
    ),
}
"""Name of each type, as forms and JSON say it, to what it does."""

LABELS: Final = {name: each.label for name, each in TYPES.items()}
"""Name of each type to what people read."""

_OF_TEXT: Final[dict[int | None, str]] = {
    each.meaning: name for name, each in TYPES.items() if each.read is _read_text
} | {
    _Meaning.BYTESTRING: "bytes",
    _Meaning.BLOB: "blob",
    _Meaning.ENTITY_PROTO: "entity",
}
_OF_INTEGER: Final[dict[int | None, str]] = {
    None: "integer",
    _Meaning.GD_WHEN: "datetime",
    _Meaning.GD_RATING: "rating",
}


def type_of(prop: Any) -> str:
    """Return the type of an entity_pb2.Property; OTHER for one nobody knows."""
    value = prop.value
    meaning = prop.meaning if prop.HasField("meaning") else None
    if meaning in (_Meaning.NO_MEANING, _Meaning.INDEX_VALUE):
        # The second one is a projection's: the type was lost on the way.
        meaning = None
    if value.HasField("stringValue"):
        return _OF_TEXT.get(meaning, OTHER)
    if value.HasField("int64Value"):
        return _OF_INTEGER.get(meaning, OTHER)
    if value.HasField("booleanValue"):
        return "boolean"
    if value.HasField("doubleValue"):
        return "float"
    if value.HasField("pointvalue"):
        return "geopoint"
    if value.HasField("uservalue"):
        return "user"
    if value.HasField("referencevalue"):
        return "key"
    return "emptylist" if meaning == _Meaning.EMPTY_LIST else "null"


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
