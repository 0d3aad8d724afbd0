"""The datastore's pages, by what a person does on them."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.appengine.api import datastore, datastore_types, users
from google.appengine.datastore import entity_bytes_pb2 as entity_pb2
from google.appengine.ext import ndb

from channelshim.contracts.entities import EntityKey, Write
from channelshim.contracts.ordering import encode_path
from channelshim.services.admin import fields, keys
from channelshim.services.datastore_v3.values import make_reference, values_of
from tests.console.services.conftest import HOSTILE, Visitor

WaitUntil = Callable[..., Any]


@pytest.fixture(autouse=True)
def in_app() -> Iterator[None]:
    """Let the test itself call the app's services."""
    before = os.environ.get("APPLICATION_ID")
    os.environ["APPLICATION_ID"] = "dev~app"
    yield
    if before is not None:
        os.environ["APPLICATION_ID"] = before


def fill(visitor: Visitor, count: int, kind: str = "Note") -> None:
    """Write many entities, as a commit of the store."""
    writes = []
    for number in range(1, count + 1):
        path = encode_path([(kind, number)])
        entity = entity_pb2.EntityProto()
        entity.key.CopyFrom(make_reference("dev~app", "", path))
        entity.entity_group.element.add().CopyFrom(entity.key.path.element[0])
        prop, _ = fields.property_of(
            "number", "integer", str(number), is_multiple=False
        )
        entity.property.add().CopyFrom(prop)
        body = entity.SerializeToString()
        writes.append(Write(EntityKey("", kind, path), body, values_of(entity)))
        if len(writes) == 5000:
            visitor.store.entities.apply(writes)
            writes = []
    visitor.store.entities.apply(writes)


def all_types() -> dict[str, Any]:
    """Return a value of every type that the datastore has."""
    return {
        "string": "text \u00e9\n\r\n\x00end",
        "unindexed": datastore_types.Text("long \u263a" * 10),
        "blob": datastore_types.Blob(b"\x00\xff raw"),
        "bytes": datastore_types.ByteString(b"\xfe\x00"),
        "integer": -(1 << 63),
        "float": 0.1,
        "nan": float("inf"),
        "boolean": True,
        "moment": datetime.datetime(2012, 1, 31, 23, 59, 59, 999999),
        "key": datastore_types.Key.from_path("A", 1, "B", "n\u00e4me"),
        "user": users.User("somebody@example.com"),
        "point": datastore_types.GeoPt(52.5, -13.25),
        "blobkey": datastore_types.BlobKey("abc"),
        "none": None,
        "list": ["b", "a", "b"],
        "mixed": [1, "two", None],
        "one": ["single"],
        "email": datastore_types.Email("a@b.c"),
        "link": datastore_types.Link("http://localhost/"),
        "category": datastore_types.Category("c"),
        "phone": datastore_types.PhoneNumber("1"),
        "address": datastore_types.PostalAddress("street\n1"),
        "im": datastore_types.IM("http://aim.com/", "me"),
        "rating": datastore_types.Rating(99),
    }


def put_all_types() -> datastore.Entity:
    entity = datastore.Entity("Every", name="one")
    entity.update(all_types())
    datastore.Put(entity)
    return entity


def put_few() -> datastore.Entity:
    entity = datastore.Entity("Few", name="one")
    entity["list"], entity["integer"] = ["b", "a"], 5
    datastore.Put(entity)
    return entity


def row_of(page: Any, number: int) -> dict[str, str]:
    """Return what a browser sends of a form's row."""
    sent = {}
    for part in ("number", "name", "type", "text", "indexed", "multiple"):
        found = page.html.find(attrs={"name": f"{part}-{number}"})
        if found is None:
            continue
        if found.name == "select":
            sent[f"{part}-{number}"] = found.find(selected=True)["value"]
        elif found.name == "textarea":
            # A form leaves the first line end out, and sends all as two characters.
            text = found.text.removeprefix("\n").replace("\r", "")
            sent[f"{part}-{number}"] = text.replace("\n", "\r\n")
        elif found.get("type") != "checkbox" or found.has_attr("checked"):
            sent[f"{part}-{number}"] = found["value"]
    return sent


def form_of(page: Any) -> dict[str, str]:
    """Return what a browser sends of the whole form of an entity."""
    numbers = {int(n) for n in re.findall(r'name="type-(\d+)"', page.text)}
    sent = {"seen": page.html.find(attrs={"name": "seen"})["value"]}
    for number in sorted(numbers):
        sent |= row_of(page, number)
    return sent


def stored(visitor: Visitor, key: datastore_types.Key) -> bytes:
    """Return an entity as it stands in the store."""
    path = encode_path(
        [(each.type, each.id or each.name) for each in key._ToPb().path.element]
    )
    with visitor.store.entities.read() as snapshot:
        found = snapshot.get(EntityKey(key.namespace(), key.kind(), path))
    assert found is not None
    return found[1]


def page_of(key: Any, **more: str) -> str:
    urlsafe = key if isinstance(key, str) else keys.encode(key._ToPb())
    rest = "".join(f"&{name}={value}" for name, value in more.items())
    return f"/datastore/entity?key={urlsafe}{rest}"


def test_kinds_are_listed_with_counts_sizes_and_namespaces(visitor: Visitor) -> None:
    assert "The datastore is empty" in visitor.get("/datastore").text
    fill(visitor, 3)
    datastore.Put(datastore.Entity(HOSTILE, namespace="other"))
    visitor.get("/datastore")
    facts = visitor.json("/datastore")
    kinds = {row["kind"]: row for row in facts["kinds"]}
    assert kinds["Note"]["count"] == 3
    assert kinds["Note"]["bytes"] > 50
    assert kinds[HOSTILE]["namespace"] == "other"
    assert facts["namespaces"] == ["", "other"]
    page = visitor.get(f"/datastore?{kinds[HOSTILE]['link']}")
    assert page.html.find(string=re.compile("1 in all"))


def test_query_by_gql_and_by_form_find_the_same(visitor: Visitor) -> None:
    fill(visitor, 30)
    gql = visitor.json(
        "/datastore",
        params={"gql": "SELECT * FROM Note WHERE number > 10 ORDER BY number DESC"},
    )
    form = visitor.json(
        "/datastore",
        params={
            "kind": "Note",
            "name0": "number",
            "op0": ">",
            "type0": "integer",
            "value0": "10",
            "order": "-number",
        },
    )
    assert gql["answer"]["rows"] == form["answer"]["rows"]
    assert [row["cells"]["number"][0]["text"] for row in gql["answer"]["rows"]][:2] == [
        "30",
        "29",
    ]
    assert gql["total"] == form["total"] == 20


@pytest.mark.parametrize(
    "params",
    [
        {"kind": "Note", "limit": "20"},
        {"kind": "Note", "order": "-number", "limit": "20"},
        {"gql": "SELECT * FROM Note ORDER BY number", "limit": "20"},
        {"gql": "SELECT __key__ FROM Note", "limit": "20"},
        {"gql": "SELECT * FROM Note WHERE number IN (3, 1, 2)", "limit": "2"},
    ],
)
def test_pages_hold_each_entity_once(visitor: Visitor, params: dict[str, str]) -> None:
    fill(visitor, 45)
    seen = walk(visitor, params)
    expected = 3 if "IN" in params.get("gql", "") else 45
    assert len(seen) == len(set(seen)) == expected


def walk(visitor: Visitor, params: dict[str, str]) -> list[str]:
    """Follow the links to the next page to the end; return all keys."""
    seen: list[str] = []
    page = visitor.get("/datastore", params=params)
    while True:
        seen += [
            box["value"] for box in page.html.find_all("input", attrs={"name": "key"})
        ]
        link = page.html.find("a", rel="next")
        if link is None:
            return seen
        page = visitor.get(f"/datastore{link['href']}")


def test_gql_limit_and_offset_hold_over_pages(visitor: Visitor) -> None:
    fill(visitor, 45)
    params = {"gql": "SELECT * FROM Note LIMIT 25 OFFSET 10", "limit": "20"}
    seen = walk(visitor, params)
    ids = [keys.decode(key).path.element[0].id for key in seen]
    assert ids == list(range(11, 36))


def test_plan_of_a_query_names_its_index(visitor: Visitor) -> None:
    fill(visitor, 60)
    params = {"gql": "SELECT * FROM Note ORDER BY number DESC", "explain": "1"}
    (plan,) = visitor.json("/datastore", params=params)["plans"]
    assert plan["index"] == "number"
    assert plan["steps"]
    assert "How the store answers" in visitor.get("/datastore", params=params).text


def test_indexes_say_which_queries_read_them(visitor: Visitor) -> None:
    for number in range(180):
        entity = datastore.Entity("Note")
        entity["a"], entity["b"] = number % 3, number
        datastore.Put(entity)
    query = {"gql": "SELECT * FROM Note WHERE a = 1 ORDER BY b DESC", "explain": "1"}
    visitor.get("/datastore", params=query)
    facts = visitor.json("/datastore/indexes")
    (index,) = facts["composite"]
    assert (index["kind"], index["properties"], index["rows"]) == (
        "Note",
        "a, b descending",
        180,
    )
    ((text, count),) = index["queries"]
    assert text.startswith("SELECT * FROM Note WHERE a = ")
    assert text.endswith("ORDER BY b DESC")
    assert count >= 1
    visitor.get("/datastore/indexes")


@pytest.mark.parametrize(
    "gql",
    [
        "SELECT",
        "SELECT * FROM Note WHERE a = ",
        "x" * 10_001,
        "SELECT * FROM Note WHERE a = :1",
        "\x00",
        "SELECT * FROM Note WHERE u = USER('')",
        "SELECT * FROM Note WHERE d = DATETIME(99999999999999999999, 1, 1)",
    ],
)
def test_wrong_query_is_refused_with_a_sentence(visitor: Visitor, gql: str) -> None:
    page = visitor.get("/datastore", params={"gql": gql}, status=400)
    assert page.html.find(role="alert").text


def test_wrong_cursor_is_refused(visitor: Visitor) -> None:
    fill(visitor, 3)
    for cursor in ("x", "1.!!!", "9" * 30 + ".AAAA", "1.AAAA"):
        visitor.get("/datastore", params={"kind": "Note", "cursor": cursor}, status=400)


def test_every_type_comes_back_as_it_was(visitor: Visitor) -> None:
    entity = put_all_types()
    before = stored(visitor, entity.key())
    page = visitor.get(page_of(entity.key()))
    assert visitor.do(page_of(entity.key()), "save", form_of(page)) == "Saved."
    assert stored(visitor, entity.key()) == before


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("string", "new \u00e9", "new \u00e9"),
        ("text", "new\r\nlines", "new\nlines"),
        ("integer", " 7 ", 7),
        ("float", "1.5", 1.5),
        ("boolean", "false", False),
        ("datetime", "2013-02-01 10:20", datetime.datetime(2013, 2, 1, 10, 20)),
        ("datetime", "2013-02-01", datetime.datetime(2013, 2, 1)),
        ("datetime", "10:20:30", datetime.datetime(1970, 1, 1, 10, 20, 30)),
        ("datetime", "2013-02-01T10:20:00+02:00", datetime.datetime(2013, 2, 1, 8, 20)),
        ("key", "A, 1, B, 'x'", None),
        ("user", "new@example.com", None),
        ("geopoint", "1, 2.5", datastore_types.GeoPt(1, 2.5)),
        ("blob", "AAE=", b"\x00\x01"),
        ("bytes", "AAE=", b"\x00\x01"),
        ("blobkey", "k", datastore_types.BlobKey("k")),
        ("null", "", None),
        ("link", "http://localhost/", "http://localhost/"),
        ("rating", "50", 50),
    ],
)
def test_field_is_edited_by_its_type(
    visitor: Visitor, kind: str, text: str, expected: Any
) -> None:
    entity = put_few()
    page = visitor.get(page_of(entity.key()))
    sent = form_of(page)
    place = next(n for n in range(3) if sent[f"name-{n}"] == "integer")
    sent |= {f"type-{place}": kind, f"text-{place}": text}
    visitor.do(page_of(entity.key()), "save", sent)
    found = datastore.Get(entity.key())["integer"]
    if kind == "key":
        expected = datastore_types.Key.from_path("A", 1, "B", "x")
    elif kind == "user":
        expected = users.User("new@example.com")
    assert found == expected
    assert datastore.Get(entity.key())["list"] == ["b", "a"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "x"),
        ("integer", str(1 << 63)),
        ("integer", "9" * 5000),
        ("float", "x"),
        ("boolean", "maybe"),
        ("datetime", "tomorrow"),
        ("key", "x"),
        ("key", "A"),
        ("user", "nobody"),
        ("geopoint", "1"),
        ("geopoint", "91, 0"),
        ("geopoint", "nan, 0"),
        ("blob", "?"),
        ("null", "x"),
        ("nonsense", ""),
        ("rating", "1000"),
    ],
)
def test_wrong_value_is_refused_and_the_form_stays(
    visitor: Visitor, kind: str, text: str
) -> None:
    entity = put_few()
    before = stored(visitor, entity.key())
    sent = form_of(visitor.get(page_of(entity.key())))
    place = next(n for n in range(3) if sent[f"name-{n}"] == "integer")
    sent |= {f"type-{place}": kind, f"text-{place}": text}
    page = visitor.post(page_of(entity.key()), "save", sent, status=400)
    assert page.html.find(role="alert").text
    assert page.html.find(attrs={"name": f"text-{place}"}).text.strip() == text.strip()
    assert stored(visitor, entity.key()) == before


def test_field_is_added_and_removed(visitor: Visitor) -> None:
    key = datastore.Put(datastore.Entity("Note", name="one"))
    sent = form_of(visitor.get(page_of(key)))
    sent |= {
        "name-0": "tags",
        "text-0": "a",
        "indexed-0": "1",
        "name-1": "tags",
        "text-1": "b",
    }
    visitor.do(page_of(key), "save", sent)
    assert datastore.Get(key)["tags"] == ["a", "b"]
    sent = form_of(visitor.get(page_of(key)))
    visitor.do(page_of(key), "save", {**sent, "remove-0": "1", "remove-1": "1"})
    assert dict(datastore.Get(key)) == {}


def test_save_over_a_change_of_somebody_else_is_refused(visitor: Visitor) -> None:
    key = datastore.Put(datastore.Entity("Note", name="one"))
    sent = form_of(visitor.get(page_of(key)))
    entity = datastore.Get(key)
    entity["changed"] = True
    datastore.Put(entity)
    assert "changed meanwhile" in visitor.refuse(page_of(key), "save", sent)
    assert datastore.Get(key)["changed"]


def test_entity_is_created_with_fields_of_its_kind(visitor: Visitor) -> None:
    entity = datastore.Entity("Note")
    entity["title"], entity["when"] = "x", datetime.datetime(2012, 1, 1)
    datastore.Put(entity)
    page = visitor.get("/datastore/new?kind=Note")
    assert row_of(page, 0)["name-0"] == "title"
    assert row_of(page, 1)["type-1"] == "datetime"
    sent = {
        "kind": "Note",
        "namespace": "n",
        "identifier": "12",
        "is_name": "1",
        **row_of(page, 0),
        **row_of(page, 1),
        "text-0": "made",
        "text-1": "2013-01-01",
    }
    assert visitor.do("/datastore/new", "create", sent) == "Created."
    key = datastore_types.Key.from_path("Note", "12", namespace="n")
    assert datastore.Get(key)["title"] == "made"
    assert "there is an entity" in visitor.refuse("/datastore/new", "create", sent)


@pytest.mark.parametrize(
    "sent",
    [
        {"kind": ""},
        {"kind": "A", "identifier": "0"},
        {"kind": "A", "parent": "x"},
        {"kind": "A", "namespace": "no blanks"},
        {"kind": "A", "identifier": "x" * 2000},
        {"kind": "A", "name-0": "__bad__", "type-0": "string"},
    ],
)
def test_wrong_new_entity_is_refused(visitor: Visitor, sent: dict[str, str]) -> None:
    assert visitor.refuse("/datastore/new", "create", sent)


def test_child_gets_an_id_below_its_parent(visitor: Visitor) -> None:
    parent = datastore.Put(datastore.Entity("P", name="p"))
    sent = {"kind": "C", "parent": keys.encode(parent._ToPb())}
    visitor.do("/datastore/new", "create", sent)
    (child,) = datastore.Query("C", keys_only=True).Run()
    assert child.parent() == parent
    assert child.id()


def test_entity_and_chosen_entities_are_deleted(visitor: Visitor) -> None:
    fill(visitor, 5)
    page = visitor.get("/datastore?kind=Note")
    boxes = [box["value"] for box in page.html.find_all("input", attrs={"name": "key"})]
    said = visitor.do(
        "/datastore?kind=Note", "delete", [("key", key) for key in boxes[:2]]
    )
    assert said == "Deleted: 2 entities."
    visitor.do(page_of(boxes[2]), "delete")
    assert visitor.store.entities.summary() == {("", "Note"): 2}
    visitor.get(page_of(boxes[2]), status=404)
    assert "Choose" in visitor.refuse("/datastore?kind=Note", "delete")


class Inner(ndb.Model):
    word = ndb.StringProperty()


class Outer(ndb.Model):
    local = ndb.LocalStructuredProperty(Inner)
    many = ndb.StructuredProperty(Inner, repeated=True)
    packed = ndb.LocalStructuredProperty(Inner, compressed=True)


def test_nested_entities_are_edited_where_they_are(visitor: Visitor) -> None:
    outer = Outer(
        id="one",
        local=Inner(word="deep"),
        many=[Inner(word="a"), Inner(word="b")],
        packed=Inner(word="zip"),
    )
    key = outer.put().urlsafe().decode()
    page = visitor.get(page_of(key))
    link = page.html.find("a", string="Open the entity in it")["href"]
    inner = visitor.get(link)
    sent = form_of(inner)
    assert sent["text-0"] == "deep"
    visitor.do(link, "save", {**sent, "text-0": "deeper"})
    assert "deeper" in visitor.get(page_of(key)).text
    ndb.get_context().clear_cache()
    found = Outer.get_by_id("one")
    assert found.local.word == "deeper"
    assert [each.word for each in found.many] == ["a", "b"]
    assert found.packed.word == "zip"


def test_whole_kind_is_deleted_with_a_progress_bar(
    visitor: Visitor, wait_until: WaitUntil
) -> None:
    fill(visitor, 1200)
    assert "sure" in visitor.refuse("/datastore?kind=Note", "delete_all")
    answer = visitor.post(
        "/datastore?kind=Note", "delete_all", {"sure": "yes"}, status=303
    )
    where = answer.headers["Location"]
    assert "<progress" in visitor.get(where).text
    wait_until(lambda: visitor.json(where)["is_over"])
    facts = visitor.json(where)
    assert (facts["done"], facts["total"], facts["failure"]) == (1200, 1200, "")
    assert visitor.store.entities.summary() == {}
    assert "Over after" in visitor.get(where).text


def test_deleting_what_a_query_finds_leaves_the_rest(
    visitor: Visitor, wait_until: WaitUntil
) -> None:
    fill(visitor, 700)
    for gql in (
        "SELECT * FROM Note WHERE number > 600",
        "SELECT * FROM Note ORDER BY number LIMIT 550",
    ):
        path = f"/datastore?gql={gql.replace(' ', '+').replace('>', '%3E')}"
        answer = visitor.post(path, "delete_all", {"sure": "yes"}, status=303)
        where = answer.headers["Location"]
        wait_until(lambda where=where: visitor.json(where)["is_over"])
        assert visitor.json(where)["failure"] == ""
    ids = [key.id() for key in datastore.Query("Note", keys_only=True).Run()]
    assert ids == list(range(551, 601))


def test_statistics_are_found_by_queries(
    visitor: Visitor, wait_until: WaitUntil
) -> None:
    fill(visitor, 7)
    child = datastore.Entity(
        "Child", parent=datastore_types.Key.from_path("Note", 1), namespace=""
    )
    child["text"] = datastore_types.Text("x")
    datastore.Put(child)
    datastore.Put(datastore.Entity("Other", namespace="n"))
    for _ in range(2):
        # Again: the old ones give way.
        answer = visitor.post("/datastore/statistics", "generate", status=303)
        where = answer.headers["Location"]
        wait_until(lambda where=where: visitor.json(where)["is_over"])
        assert visitor.json(where)["failure"] == ""
    facts = visitor.json("/datastore/statistics")
    assert [row["count"] for row in facts["total"]] == ["9"]
    from google.appengine.ext.ndb import stats

    assert stats.GlobalStat.query().get().count == 9
    kinds = {each.kind_name: each for each in stats.KindStat.query()}
    assert {name: each.count for name, each in kinds.items()} == {
        "Note": 7,
        "Child": 1,
        "Other": 1,
    }
    assert kinds["Note"].builtin_index_count == 7
    assert [each.kind_name for each in stats.KindNonRootEntityStat.query()] == ["Child"]
    types = {each.property_type: each.count for each in stats.PropertyTypeStat.query()}
    assert types == {"Integer": 7, "Text": 1}
    spaces = {
        each.subject_namespace: each.count for each in stats.NamespaceStat.query()
    }
    assert spaces == {"": 8, "n": 1}
    own = stats.NamespaceKindStat.query(namespace="n").fetch()
    assert [(each.kind_name, each.count) for each in own] == [("Other", 1)]
    assert "Note" in visitor.get("/datastore/statistics").text


def test_key_of_db_and_ndb_is_decoded(visitor: Visitor) -> None:
    key = ndb.Key("Account", 1, "Chat", "n\u00e4me'\"", namespace="n")
    for text in (key.urlsafe().decode(), str(datastore_types.Key(key.urlsafe()))):
        decoded = visitor.json("/datastore/key", params={"key": text})["decoded"]
        assert eval(decoded["ndb"], {"ndb": ndb}) == key
        assert decoded["namespace"] == "n"
        assert visitor.get("/datastore/key", params={"key": text}).html.find("dl")
    params = {"key": 'Account, 1, Chat, "n\u00e4me\'\\""', "namespace": "n"}
    decoded = visitor.json("/datastore/key", params=params)["decoded"]
    assert decoded["urlsafe"] == key.urlsafe().decode()
    for wrong in ("x", "A, B, C", "A, 0", "\U0001f600", "A" * 5000, "'"):
        visitor.get("/datastore/key", params={"key": wrong}, status=400)


def test_hostile_names_and_values_are_shown_as_text(visitor: Visitor) -> None:
    entity = datastore.Entity(HOSTILE, name=HOSTILE)
    entity[HOSTILE] = HOSTILE
    entity["blob"] = datastore_types.Blob(b"<script>\x00\xff")
    key = datastore.Put(entity)
    visitor.get("/datastore")
    page = visitor.get("/datastore", params={"kind": HOSTILE})
    assert HOSTILE.replace("\u202e", "") in page.html.text.replace("\u202e", "")
    before = stored(visitor, key)
    page = visitor.get(page_of(key))
    visitor.do(page_of(key), "save", form_of(page))
    assert stored(visitor, key) == before
    visitor.get("/datastore/indexes")
    visitor.get("/datastore/new", params={"kind": HOSTILE, "namespace": ""})
    visitor.get("/datastore", params={"gql": HOSTILE}, status=400)


def test_huge_and_unknown_values_stay_as_they_are(visitor: Visitor) -> None:
    path = encode_path([("Odd", 1)])
    entity = entity_pb2.EntityProto()
    entity.key.CopyFrom(make_reference("dev~app", "", path))
    entity.entity_group.element.add().CopyFrom(entity.key.path.element[0])
    for name, meaning, data in (
        ("huge", 15, b"x" * 900_000),
        ("title", 3, b"of a meaning that nobody knows"),
        ("latin", 0, b"no utf-8 \xff\xfe"),
        ("late", 7, None),
    ):
        prop = entity.raw_property.add()
        prop.name = name
        prop.multiple = False
        if meaning:
            prop.meaning = meaning
        if data is None:
            prop.value.int64Value = (1 << 63) - 1
        else:
            prop.value.stringValue = data
    body = entity.SerializeToString()
    visitor.store.entities.apply([Write(EntityKey("", "Odd", path), body, {})])
    key = datastore_types.Key.from_path("Odd", 1)
    visitor.get("/datastore?kind=Odd")
    page = visitor.get(page_of(key))
    assert len(page.text) < 50_000
    sent = form_of(page)
    # The datastore would not take that text from the app either.
    assert "not valid UTF-8" in visitor.refuse(page_of(key), "save", sent)
    assert stored(visitor, key) == body
    place = next(n for n in range(4) if sent[f"name-{n}"] == "latin")
    visitor.do(page_of(key), "save", {**sent, f"remove-{place}": "1"})
    now = entity_pb2.EntityProto.FromString(stored(visitor, key))
    before = [each for each in entity.raw_property if each.name != "latin"]
    assert sorted(map(str, now.raw_property)) == sorted(map(str, before))


def many() -> list[Any]:
    return [
        pytest.param(10_000, id="ten-thousand"),
        pytest.param(1_000_000, id="a-million", marks=pytest.mark.slow),
    ]


@pytest.mark.parametrize("count", many())
def test_many_entities_are_paged_and_deleted(
    visitor: Visitor, wait_until: WaitUntil, count: int
) -> None:
    fill(visitor, count)
    facts = visitor.json("/datastore", params={"kind": "Note", "limit": "200"})
    assert (facts["total"], len(facts["answer"]["rows"])) == (count, 200)
    seen, pages = 0, 0
    while facts["answer"]["cursor"] and pages < 60:
        seen, pages = seen + len(facts["answer"]["rows"]), pages + 1
        params = {"kind": "Note", "limit": "200", "cursor": facts["answer"]["cursor"]}
        facts = visitor.json("/datastore", params=params)
    if count == 10_000:
        assert seen + len(facts["answer"]["rows"]) == count
    answer = visitor.post(
        "/datastore?kind=Note", "delete_all", {"sure": "yes"}, status=303
    )
    where = answer.headers["Location"]
    while not (facts := visitor.json(where))["is_over"]:
        # Other pages answer meanwhile.
        visitor.json("/datastore?kind=Note")
    assert facts["failure"] == ""
    assert visitor.store.entities.summary() == {}
