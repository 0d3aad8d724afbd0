"""The types of a property's value: what each is called, and how it is read and written.

Each type is one row of a table: when a property is of it, its text, and how a text
becomes a value.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Final

from google.appengine.datastore import entity_bytes_pb2 as entity_pb2

from channelshim import limits
from channelshim.services.admin import keys

OTHER: Final = "other"
"""The type of a property that stays as it is."""

_Meaning: Final = entity_pb2.Property
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FRACTION: Final = re.compile(r"\.(\d{1,6})", re.ASCII)
_HIGHEST_RATING: Final = 100
_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1


class BadValue(ValueError):
    """A text is no value of its type; the sentence says what would be."""


@dataclass(frozen=True, slots=True)
class ValueType:
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


def _textual(label: str, meaning: int | None, *, is_raw: bool = False) -> ValueType:
    return ValueType(label, meaning, _read_text, _write_text, is_raw)


TYPES: Final[dict[str, ValueType]] = {
    "string": _textual("String", None),
    "text": _textual("Text", _Meaning.TEXT, is_raw=True),
    "integer": ValueType("Integer", None, _read_integer, _write_integer),
    "float": ValueType("Float", None, _read_float, _write_float),
    "boolean": ValueType("Boolean", None, _read_boolean, _write_boolean),
    "datetime": ValueType("Date/Time", _Meaning.GD_WHEN, _read_moment, _write_moment),
    "key": ValueType("Key", None, _read_key, _write_key),
    "user": ValueType("User", None, _read_user, _write_user),
    "geopoint": ValueType("GeoPt", _Meaning.GEORSS_POINT, _read_point, _write_point),
    "bytes": ValueType("ByteString", _Meaning.BYTESTRING, _read_bytes, _write_bytes),
    "blob": ValueType("Blob", _Meaning.BLOB, _read_bytes, _write_bytes, is_raw=True),
    "blobkey": _textual("BlobKey", _Meaning.BLOBKEY),
    "null": ValueType("None", None, _read_nothing, _write_nothing),
    "emptylist": ValueType(
        "Empty list", _Meaning.EMPTY_LIST, _read_nothing, _write_nothing
    ),
    "email": _textual("Email", _Meaning.GD_EMAIL),
    "link": _textual("Link", _Meaning.ATOM_LINK),
    "category": _textual("Category", _Meaning.ATOM_CATEGORY),
    "phone": _textual("PhoneNumber", _Meaning.GD_PHONENUMBER),
    "address": _textual("PostalAddress", _Meaning.GD_POSTALADDRESS),
    "im": _textual("IM", _Meaning.GD_IM),
    "rating": ValueType("Rating", _Meaning.GD_RATING, _read_integer, _write_rating),
    "entity": ValueType(
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
