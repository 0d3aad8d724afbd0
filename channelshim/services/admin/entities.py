"""Entities to look at, to write and to delete, as forms and scripts ask for them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from google.appengine.api import apiproxy_stub_map
from google.appengine.datastore import datastore_pb
from google.appengine.datastore import entity_bytes_pb2 as entity_pb2
from google.appengine.runtime import apiproxy_errors
from google.protobuf.message import DecodeError, EncodeError

from channelshim.services.admin import fields, keys, property_types
from channelshim.services.admin.fields import Field
from channelshim.services.admin.property_types import BadValue
from channelshim.services.admin.texts import clean, form_text

DELETED_AT_ONCE: Final = 500
"""Keys of one delete, App Engine's own bound for a commit."""

MOST_FIELDS: Final = 1000
"""Fields of an entity that a form shows; the others stay as they are."""

_NAMESPACE: Final = re.compile(r"[\w.-]{0,100}", re.ASCII)
_LONGEST_NAME: Final = 1500
"""SDK, api/namespace_manager and api/datastore_types, _MAX_STRING_LENGTH."""

_DEEPEST: Final = 10
"""Entities within entities."""


class BadEntity(ValueError):
    """The datastore, or we before it, refuse what was asked; the text says why."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity, for a page.

    Attributes:
        key: see keys.facts_of; {} for an entity within another.
        fields: its values, in the order of names.
        hidden: how many further ones there are.
        seen: what `save` compares, so that nobody overwrites what they have not seen.
        size: bytes.
    """

    key: dict[str, Any]
    fields: Sequence[Field]
    hidden: int
    seen: str
    size: int


@dataclass(frozen=True, slots=True)
class NewField:
    """A field as a form sends it.

    Attributes:
        number: its place among the entity's fields; None for a new one.
        name: of the property.
        type: one of property_types.TYPES, or property_types.OTHER for one that stays.
        text: its value.
        is_indexed: whether queries find it.
        is_multiple: whether it is one of a list.
        is_removed: whether it goes.
    """

    number: int | None
    name: str
    type: str
    text: str
    is_indexed: bool = True
    is_multiple: bool = False
    is_removed: bool = False


@contextmanager
def refusals() -> Iterator[None]:
    """Have what the API raises become BadEntity, with the sentence alone."""
    try:
        yield
    except apiproxy_errors.ApplicationError as error:
        raise BadEntity(clean(error.error_detail or str(error))) from error
    except apiproxy_errors.Error as error:
        raise BadEntity(clean(f"{type(error).__name__}: {error}")) from error
    except (DecodeError, EncodeError, UnicodeError) as error:
        raise BadEntity(clean(str(error))) from error


def call(name: str, request: Any, response: Any) -> Any:
    """Call the datastore, past the hooks of the app, and return the response.

    Raises:
        BadEntity: it refuses.
    """
    stub = apiproxy_stub_map.apiproxy.GetStub("datastore_v3")
    with refusals():
        stub.MakeSyncCall("datastore_v3", name, request, response)
    return response


def read(key: str, inside: Sequence[int] = ()) -> Entity | None:
    """Return an entity, or None where there is none.

    Args:
        key: see keys.decode.
        inside: numbers of the fields that lead to an entity within it.

    Raises:
        BadEntity: no key, or no entity there.
    """
    reference = _reference(key)
    whole = _get(reference)
    if whole is None:
        return None
    entity = _within(whole, inside)
    every = fields.properties_of(entity)
    shown = [
        fields.field_of(prop, is_indexed=is_indexed)
        for is_indexed, prop in every[:MOST_FIELDS]
    ]
    return Entity(
        {} if inside else keys.facts_of(reference),
        shown,
        len(every) - len(shown),
        _seen(whole),
        len(entity.SerializePartialToString()),
    )


def save(
    key: str, new_fields: Sequence[NewField], seen: str, inside: Sequence[int] = ()
) -> str:
    """Write an entity that was read and edited; return its key.

    Args:
        key: see keys.decode.
        new_fields: in their order; what they leave out stays only where it was hidden.
        seen: of `read`; "" writes whatever is there.
        inside: see `read`.

    Raises:
        BadEntity: refused; or the entity has changed, or gone, since it was seen.
        BadValue: a text is no value of its type; names the field.
    """
    reference = _reference(key)
    whole = _get(reference)
    if whole is None:
        raise BadEntity("the entity is gone: somebody has deleted it")
    if seen and seen != _seen(whole):
        raise BadEntity("the entity has changed meanwhile: load it again and repeat")
    _put_fields(whole, new_fields, tuple(inside))
    return _put(whole)


def create(
    kind: str,
    new_fields: Sequence[NewField],
    *,
    namespace: str = "",
    parent: str = "",
    identifier: str = "",
    is_name: bool = False,
) -> str:
    """Write a new entity, and return its key.

    Args:
        kind: of the entity.
        new_fields: its fields.
        namespace: of an entity without a parent.
        parent: a key, or "" for none.
        identifier: its id or name; "" takes a new id.
        is_name: whether digits are a name as well.

    Raises:
        BadEntity: refused, or there is one of this key.
        BadValue: as `save`.
    """
    reference = entity_pb2.Reference()
    if parent:
        reference.CopyFrom(_reference(parent, namespace))
    else:
        reference.app = keys.own_app()
        if namespace:
            reference.name_space = namespace
    if not kind:
        raise BadEntity("an entity needs a kind")
    _check_names(kind, namespace, identifier)
    element = reference.path.element.add()
    element.type = kind
    if identifier.isdecimal() and identifier.isascii() and not is_name:
        if not 0 < int(identifier[:20]) < 1 << 63:
            raise BadEntity("an id is a number from 1 on, of 63 bits")
        element.id = int(identifier)
    elif identifier:
        element.name = identifier
    if identifier and _get(reference) is not None:
        raise BadEntity("there is an entity of this key: open it to change it")
    entity = entity_pb2.EntityProto()
    entity.key.CopyFrom(reference)
    entity.entity_group.SetInParent()
    _put_fields(entity, new_fields, ())
    return _put(entity)


def _check_names(kind: str, namespace: str, identifier: str) -> None:
    """Refuse what the datastore would take here and App Engine would not."""
    if not _NAMESPACE.fullmatch(namespace):
        raise BadEntity(
            "a namespace has at most 100 letters, digits, dots, dashes and underscores"
        )
    for text in (kind, identifier):
        if len(text.encode("utf-8", "replace")) > _LONGEST_NAME:
            raise BadEntity(f"a kind and a name have {_LONGEST_NAME} bytes at most")


def delete(all_keys: Sequence[str]) -> int:
    """Delete entities, and return how many keys those were.

    Raises:
        BadEntity: refused, or no key; those before it are gone.
    """
    references = [_reference(key) for key in all_keys]
    for start in range(0, len(references), DELETED_AT_ONCE):
        delete_references(references[start : start + DELETED_AT_ONCE])
    return len(references)


def delete_references(references: Sequence[Any]) -> None:
    """Delete the entities of at most DELETED_AT_ONCE References."""
    request = datastore_pb.DeleteRequest()
    for reference in references:
        request.key.add().CopyFrom(reference)
    call("Delete", request, datastore_pb.DeleteResponse())
    forget_in_memcache(references)


def forget_in_memcache(references: Sequence[Any]) -> None:
    """Take entities out of memcache where ndb keeps copies of them."""
    from google.appengine.api.memcache import memcache_service_pb2 as memcache_pb

    by_namespace: dict[str, list[bytes]] = {}
    for reference in references:
        name = b"NDB9:" + keys.encode(reference).encode("ascii")
        by_namespace.setdefault(reference.name_space, []).append(name)
    stub = apiproxy_stub_map.apiproxy.GetStub("memcache")
    for namespace, names in by_namespace.items():
        request = memcache_pb.MemcacheDeleteRequest()
        request.name_space = namespace
        for name in names:
            request.item.add().key = name
        with refusals():
            stub.MakeSyncCall(
                "memcache", "Delete", request, memcache_pb.MemcacheDeleteResponse()
            )


def _reference(key: str, namespace: str = "") -> Any:
    try:
        return keys.decode(key, namespace)
    except keys.BadKey as error:
        raise BadEntity(str(error)) from error


def _get(reference: Any) -> Any:
    request = datastore_pb.GetRequest()
    request.key.add().CopyFrom(reference)
    response = call("Get", request, datastore_pb.GetResponse())
    found = response.entity[0]
    return found.entity if found.HasField("entity") else None


def _put(entity: Any) -> str:
    request = datastore_pb.PutRequest()
    request.entity.add().CopyFrom(entity)
    response = call("Put", request, datastore_pb.PutResponse())
    reference = response.key[0]
    forget_in_memcache([reference])
    return keys.encode(reference)


def _seen(entity: Any) -> str:
    data = entity.SerializeToString(deterministic=True)
    return hashlib.sha256(data).hexdigest()[:24]


def _within(entity: Any, inside: Sequence[int]) -> Any:
    """Return the entity that numbers of fields lead to."""
    if len(inside) > _DEEPEST:
        raise BadEntity(f"entities are shown {_DEEPEST} deep at most")
    for number in inside:
        entity = fields.nested_in(_property(entity, number))
        if entity is None:
            raise BadEntity("that field holds no entity")
    return entity


def _property(entity: Any, number: int) -> Any:
    every = fields.properties_of(entity)
    if not 0 <= number < len(every):
        raise BadEntity("the entity has no such field any more")
    return every[number][1]


def _put_fields(
    entity: Any, new_fields: Sequence[NewField], inside: tuple[int, ...]
) -> None:
    """Give an entity, or one within it, its new fields."""
    if inside:
        prop = _property(entity, inside[0])
        nested = _within(entity, inside[:1])
        _put_fields(nested, new_fields, inside[1:])
        prop.value.stringValue = nested.SerializePartialToString()
        return
    old = fields.properties_of(entity)
    made = [_made(each, old) for each in new_fields if not each.is_removed]
    made += [(is_indexed, prop) for is_indexed, prop in old[MOST_FIELDS:]]
    counts: dict[str | bytes, int] = {}
    copies = []
    for is_indexed, prop in made:
        copy = entity_pb2.Property()
        copy.CopyFrom(prop)
        counts[copy.name] = counts.get(copy.name, 0) + 1
        copies.append((is_indexed, copy))
    entity.ClearField("property")
    entity.ClearField("raw_property")
    for is_indexed, prop in copies:
        if counts[prop.name] > 1:
            prop.multiple = True
        (entity.property if is_indexed else entity.raw_property).add().CopyFrom(prop)


def _made(new: NewField, old: Sequence[tuple[bool, Any]]) -> tuple[bool, Any]:
    """Return a field's property: the old one where nothing was changed."""
    if new.number is not None:
        if not 0 <= new.number < len(old):
            raise BadEntity("the entity has no such field any more")
        was_indexed, prop = old[new.number]
        was = fields.field_of(prop, is_indexed=was_indexed)
        if not was.is_editable or new.type == property_types.OTHER:
            return was_indexed, prop
        now = replace(
            was,
            name=new.name,
            type=new.type,
            text=form_text(new.text),
            is_indexed=new.is_indexed and new.type not in _NEVER_INDEXED,
            is_multiple=new.is_multiple,
        )
        if now == was:
            # Exactly as it was, whatever a form cannot carry.
            return was_indexed, prop
    if not new.name:
        raise BadValue("a field needs a name")
    text = new.text.replace("\r\n", "\n")
    try:
        prop, may_be_indexed = fields.property_of(
            new.name, new.type, text, is_multiple=new.is_multiple
        )
    except (BadValue, OverflowError, UnicodeError) as error:
        raise BadValue(f"{clean(new.name)}: {error}") from error
    return new.is_indexed and may_be_indexed, prop


_NEVER_INDEXED: Final = frozenset(
    name for name, each in property_types.TYPES.items() if each.is_raw
)
