"""Entities of every type, as Google's protocol buffers, for hypothesis."""

from __future__ import annotations

from typing import Any

from google.appengine.datastore import entity_bytes_pb2 as entity_pb2
from hypothesis import strategies as st

APP = "dev~app"

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
IDENTIFIERS = st.integers(1, 2**53 - 1) | TEXTS
PATHS = st.lists(
    st.tuples(st.sampled_from(["A", "B", "Kïnd", "__x"]), IDENTIFIERS),
    min_size=1,
    max_size=3,
)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
DOUBLES = st.floats(allow_nan=False)
Meaning = entity_pb2.Property


def fill_path(elements: Any, path: list[tuple[str, int | str]]) -> None:
    """Add the elements of a path to a repeated field."""
    for kind, identifier in path:
        element = elements.add()
        element.type = kind
        if isinstance(identifier, int):
            element.id = identifier
        else:
            element.name = identifier


@st.composite
def values(draw: st.DrawFn, app: str = APP) -> tuple[Any, int]:
    """Draw a PropertyValue and a meaning that goes with it."""
    value = entity_pb2.PropertyValue()
    kind = draw(st.integers(0, 8))
    meaning = int(Meaning.NO_MEANING)
    if kind == 0:
        value.int64Value = draw(INTEGERS)
        meaning = draw(st.sampled_from([Meaning.NO_MEANING, Meaning.GD_WHEN]))
    elif kind == 1:
        value.booleanValue = draw(st.booleans())
    elif kind == 2:
        value.stringValue = draw(TEXTS).encode()
    elif kind == 3:
        value.stringValue = draw(st.binary(max_size=20))
        meaning = int(Meaning.BYTESTRING)
    elif kind == 4:
        value.doubleValue = draw(DOUBLES)
    elif kind == 5:
        value.pointvalue.x, value.pointvalue.y = draw(DOUBLES), draw(DOUBLES)
        meaning = int(Meaning.GEORSS_POINT)
    elif kind == 6:
        user = value.uservalue
        user.email, user.auth_domain, user.gaiaid = draw(TEXTS), "gmail.com", 0
        user.obfuscated_gaiaid = "1" * 21
    elif kind == 7:
        value.referencevalue.app = draw(st.sampled_from([app, "s~another"]))
        value.referencevalue.name_space = draw(st.sampled_from(["", "n"]))
        fill_path(value.referencevalue.pathelement, draw(PATHS))
    # Else it is null.
    return value, meaning


@st.composite
def entities(draw: st.DrawFn, app: str = APP) -> bytes:
    """Draw an entity that a datastore can have; return its bytes."""
    entity = entity_pb2.EntityProto()
    entity.key.app = app
    namespace = draw(st.sampled_from(["", "n", "ü"]))
    if namespace:
        entity.key.name_space = namespace
    fill_path(entity.key.path.element, draw(PATHS))
    entity.entity_group.element.add().CopyFrom(entity.key.path.element[0])
    for name in draw(st.lists(TEXTS, max_size=4, unique=True)):
        count = draw(st.integers(1, 3))
        for _ in range(count):
            prop = entity.property.add()
            prop.name, prop.multiple = f"p{name}", count > 1
            value, meaning = draw(values(app))
            prop.value.CopyFrom(value)
            if meaning:
                prop.meaning = meaning
    for meaning in draw(
        st.lists(st.sampled_from([Meaning.BLOB, Meaning.TEXT]), max_size=2)
    ):
        prop = entity.raw_property.add()
        prop.name, prop.multiple, prop.meaning = f"r{meaning}", False, meaning
        prop.value.stringValue = draw(st.binary(max_size=30))
    body: bytes = entity.SerializeToString()
    return body


def simple(number: int, *, app: str = APP, kind: str = "A", **fields: str) -> bytes:
    """Return an entity with an id and some texts."""
    entity = entity_pb2.EntityProto()
    entity.key.app = app
    fill_path(entity.key.path.element, [(kind, number)])
    entity.entity_group.element.add().CopyFrom(entity.key.path.element[0])
    for name, text in fields.items():
        prop = entity.property.add()
        prop.name, prop.multiple, prop.value.stringValue = name, False, text.encode()
    body: bytes = entity.SerializeToString()
    return body


def named(name: str, *, app: str = APP, kind: str = "A") -> bytes:
    """Return an entity with a name."""
    entity = entity_pb2.EntityProto()
    entity.key.app = app
    fill_path(entity.key.path.element, [(kind, name)])
    entity.entity_group.element.add().CopyFrom(entity.key.path.element[0])
    body: bytes = entity.SerializeToString()
    return body
