"""What was a list in Python 2.7, cursors over lists, and pickles that 2.7 wrote."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from google.appengine.api import apiproxy_stub_map, datastore, datastore_types
from google.appengine.api.memcache import memcache_stub
from google.appengine.ext import db, ndb
from hypothesis import strategies as st

from channelshim import appengine
from channelshim.services.datastore_v3 import DatastoreService
from channelshim.services.datastore_v3.values import values_of_body
from channelshim.store.sqlite.state import SqliteStore
from tests.exploring import Cases, explored

appengine.install()

APP = "dev~app"


class Newer(ndb.Model):
    tags = ndb.StringProperty(repeated=True)
    number = ndb.IntegerProperty()


class Older(db.Model):
    tags = db.StringListProperty()
    number = db.IntegerProperty()


class Listed(ndb.Model):
    numbers = ndb.IntegerProperty(repeated=True)
    others = ndb.IntegerProperty(repeated=True)


class Pickled(ndb.Model):
    value = ndb.PickleProperty()


@pytest.fixture(autouse=True)
def service(monkeypatch, tmp_path):
    monkeypatch.setenv("APPLICATION_ID", APP)
    # The mark of a connection is taken away again: other tests leave theirs behind.
    monkeypatch.setenv(datastore._ENV_KEY, "")
    store = SqliteStore(tmp_path, values_of_body)
    proxy = apiproxy_stub_map.APIProxyStubMap()
    proxy.RegisterStub("datastore_v3", DatastoreService(store.entities, APP))
    proxy.RegisterStub("memcache", memcache_stub.MemcacheServiceStub())
    proxy.ndb_memcache = False
    monkeypatch.setattr(apiproxy_stub_map, "apiproxy", proxy)
    ndb.tasklets._state.reset(None)
    yield
    store.close()


LAZY: list[Any] = [
    lambda: map(str, [1, 2]),
    lambda: filter(None, ["1", "", "2"]),
    lambda: {"1": 0, "2": 0}.keys(),
    lambda: {0: "1", 1: "2"}.values(),
]


@pytest.mark.parametrize("lazy", LAZY)
def test_a_list_property_takes_what_was_a_list(lazy: Any) -> None:
    assert Newer(tags=lazy()).tags == ["1", "2"]
    assert Older(tags=lazy()).tags == ["1", "2"]
    newer, older = Newer(), Older()
    newer.tags = lazy()
    older.tags = lazy()
    assert newer.put().get().tags == ["1", "2"]
    assert db.get(older.put()).tags == ["1", "2"]


def test_in_takes_what_was_a_list() -> None:
    Newer(number=2).put()
    Older(number=2).put()
    numbers = [range(3), {2: 0}.keys(), map(int, "2"), filter(None, [0, 2])]
    assert [Newer.query(Newer.number.IN(each)).count() for each in numbers] == [1] * 4
    numbers = [range(3), {2: 0}.keys(), map(int, "2"), filter(None, [0, 2])]
    assert [Older.all().filter("number IN", n).count() for n in numbers] == [1] * 4


def test_what_was_never_a_list_is_refused_as_before() -> None:
    for wrong in ("text", 5, iter([1])):
        with pytest.raises(datastore.datastore_errors.BadValueError):
            Newer(tags=wrong)
        with pytest.raises(datastore.datastore_errors.BadArgumentError):
            Newer.number.IN(wrong)


def _pages(query: Any, size: int) -> list[int]:
    found: list[int] = []
    cursor, more = None, True
    while more:
        entities, cursor, more = query.fetch_page(size, start_cursor=cursor)
        found += [entity.key.id() for entity in entities]
    return found


LISTS = st.lists(st.lists(st.integers(-2, 4), max_size=4), max_size=7)


@explored(20, 500)
def test_pages_of_an_equality_and_a_bound_on_one_list_are_the_whole(
    cases: Cases,
) -> None:
    def claim(lists: Any, equal: int, low: int, is_descending: bool, size: int) -> None:
        ndb.delete_multi(Listed.query().fetch(keys_only=True))
        ndb.put_multi(
            Listed(id=number, numbers=numbers, others=[3])
            for number, numbers in enumerate(lists, start=1)
        )
        numbers = Listed.numbers
        query = Listed.query(numbers == equal, Listed.others == 3, numbers > low)
        query = query.order(-numbers if is_descending else numbers)
        whole = [entity.key.id() for entity in query]
        assert _pages(query, size) == whole

    cases.check(
        claim,
        LISTS,
        st.integers(-2, 4),
        st.integers(-2, 4),
        st.booleans(),
        st.integers(1, 3),
    )


# What cPickle.dumps(value, 2) of Python 2.7.18 gave.
PICKLES: list[tuple[bytes, Any]] = [
    (b"\x80\x02}q\x01U\x01aU\x01bs.", {"a": "b"}),
    (
        b"\x80\x02cdatetime\ndatetime\nq\x01U\n\x07\xdc\x03\x04\x05\x06\x07\x00\x00"
        b"\x08\x85Rq\x02.",
        datetime.datetime(2012, 3, 4, 5, 6, 7, 8),
    ),
    (
        b"\x80\x02cdatetime\ndate\nq\x01U\x04\x07\xdc\x01\x01\x85Rq\x02.",
        datetime.date(2012, 1, 1),
    ),
    (b"\x80\x02U\x05caf\xc3\xa9q\x01.", "café"),
    (b"\x80\x02U\x02\xff\xd8q\x01.", "\udcff\udcd8"),
]


@pytest.mark.parametrize(("stored", "value"), PICKLES)
def test_a_pickle_of_27_is_read(stored: bytes, value: Any) -> None:
    entity = datastore.Entity("Pickled", unindexed_properties=["value"])
    entity["value"] = datastore_types.Blob(stored)
    key = ndb.Key(urlsafe=str(datastore.Put(entity)))
    assert key.get(use_cache=False).value == value


def test_what_python_3_pickles_is_read_as_ever() -> None:
    value = {"when": datetime.datetime(2020, 1, 2), "raw": b"\xff", "text": "é"}
    assert Pickled(value=value).put().get(use_cache=False).value == value
