"""Whatever is stored: its text can be shown, sent and read back."""

from __future__ import annotations

import json
import os
from typing import Any

from google.appengine.datastore import entity_bytes_pb2 as entity_pb2
from hypothesis import example, given
from hypothesis import strategies as st

from channelshim.services.admin import fields, keys, property_types, texts
from channelshim.services.admin.property_types import BadValue

os.environ.setdefault("APPLICATION_ID", "dev~app")

anything = st.text(st.characters(), max_size=50)
integers = st.integers(-(1 << 63), (1 << 63) - 1)


def check_text(text: str) -> None:
    """See that a text can go over HTTP and into JSON, and shows no control."""
    text.encode("utf-8")
    assert json.loads(json.dumps(text)) == text
    assert not any(ord(char) < 32 and char not in "\t\n\r" for char in text)


@st.composite
def properties(draw: st.DrawFn) -> Any:
    """Make a property of any type and meaning, fitting or not."""
    prop = entity_pb2.Property()
    prop.name = draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
    prop.multiple = draw(st.booleans())
    meaning = draw(st.sampled_from([None, *entity_pb2.Property.Meaning.values()]))
    if meaning is not None:
        prop.meaning = meaning
    if draw(st.booleans()):
        prop.meaning_uri = draw(st.sampled_from(["ZLIB", "x"]))
    value = prop.value
    value.SetInParent()
    kind = draw(st.integers(0, 7))
    if kind == 0:
        value.stringValue = draw(st.binary(max_size=200))
    elif kind == 1:
        value.int64Value = draw(integers)
    elif kind == 2:
        value.booleanValue = draw(st.booleans())
    elif kind == 3:
        value.doubleValue = draw(st.floats())
    elif kind == 4:
        value.pointvalue.x = draw(st.floats())
        value.pointvalue.y = draw(st.floats())
    elif kind == 5:
        value.uservalue.email = draw(st.text(st.characters(exclude_categories=["Cs"])))
        value.uservalue.auth_domain = "x"
        value.uservalue.gaiaid = draw(integers)
    elif kind == 6:
        value.referencevalue.app = "dev~app"
        for _ in range(draw(st.integers(0, 3))):
            element = value.referencevalue.pathelement.add()
            element.type = draw(st.text(st.characters(exclude_categories=["Cs"])))
            if draw(st.booleans()):
                element.id = draw(integers)
            else:
                element.name = draw(st.text(st.characters(exclude_categories=["Cs"])))
    return prop


@given(properties(), st.booleans())
def test_field_of_any_property_can_be_shown(prop: Any, is_indexed: bool) -> None:
    field = fields.field_of(prop, is_indexed=is_indexed)
    for text in (field.name, field.type, field.text, field.shown, field.key):
        check_text(text)
    assert len(field.shown) <= texts.SHORT + 2


@given(properties())
def test_what_can_be_edited_reads_back(prop: Any) -> None:
    field = fields.field_of(prop, is_indexed=True)
    if not field.is_editable or field.type == "user":
        return
    if field.type in ("geopoint", "rating"):
        # Beyond their bounds, which the store does not mind.
        return
    made, _ = fields.property_of(field.name, field.type, field.text, is_multiple=False)
    again = fields.field_of(made, is_indexed=True)
    assert (again.type, again.text) == (field.type, field.text)


@given(st.sampled_from([*property_types.TYPES, "nonsense"]), anything)
@example("datetime", "9999-12-31T23:59:59+00:00")
@example("datetime", "0001-01-01T00:00:00+23:59")
@example("float", "1_0")
@example("integer", "\u0661")
@example("geopoint", "nan,nan")
@example("string", "\ud800")
@example("key", "A,1\ud800,B,2")
def test_any_text_is_a_value_or_refused(kind: str, text: str) -> None:
    try:
        prop, _ = fields.property_of("name", kind, text, is_multiple=False)
    except BadValue as error:
        check_text(str(error))
    else:
        fields.field_of(prop, is_indexed=True)


@given(anything | st.binary(max_size=50))
def test_any_bytes_are_shown(value: str | bytes) -> None:
    if isinstance(value, str):
        check_text(texts.clean(value))
    else:
        check_text(texts.of_bytes(value))
        assert len(texts.of_bytes(value, 10)) <= 10


@given(anything)
@example("A, 1")
@example("Key('A', 1, \"B\", u'x')")
@example("agx")
@example("''''")
def test_any_text_is_a_key_or_refused(text: str) -> None:
    try:
        reference = keys.decode(text)
    except keys.BadKey:
        return
    facts = keys.facts_of(reference)
    for each in facts.values():
        if isinstance(each, str):
            check_text(each)
    assert keys.decode(facts["urlsafe"]) == reference


@given(st.binary(max_size=300))
def test_any_bytes_may_be_an_entity_within(data: bytes) -> None:
    prop = entity_pb2.Property()
    prop.name, prop.multiple = "p", False
    prop.meaning = entity_pb2.Property.ENTITY_PROTO
    prop.value.stringValue = data
    check_text(fields.field_of(prop, is_indexed=False).shown)


def test_blobs_in_blobs_are_shown_however_deep_they_are() -> None:
    inner = b""
    for _ in range(500):
        entity = entity_pb2.EntityProto()
        prop = entity.raw_property.add()
        prop.name, prop.multiple = "data", False
        prop.meaning = entity_pb2.Property.Meaning.BLOB
        prop.value.stringValue = inner
        inner = entity.SerializePartialToString()
    shown = fields.field_of(prop, is_indexed=False).shown
    check_text(shown)
    assert shown.startswith("{data=")
