"""Keys of entities as text: URL-safe as db and ndb write them, and as paths."""

from __future__ import annotations

import ast
import base64
import os
from typing import Any, Final

from google.appengine.datastore import entity_bytes_pb2 as entity_pb2

from channelshim.services.admin.texts import clean

LONGEST: Final = 4096
"""Characters of a key that are read."""


class BadKey(ValueError):
    """A text is no key; the sentence says what would be."""


def own_app() -> str:
    """Return the application id that this app's keys have, partition included."""
    from google.appengine.api import datastore_types

    app: str = datastore_types.ResolveAppId(os.environ.get("APPLICATION_ID"))
    return app


def encode(reference: Any) -> str:
    """Return a Reference as urlsafe() does."""
    data = reference.SerializePartialToString()
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def decode(text: str, namespace: str = "") -> Any:
    """Return the Reference of a key's text.

    Args:
        text: as urlsafe() or str(key) wrote it, or a path: `Kind, 1, Kind, "name"`,
            also within Key(...).
        namespace: of a path.

    Raises:
        BadKey: it is neither.
    """
    text = text.strip()
    if len(text) > LONGEST:
        raise BadKey(f"a key has {LONGEST} characters at most")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise BadKey("a key is any text that UTF-8 can spell") from None
    if any(mark in text for mark in ",('\""):
        return _read_path(text, namespace)
    reference = entity_pb2.Reference()
    try:
        data = base64.b64decode(
            text + "=" * (-len(text) % 4), altchars=b"-_", validate=True
        )
        reference.ParseFromString(data)
    except Exception as error:
        # protobuf has several errors of its own.
        raise BadKey(
            "a key is written as urlsafe() writes it, or as a path like "
            'Account, 1, Chat, "name"'
        ) from error
    if not reference.path.element:
        raise BadKey("this text holds no key")
    return reference


def _read_path(text: str, namespace: str) -> Any:
    inner = text
    if "(" in text:
        inner = text.partition("(")[2].rpartition(")")[0]
    parts = [_read_part(part) for part in _split(inner)]
    if len(parts) < 2 or len(parts) % 2:
        raise BadKey("a path has a kind and an id or name, again and again")
    reference = entity_pb2.Reference()
    reference.app = own_app()
    if namespace:
        reference.name_space = namespace
    for kind, identifier in zip(parts[::2], parts[1::2], strict=True):
        if not isinstance(kind, str) or not kind:
            raise BadKey("a kind is a text")
        element = reference.path.element.add()
        element.type = kind
        if isinstance(identifier, int):
            if not 0 < identifier < 1 << 63:
                raise BadKey("an id is a number from 1 on, of 63 bits")
            element.id = identifier
        else:
            element.name = identifier
    return reference


def _split(text: str) -> list[str]:
    """Return what stands between the commas that no quotes hold."""
    parts, quote, start = [], "", 0
    for position, char in enumerate(text):
        if quote:
            is_escaped = text[position - 1] == "\\"
            quote = "" if char == quote and not is_escaped else quote
        elif char in "'\"":
            quote = char
        elif char == ",":
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def _read_part(text: str) -> int | str:
    text = text.strip()
    if text[:1] in ("'", '"') or text[:2] in ("u'", 'u"'):
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError):
            value = None
        if not isinstance(value, str):
            raise BadKey("a name in quotes is not closed")
        return value
    if text.isdecimal() and len(text) <= 20:
        return int(text)
    return text


def of_value(value: Any) -> Any:
    """Return the Reference of a PropertyValue's referencevalue."""
    reference = entity_pb2.Reference()
    reference.app = value.app
    if value.name_space:
        reference.name_space = value.name_space
    for each in value.pathelement:
        _copy_element(each, reference.path.element.add())
    return reference


def fill_value(value: Any, reference: Any) -> None:
    """Set a PropertyValue's referencevalue to a Reference."""
    value.app = reference.app
    if reference.name_space:
        value.name_space = reference.name_space
    for each in reference.path.element:
        _copy_element(each, value.pathelement.add())


def _copy_element(one: Any, other: Any) -> None:
    other.type = one.type
    if one.HasField("id"):
        other.id = one.id
    if one.HasField("name"):
        other.name = one.name


def path_text(reference: Any) -> str:
    """Return a key's path for people, as `decode` reads it."""
    parts = []
    for element in reference.path.element:
        parts.append(_spell(element.type, in_quotes=False))
        named = element.HasField("name")
        parts.append(_spell(element.name) if named else str(element.id))
    return ", ".join(parts)


def _text(text: str | bytes) -> str:
    """Return a text; protobuf hands one that is not UTF-8 over as bytes."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    return clean(text)


def _spell(text: str | bytes, *, in_quotes: bool = True) -> str:
    if isinstance(text, bytes):
        return repr(text)
    if not in_quotes and text.isidentifier():
        return text
    return clean(repr(text))


def facts_of(reference: Any) -> dict[str, Any]:
    """Return what a key says, for a page: its parts and how code writes it."""
    path = path_text(reference)
    elements = reference.path.element
    last = elements[-1]
    parent = entity_pb2.Reference()
    parent.CopyFrom(reference)
    del parent.path.element[-1]
    return {
        "urlsafe": encode(reference),
        "app": _text(reference.app),
        "namespace": _text(reference.name_space),
        "kind": _text(last.type),
        "id": last.id if last.HasField("id") else None,
        "name": _text(last.name) if last.HasField("name") else None,
        "path": path,
        "ndb": f"ndb.Key({_quoted(reference)})",
        "db": f"db.Key.from_path({_quoted(reference)})",
        "parent": encode(parent) if len(elements) > 1 else "",
    }


def _quoted(reference: Any) -> str:
    parts = []
    for element in reference.path.element:
        parts.append(_spell(element.type))
        named = element.HasField("name")
        parts.append(_spell(element.name) if named else str(element.id))
    if reference.name_space:
        parts.append(f"namespace={_spell(reference.name_space)}")
    return ", ".join(parts)
