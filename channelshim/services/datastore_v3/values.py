"""Google's protocol buffers to the store's codes, and back.

Tags and order: SDK, api/datastore_types.py, PropertyValueToKeyValue.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from google.appengine.datastore import datastore_stub_util
from google.appengine.datastore import entity_bytes_pb2 as entity_pb2

from channelshim.contracts import ordering
from channelshim.contracts.entities import EntityKey
from channelshim.contracts.index_definitions import Values

NULL: Final = 0
INTEGER: Final = 1
BOOLEAN: Final = 2
BYTES: Final = 3
DOUBLE: Final = 4
POINT: Final = 5
USER: Final = 8
REFERENCE: Final = 12
"""First byte of a code: PropertyValue's field numbers, so that types sort alike."""

TAGS: Final = (NULL, INTEGER, BOOLEAN, BYTES, DOUBLE, POINT, USER, REFERENCE)

_TAG = {tag: bytes([tag]) for tag in TAGS}
_BOOLEANS = {False: _TAG[BOOLEAN] + b"\x00", True: _TAG[BOOLEAN] + b"\x01"}
_LIST_END = b"\x00"
_USER_FIELDS = (
    (9, "email"),
    (10, "auth_domain"),
    (11, "nickname"),
    (18, "gaiaid"),
    (19, "obfuscated_gaiaid"),
    (21, "federated_identity"),
    (22, "federated_provider"),
)
_USER_FIELD_NAMES = dict(_USER_FIELDS)
_GAIA_ID = 18
# gaiaid is the only number among the fields; both are written as text of one length.
_GAIA_ID_FORMAT = struct.Struct(">Q")


def elements_of(elements: Any) -> list[ordering.PathElement]:
    """Return the elements of a Path or ReferenceValue as the store takes them.

    Raises:
        ApplicationError: BAD_REQUEST; a kind or name is no UTF-8, which protocol
            buffers hand over as bytes. Cursors and keys come from anybody.
    """
    read = []
    for element in elements:
        kind = element.type
        identifier = element.name if element.HasField("name") else element.id
        if isinstance(kind, bytes) or isinstance(identifier, bytes):
            datastore_stub_util.Check(False, "a key's kinds and names must be UTF-8")
        read.append((kind, identifier))
    return read


def key_of(reference: Any) -> EntityKey:
    """Return where the entity of a complete Reference stands."""
    elements = reference.path.element
    return EntityKey(
        reference.name_space,
        elements[-1].type,
        ordering.encode_path(elements_of(elements)),
    )


def fill_elements(message: Any, path: bytes) -> None:
    """Add the elements of an encoded path to a repeated Element field."""
    for kind, identifier in ordering.decode_path(path):
        element = message.add()
        element.type = kind
        if isinstance(identifier, int):
            element.id = identifier
        else:
            element.name = identifier


def make_reference(app: str, namespace: str, path: bytes) -> Any:
    """Return the Reference of an encoded path."""
    reference = entity_pb2.Reference()
    fill_reference(reference, app, namespace, path)
    return reference


def fill_reference(reference: Any, app: str, namespace: str, path: bytes) -> None:
    """Set an empty Reference to an encoded path."""
    reference.app = app
    if namespace:
        reference.name_space = namespace
    fill_elements(reference.path.element, path)


def encode_value(value: Any) -> bytes:
    """Return the code of a PropertyValue."""
    if value.HasField("stringValue"):
        return _TAG[BYTES] + ordering.encode_bytes(value.stringValue)
    if value.HasField("int64Value"):
        return _TAG[INTEGER] + ordering.encode_integer(value.int64Value)
    if value.HasField("booleanValue"):
        return _BOOLEANS[value.booleanValue]
    if value.HasField("doubleValue"):
        return _TAG[DOUBLE] + ordering.encode_double(value.doubleValue)
    if value.HasField("pointvalue"):
        return _encode_point(value.pointvalue)
    if value.HasField("referencevalue"):
        return _encode_reference(value.referencevalue)
    if value.HasField("uservalue"):
        return _encode_user(value.uservalue)
    return _TAG[NULL]


def values_of(entity: Any) -> Values:
    """Return the codes of an EntityProto's indexed properties, each code once."""
    values: dict[str, list[bytes]] = {}
    for prop in entity.property:
        code = encode_value(prop.value)
        codes = values.setdefault(prop.name, [])
        if code not in codes:
            codes.append(code)
    return values


def values_of_body(body: bytes) -> Values:
    """Return the same for a stored entity."""
    return values_of(entity_pb2.EntityProto.FromString(body))


def stored_entity(body: bytes) -> Any:
    """Return an entity with the properties that Google adds when it stores one."""
    entity = entity_pb2.EntityProto.FromString(body)
    datastore_stub_util.PrepareSpecialPropertiesForStore(entity)
    return entity


def decode_value(code: bytes, start: int, value: Any) -> int:
    """Set a PropertyValue to what stands at start; return where what follows begins."""
    tag, position = code[start], start + 1
    if tag == BYTES:
        value.stringValue, position = ordering.decode_bytes(code, position)
    elif tag == INTEGER:
        value.int64Value, position = ordering.decode_integer(code, position)
    elif tag == BOOLEAN:
        value.booleanValue, position = code[position] == 1, position + 1
    elif tag == DOUBLE:
        value.doubleValue, position = ordering.decode_double(code, position)
    elif tag == POINT:
        value.pointvalue.x, position = ordering.decode_double(code, position)
        value.pointvalue.y, position = ordering.decode_double(code, position)
    elif tag == REFERENCE:
        position = _decode_reference(code, position, value.referencevalue)
    elif tag == USER:
        position = _decode_user(code, position, value.uservalue)
    return position


def _encode_point(point: Any) -> bytes:
    # Adding zero makes minus zero zero: points are compared as numbers.
    return (
        _TAG[POINT]
        + ordering.encode_double(point.x + 0.0)
        + ordering.encode_double(point.y + 0.0)
    )


def _encode_reference(reference: Any) -> bytes:
    return b"".join(
        (
            _TAG[REFERENCE],
            ordering.encode_bytes(reference.app.encode()),
            ordering.encode_bytes(reference.name_space.encode()),
            ordering.encode_path(elements_of(reference.pathelement)),
            ordering.END,
        )
    )


def _decode_reference(code: bytes, start: int, reference: Any) -> int:
    app, position = ordering.decode_bytes(code, start)
    namespace, position = ordering.decode_bytes(code, position)
    reference.app = app.decode()
    if namespace:
        reference.name_space = namespace.decode()
    end = ordering.path_end(code, position)
    fill_elements(reference.pathelement, code[position:end])
    return end + len(ordering.END)


def _encode_user(user: Any) -> bytes:
    parts = [_TAG[USER]]
    for number, name in _USER_FIELDS:
        if user.HasField(name):
            field = getattr(user, name)
            raw = (
                _GAIA_ID_FORMAT.pack(field + (1 << 63))
                if number == _GAIA_ID
                else field.encode()
            )
            parts.append(bytes([number]) + ordering.encode_bytes(raw))
    return b"".join(parts) + _LIST_END


def _decode_user(code: bytes, start: int, user: Any) -> int:
    position = start
    while code[position]:
        number = code[position]
        raw, position = ordering.decode_bytes(code, position + 1)
        name = _USER_FIELD_NAMES[number]
        if number == _GAIA_ID:
            setattr(user, name, _GAIA_ID_FORMAT.unpack(raw)[0] - (1 << 63))
        else:
            setattr(user, name, raw.decode())
    return position + 1
