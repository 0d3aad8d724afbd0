"""Entities of Google's servers as the store takes them: of this app, and complete."""

from __future__ import annotations

from typing import Any

import pytest
from google.appengine.datastore import datastore_stub_util
from google.appengine.datastore import entity_bytes_pb2 as entity_pb2
from google.appengine.ext import ndb
from hypothesis import given

from channelshim.contracts import ordering
from channelshim.data.entities import EntityReader
from channelshim.data.records import BadRecord, Counter
from channelshim.services.datastore_v3 import values
from tests.data.entities import APP, entities, fill_path, named, simple


@given(entities())
def test_an_entity_of_this_app_stays_as_it_is(body: bytes) -> None:
    write = EntityReader(APP).write_of(body)
    assert write is not None
    assert write.body == body
    assert write.values == values.values_of_body(body)


@given(entities(app="s~app"))
def test_keys_of_the_sources_app_become_this_ones(body: bytes) -> None:
    write = EntityReader(APP).write_of(body)
    assert write is not None
    assert write.body is not None
    before = entity_pb2.EntityProto.FromString(body)
    after = entity_pb2.EntityProto.FromString(write.body)
    assert after.key.app == APP
    assert _references(after) == [
        APP if app == "s~app" else app for app in _references(before)
    ]
    for entity in (before, after):
        entity.key.app = ""
        for prop in entity.property:
            if prop.value.HasField("referencevalue"):
                prop.value.referencevalue.app = ""
    assert before == after
    assert write.values == values.values_of_body(write.body)


class _Inner(ndb.Model):
    friend = ndb.KeyProperty()


class _Middle(ndb.Model):
    inner = ndb.LocalStructuredProperty(_Inner, repeated=True, keep_keys=True)


class _Outer(ndb.Model):
    middle = ndb.LocalStructuredProperty(_Middle)
    blob = ndb.BlobProperty()


def test_keys_of_entities_within_entities_become_this_apps_too() -> None:
    friends = [ndb.Key("Friend", number, app=app) for number, app in FRIENDS]
    inner = [
        _Inner(key=ndb.Key("_Inner", 7, app="s~app"), friend=each) for each in friends
    ]
    outer = _Outer(
        key=ndb.Key("_Outer", 1, app="s~app"),
        middle=_Middle(inner=inner),
        blob=b"\x0a\xff no entity",
    )
    write = EntityReader(APP).write_of(outer._to_pb().SerializeToString())
    assert write is not None
    assert write.body is not None
    after = _Outer._from_pb(entity_pb2.EntityProto.FromString(write.body))
    assert after.blob == outer.blob
    assert [each.key.app() for each in after.middle.inner] == [APP, APP]
    assert [(each.friend.id(), each.friend.app()) for each in after.middle.inner] == [
        (1, APP),
        (2, "s~other"),
    ]


FRIENDS = ((1, "s~app"), (2, "s~other"))


def _references(entity: Any) -> list[str]:
    return [
        prop.value.referencevalue.app
        for prop in entity.property
        if prop.value.HasField("referencevalue")
    ]


def changed(body: bytes = simple(1), **fields: Any) -> Any:
    """Return an entity's message with fields of its key set."""
    entity = entity_pb2.EntityProto.FromString(body)
    for name, value in fields.items():
        setattr(entity.key, name, value)
    return entity


def test_what_servers_keep_beside_the_properties_is_dropped() -> None:
    entity = changed(simple(1, text="x"))
    for name in ("__scatter__", "__metadata__"):
        prop = entity.property.add()
        prop.name, prop.multiple, prop.value.stringValue = name, False, b"1"
        prop.meaning = entity_pb2.Property.BYTESTRING
    write = EntityReader(APP).write_of(entity.SerializeToString())
    assert write is not None
    assert write.body == simple(1, text="x")
    assert list(write.values or {}) == ["text"]


def test_an_entity_gets_the_group_of_its_key() -> None:
    entity = changed()
    entity.entity_group.ClearField("element")
    write = EntityReader(APP).write_of(entity.SerializeToString())
    assert write is not None
    assert write.body == simple(1)


def incomplete() -> bytes:
    entity = changed()
    entity.key.path.element[0].ClearField("id")
    return bytes(entity.SerializeToString())


def with_both() -> bytes:
    entity = changed()
    entity.key.path.element[0].name = "n"
    return bytes(entity.SerializeToString())


def with_blob_indexed() -> bytes:
    entity = changed(simple(1, text="x"))
    entity.property[0].meaning = entity_pb2.Property.BLOB
    return bytes(entity.SerializeToString())


def with_many_values() -> bytes:
    entity = changed()
    for number in range(20_001):
        prop = entity.property.add()
        prop.name, prop.multiple, prop.value.int64Value = "n", True, number
    return bytes(entity.SerializeToString())


def without_path() -> bytes:
    entity = changed()
    entity.key.path.ClearField("element")
    return bytes(entity.SerializeToString())


def with_bytes(old: bytes, new: bytes) -> bytes:
    body = simple(1, kind="Kind", text="x").replace(old, new)
    assert body != simple(1, kind="Kind", text="x")
    return body


def with_namespace(name: bytes) -> bytes:
    entity = changed()
    entity.key.name_space = "x" * len(name)
    return bytes(entity.SerializeToString()).replace(b"x" * len(name), name)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "not an entity"),
        (b"text", "not an entity"),
        (b"\xff" * 20, "not an entity"),
        (simple(1)[:-1], "not an entity"),
        (incomplete(), "is not complete"),
        (with_both(), "id or name but not both"),
        (with_blob_indexed(), "raw_property"),
        (with_many_values(), "too many indexed values"),
        (without_path(), "path cannot be empty"),
        (simple(-1), "invalid id"),
        (simple(0), "cannot be stored"),
        (simple(1, app=""), "names no app"),
        (with_bytes(b"Kind", b"K\xffnd"), "cannot be stored"),
        (with_namespace(b"n\xffpc"), "cannot be stored: a name in it is not UTF-8$"),
        (with_bytes(b"text", b"t\xffxt"), "cannot be stored"),
        (with_bytes(b"dev~app", b"dev\xffapp"), "names no app"),
    ],
)
def test_what_cannot_be_stored_is_refused(body: bytes, sentence: str) -> None:
    with pytest.raises(BadRecord, match=sentence):
        EntityReader(APP).write_of(body)


def test_entities_of_two_apps_are_refused_unless_one_is_chosen() -> None:
    first, second = simple(1, app="s~one"), simple(2, app="s~two")
    reader = EntityReader(APP)
    assert reader.write_of(first)
    with pytest.raises(BadRecord, match=r"of the app s~two, .* of s~one: choose one"):
        reader.write_of(second)
    reader = EntityReader(APP, "s~two")
    assert reader.write_of(first) is None
    write = reader.write_of(second)
    assert write is not None
    assert write.body == simple(2)
    assert reader.left_out == 1


def test_ids_raise_the_counters_that_gave_them() -> None:
    reader = EntityReader(APP)
    scattered = datastore_stub_util.ToScatteredId(7)
    for body in (simple(3), simple(12), simple(5), simple(scattered), named("n")):
        reader.write_of(body)
    assert reader.counters == {"sequential": 12, "scattered": 7}
    reader.note(Counter("sequential", 100))
    reader.note(Counter("scattered", 2))
    assert reader.counters == {"sequential": 99, "scattered": 7}
    with pytest.raises(BadRecord, match="no counter 'catalogue'"):
        reader.note(Counter("catalogue", 1))


@pytest.mark.parametrize("number", [2**52 - 1, 2**53 - 1, 2**63 - 1])
def test_an_id_near_the_end_leaves_room(number: int) -> None:
    reader = EntityReader(APP)
    assert reader.write_of(simple(number))
    assert reader.counters.get("sequential", 0) <= 2**51
    assert reader.counters.get("scattered", 0) <= 2**50
    reader.note(Counter("sequential", 2**63 - 1))
    assert reader.counters.get("sequential", 0) <= 2**51


def test_ids_of_ancestors_count_too() -> None:
    entity = changed()
    entity.key.path.ClearField("element")
    fill_path(entity.key.path.element, [("A", 50), ("B", "n"), ("C", 3)])
    reader = EntityReader(APP)
    write = reader.write_of(entity.SerializeToString())
    assert write is not None
    assert ordering.decode_path(write.key.path) == [("A", 50), ("B", "n"), ("C", 3)]
    assert reader.counters == {"sequential": 50}
