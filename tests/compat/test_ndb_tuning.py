"""ndb as mended: the iterator, the memcache policy, read-only transactions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.appengine.api import apiproxy_stub_map, datastore_errors
from google.appengine.api.memcache import memcache_stub
from google.appengine.ext import ndb

from channelshim import appengine
from channelshim.compat.ndb_iterator import BatchIterator
from channelshim.services.datastore_v3 import DatastoreService
from channelshim.services.datastore_v3.values import values_of_body
from channelshim.store.sqlite.state import SqliteStore

ROOT = Path(__file__).resolve().parents[2]

appengine.install()


class Item(ndb.Model):
    number = ndb.IntegerProperty()


@pytest.fixture
def cache():
    return memcache_stub.MemcacheServiceStub()


@pytest.fixture(autouse=True)
def service(monkeypatch, tmp_path, cache):
    monkeypatch.setenv("APPLICATION_ID", "dev~app")
    store = SqliteStore(tmp_path, values_of_body)
    service = DatastoreService(store.entities, "dev~app")
    proxy = apiproxy_stub_map.APIProxyStubMap()
    proxy.RegisterStub("datastore_v3", service)
    proxy.RegisterStub("memcache", cache)
    proxy.ndb_memcache = False
    monkeypatch.setattr(apiproxy_stub_map, "apiproxy", proxy)
    ndb.tasklets._state.reset(None)
    yield service
    store.close()


def numbers(found):
    return [each.number for each in found]


def fill(count):
    return ndb.put_multi([Item(id=n + 1, number=n) for n in range(count)])


def test_queries_iterate_by_batches():
    fill(5)
    found = Item.query().order(Item.number).iter(batch_size=2)
    assert isinstance(found, BatchIterator)
    assert isinstance(found, ndb.QueryIterator)
    assert numbers(found) == [0, 1, 2, 3, 4]
    assert list(found) == []


def test_has_next_and_next_agree():
    fill(3)
    found = Item.query().order(Item.number).iter(batch_size=1)
    seen = []
    while found.has_next():
        assert found.probably_has_next()
        seen.append(found.next().number)
    assert seen == [0, 1, 2]
    with pytest.raises(StopIteration):
        found.next()


def test_tasklets_iterate_too():
    fill(3)

    @ndb.tasklet
    def total():
        found = Item.query().iter(batch_size=2)
        result = 0
        while (yield found.has_next_async()):
            result += found.next().number
        raise ndb.Return(result)

    assert total().get_result() == 3


def test_cursors_of_an_iterator():
    fill(4)
    query = Item.query().order(Item.number)
    found = query.iter(produce_cursors=True, batch_size=3)
    with pytest.raises(datastore_errors.BadArgumentError):
        found.cursor_after()
    next(found)
    next(found)
    behind = found.cursor_after()
    assert numbers(query.iter(start_cursor=behind)) == [2, 3]
    assert numbers(query.iter(start_cursor=found.cursor_before())) == [1, 2, 3]
    list(found)
    assert found.cursor_before() == found.cursor_after()
    assert found.index_list() == []


def test_merged_queries_iterate():
    fill(4)
    found = Item.query(Item.number.IN([3, 1])).order(Item.number).iter()
    assert numbers(found) == [1, 3]


def test_entities_of_this_request_take_the_place_of_found_ones():
    fill(3)
    changed = Item.get_by_id(2)
    changed.number = 77
    changed.put()
    ndb.Key(Item, 3).delete()
    again = list(Item.query().order(Item.key))
    assert [each is changed for each in again] == [False, True]


def test_error_of_a_query_reaches_the_loop():
    wrong = Item.query(ndb.GenericProperty("a") > 1, ndb.GenericProperty("b") > 1)
    with pytest.raises(datastore_errors.BadRequestError):
        list(wrong)
    with pytest.raises(datastore_errors.BadRequestError):
        wrong.iter().has_next()


def test_stopping_early_leaves_nothing_behind():
    fill(5)
    for found in Item.query().order(Item.number).iter(batch_size=1):
        if found.number == 1:
            break
    assert Item.query().count() == 5


def cached_keys(cache):
    return sum(len(names) for names in cache._the_cache.values())


def test_memcache_is_left_alone_unless_asked(cache):
    key = Item(number=1).put()
    key.get(use_cache=False)
    assert cached_keys(cache) == 0


@pytest.mark.parametrize("says", ["call", "context", "model"])
def test_memcache_is_used_where_an_app_says_so(cache, says, monkeypatch):
    key = Item(number=1).put()
    options = {"use_cache": False}
    if says == "call":
        options["use_memcache"] = True
    elif says == "context":
        ndb.get_context().set_memcache_policy(True)
    else:
        monkeypatch.setattr(Item, "_use_memcache", True, raising=False)
    key.get(**options)
    assert cached_keys(cache) == 1


def test_read_only_transactions_read_and_do_not_write():
    key = Item(number=1).put()

    @ndb.transactional(read_only=True)
    def look():
        return key.get().number

    assert look() == 1

    @ndb.transactional(read_only=True)
    def write():
        Item(key=key, number=2).put()

    with pytest.raises(datastore_errors.BadRequestError, match="read-only"):
        write()


def test_applying_imports_nothing_of_googles():
    program = (
        "import sys; from channelshim import appengine; "
        "appengine.install(); "
        "assert 'google.appengine' not in sys.modules; "
        "from google.appengine.ext import ndb; "
        "assert ndb.QueryIterator.__name__ == 'BatchIterator'; "
        "assert not ndb.utils.DEBUG; "
        "assert 'ruamel.yaml' not in sys.modules; "
        "from google.appengine.datastore import datastore_query; "
        "assert datastore_query.datastore_index.ASCENDING == 1; "
        "assert 'ruamel.yaml' in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], check=True, cwd=ROOT
    )


@pytest.mark.parametrize(
    "key",
    [
        ndb.Key("Item", 5, app="dev~app"),
        ndb.Key("Item", "naïve 中", app="dev~app"),
        ndb.Key("Parent", "p", "Item", 2**53, app="dev~app", namespace="other"),
    ],
    ids=["number", "name", "parent"],
)
def test_an_entity_that_is_read_has_the_key_that_ndb_makes(key):
    pb = Item(key=key, number=7)._to_pb()
    entity = ndb.model.ModelAdapter().pb_to_entity(pb)
    usual = ndb.Key(reference=pb.key)
    assert entity.number == 7
    for found in (entity.key, entity.key.parent() or entity.key):
        assert type(found) is ndb.Key
    assert (entity.key, hash(entity.key)) == (usual, hash(usual))
    assert entity.key.flat() == usual.flat()
    assert entity.key.pairs() == usual.pairs()
    assert entity.key.app() == usual.app()
    assert entity.key.namespace() == usual.namespace()
    assert entity.key.reference() == usual.reference()
    assert entity.key.urlsafe() == usual.urlsafe()
    pb.key.path.element[0].type = "Changed"
    assert entity.key == usual


def test_an_entity_without_a_whole_key_has_none_as_in_ndb():
    pb = Item(number=7)._to_pb()
    assert ndb.model.ModelAdapter().pb_to_entity(pb).key is None
    pb.ClearField("key")
    with pytest.raises(ndb.KindError):
        ndb.model.ModelAdapter().pb_to_entity(pb)


class Own(ndb.Model):
    number = ndb.IntegerProperty()
    text = ndb.StringProperty(default="usual")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.was_made = True


class Loose(ndb.Expando):
    pass


def test_a_model_with_a_constructor_of_its_own_is_made_by_it():
    key = Own(number=7).put()
    Loose(id=1, anything=5).put()
    ndb.get_context().clear_cache()
    found = key.get()
    assert found.was_made
    assert (found.number, found.text) == (7, "usual")
    assert Loose.get_by_id(1).anything == 5


def test_an_entity_that_is_read_can_be_changed_alone():
    fill(2)
    ndb.get_context().clear_cache()
    one, two = Item.query().order(Item.number)
    one.number = 9
    one.populate(number=10)
    assert (one.number, two.number) == (10, 1)
    assert one == Item(key=one.key, number=10)
    assert one.to_dict() == {"number": 10}


def test_text_of_an_expando_comes_back_as_text():
    Loose(ascii="goes", wide="中").put()
    ndb.get_context().clear_cache()
    found = Loose.query(ndb.GenericProperty("ascii") == "goes").get()
    assert (found.ascii, found.wide) == ("goes", "中")
    # What was read can be written again, and is the same.
    found.put()
    ndb.get_context().clear_cache()
    assert found.key.get() == found
    assert Loose.query(ndb.GenericProperty("ascii") == "goes").count() == 1
