"""The datastore through ndb and db, as apps use it; what the oracle does not reach."""

from __future__ import annotations

import base64
import threading

import pytest
from google.appengine.api import (
    apiproxy_stub_map,
    datastore_errors,
    datastore_types,
    namespace_manager,
)
from google.appengine.datastore import datastore_pb
from google.appengine.ext import db, ndb
from google.appengine.ext.ndb import metadata
from google.appengine.runtime import apiproxy_errors

from channelshim import appengine, limits
from channelshim.contracts.index_definitions import IndexDefinition
from channelshim.errors import ConfigurationError, StorageError
from channelshim.services.datastore_v3 import (
    DatastoreService,
    batches,
    queries,
    transactions,
)
from channelshim.services.datastore_v3.values import values_of_body
from channelshim.store import bounds
from channelshim.store.sqlite.state import SqliteStore

APP = "dev~app"

appengine.install()


class Greeting(ndb.Model):
    author = ndb.StringProperty()
    tags = ndb.StringProperty(repeated=True)
    number = ndb.IntegerProperty()
    other = ndb.IntegerProperty()
    text = ndb.TextProperty()


class OldGreeting(db.Model):
    author = db.StringProperty()
    date = db.DateTimeProperty(auto_now_add=True)
    tags = db.StringListProperty()
    blob = db.BlobProperty()


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("APPLICATION_ID", APP)
    monkeypatch.setenv("AUTH_DOMAIN", "gmail.com")


@pytest.fixture
def store(open_store):
    return open_store(values_of_body)


@pytest.fixture
def serving(monkeypatch, store):
    """Return a function that makes a service and puts it behind the API proxy."""

    def serve(**settings):
        service = DatastoreService(store.entities, APP, **settings)
        proxy = apiproxy_stub_map.APIProxyStubMap()
        proxy.RegisterStub("datastore_v3", service)
        monkeypatch.setattr(apiproxy_stub_map, "apiproxy", proxy)
        fresh_context()
        return service

    return serve


@pytest.fixture(autouse=True)
def service(serving):
    return serving()


def fresh_context():
    """Forget what ndb has cached, as the next request does."""
    context = ndb.tasklets._state
    context.reset(None)
    ndb.get_context().set_memcache_policy(False)
    ndb.get_context().set_cache_policy(False)


def fill(count, **fields):
    return ndb.put_multi([Greeting(number=n, **fields) for n in range(count)])


def kinds_of_plans(monkeypatch):
    """Return a list that fills with whether each query was sorted in memory."""
    from channelshim.services.datastore_v3 import queries

    seen = []
    original = queries.sort_candidates  # type: ignore[attr-defined]

    def note(*arguments):
        seen.append("sorted")
        return original(*arguments)

    monkeypatch.setattr(queries, "sort_candidates", note)
    return seen


def test_entities_outlive_a_restart(store, open_store, serving, monkeypatch):
    key = Greeting(author="ann", tags=["a", "b"], text="é").put()
    store.close()
    again = open_store(values_of_body)
    proxy = apiproxy_stub_map.APIProxyStubMap()
    proxy.RegisterStub("datastore_v3", DatastoreService(again.entities, APP))
    monkeypatch.setattr(apiproxy_stub_map, "apiproxy", proxy)
    found = key.get()
    assert (found.author, found.tags, found.text) == ("ann", ["a", "b"], "é")
    assert Greeting.query(Greeting.tags == "b").get(keys_only=True) == key


def test_scattered_ids_are_large_and_none_comes_twice(serving):
    first = {key.id() for key in fill(150)}
    serving()
    second = {key.id() for key in fill(150)}
    assert len(first | second) == 300
    assert min(first | second) > 1 << 50


def test_sequential_ids_step_over_those_that_the_app_chose(serving):
    serving(auto_id_policy="sequential")
    Greeting(id=2).put()
    assert [key.id() for key in fill(3)] == [1, 3, 4]


def test_other_policy_is_refused(store):
    with pytest.raises(ConfigurationError, match="sequential"):
        DatastoreService(store.entities, APP, auto_id_policy="random")  # type: ignore[arg-type]


def test_allocated_and_reserved_ids_are_not_given_again(serving):
    serving(auto_id_policy="sequential")
    assert Greeting.allocate_ids(size=5) == (1, 5)
    Greeting.allocate_ids(max=9)
    assert Greeting().put().id() == 10


def test_namespaces_are_apart():
    Greeting(id="x", author="here").put()
    namespace_manager.set_namespace("n")
    try:
        assert Greeting.get_by_id("x") is None
        assert Greeting.query().count() == 0
        Greeting(id="x", author="there").put()
    finally:
        namespace_manager.set_namespace("")
    assert Greeting.get_by_id("x").author == "here"
    assert metadata.get_namespaces() == ["", "n"]


def test_other_apps_data_is_refused():
    with pytest.raises(datastore_errors.BadRequestError):
        ndb.Key("Greeting", 1, app="dev~other").get()


def test_old_db_api_works():
    ann = OldGreeting(author="ann", tags=["x", "y"], blob=db.Blob(b"\x00\xff"))
    key = ann.put()
    OldGreeting(author="bob", parent=ann).put()
    assert db.get(key).blob == b"\x00\xff"
    assert OldGreeting.all().filter("tags =", "y").get().author == "ann"
    assert [each.author for each in OldGreeting.all().order("-author")] == [
        "bob",
        "ann",
    ]
    assert OldGreeting.all().ancestor(ann).count() == 2
    assert OldGreeting.gql("WHERE author IN ('ann', 'bob')").count() == 2
    query = OldGreeting.all().order("author")
    assert query.fetch(1)[0].author == "ann"
    rest = OldGreeting.all().order("author").with_cursor(query.cursor())
    assert [each.author for each in rest] == ["bob"]
    db.run_in_transaction(lambda: db.delete(key))
    assert OldGreeting.all().count() == 1


def test_in_and_not_equal_are_merged():
    fill(10)
    found = Greeting.query(Greeting.number.IN([1, 3, 3, 99])).order(-Greeting.number)
    assert [each.number for each in found] == [3, 1]
    assert Greeting.query(Greeting.number != 4).count() == 9


def test_more_results_than_an_answer_holds_come_in_batches(monkeypatch):
    monkeypatch.setattr(batches, "QUERY_BATCH_ROWS", 7)
    fill(50)
    assert [each.number for each in Greeting.query().order(Greeting.number)] == list(
        range(50)
    )
    assert Greeting.query().count() == 50
    assert len(Greeting.query().fetch(20, offset=15)) == 20


def test_large_entities_come_in_smaller_batches(monkeypatch):
    monkeypatch.setattr(limits, "QUERY_BATCH_BYTES", 10_000)
    fill(20, text="x" * 4000)
    assert Greeting.query().count() == 20
    assert len(Greeting.query().fetch()) == 20


def test_query_forgotten_for_newer_ones_says_so(monkeypatch):
    monkeypatch.setattr(queries, "MAXIMUM_OPEN_QUERIES", 1)
    monkeypatch.setattr(batches, "QUERY_BATCH_ROWS", 2)
    fill(10)
    connection = ndb.get_context()._conn
    first = Greeting.query()._get_query(connection).run(connection)
    next(first)
    second = Greeting.query()._get_query(connection).run(connection)
    next(second)
    next(second)
    with pytest.raises(datastore_errors.BadRequestError, match="not found"):
        list(first)


def test_composite_index_is_built_once_and_then_used(monkeypatch, service):
    monkeypatch.setattr(bounds, "STORE_BUILD_BATCH", 10)
    fill(queries.QUERY_SORTED_ROWS + 30, author="ann", other=1)
    plans = kinds_of_plans(monkeypatch)
    query = Greeting.query(Greeting.author == "ann").order(-Greeting.number)
    newest = queries.QUERY_SORTED_ROWS + 29
    assert [each.number for each in query.fetch(2)] == [newest, newest - 1]
    assert plans == []
    definition = IndexDefinition((("author", False), ("number", True)))
    with service.entities.read() as snapshot:
        kind_id = snapshot.kind_id("", "Greeting")
        assert snapshot.index(kind_id, definition).is_ready


def test_cursors_move_on_over_list_properties():
    for number in range(6):
        Greeting(id=number + 1, author="ann", tags=[str(number), "z"]).put()
    query = Greeting.query(Greeting.author == "ann").order(Greeting.tags)
    cursor, seen = None, []
    for _ in range(3):
        found, cursor, _ = query.fetch_page(2, start_cursor=cursor)
        seen += [each.key.id() for each in found]
    assert seen == [1, 2, 3, 4, 5, 6]


def test_cursor_that_lacks_a_field_is_a_bad_request():
    fill(3)
    lacks_an_app = datastore_pb.CompiledCursor()
    lacks_an_app.postfix_position.key.SetInParent()
    made_up = lacks_an_app.SerializePartialToString()
    for more in ("start_cursor", "end_cursor"):
        cursor = ndb.Cursor.from_bytes(made_up)
        with pytest.raises(datastore_errors.BadRequestError, match=r"lacks .*app"):
            Greeting.query().fetch_page(2, **{more: cursor})
    query = OldGreeting.all().with_cursor(base64.urlsafe_b64encode(made_up))
    with pytest.raises(datastore_errors.BadRequestError, match=r"lacks .*app"):
        query.fetch(1)


def test_few_candidates_are_sorted_without_an_index(monkeypatch):
    fill(5, author="ann")
    plans = kinds_of_plans(monkeypatch)
    query = Greeting.query(Greeting.author == "ann").order(-Greeting.number)
    assert query.get().number == 4
    assert plans == ["sorted"]


def test_index_follows_later_writes():
    keys = fill(queries.QUERY_SORTED_ROWS + 5, author="ann")
    query = Greeting.query(Greeting.author == "ann").order(-Greeting.number)
    query.fetch(1)
    late = Greeting(author="ann", number=1000).put()
    assert query.get().key == late
    late.delete()
    first = keys[0].get()
    first.number = 2000
    first.put()
    assert query.get().key == keys[0]
    assert query.count() == queries.QUERY_SORTED_ROWS + 5


def test_index_that_cannot_be_built_is_done_without(monkeypatch, service):
    fill(queries.QUERY_SORTED_ROWS + 5, author="ann")

    def refuse(*_arguments):
        raise StorageError("the disk is full")

    monkeypatch.setattr(service.entities, "build_index", refuse)
    query = Greeting.query(Greeting.author == "ann").order(-Greeting.number)
    assert query.get().number == queries.QUERY_SORTED_ROWS + 4


def test_exploding_index_is_refused_and_stores_nothing(monkeypatch):
    monkeypatch.setattr(limits, "STORE_MAXIMUM_INDEX_ROWS", 10)
    with pytest.raises(datastore_errors.BadRequestError, match="index rows"):
        Greeting(id=1, tags=[str(n) for n in range(20)]).put()
    assert Greeting.get_by_id(1) is None


def test_required_index_is_named_until_index_yaml_has_it(serving, tmp_path):
    index_yaml = tmp_path / "index.yaml"
    serving(require_indexes=True, index_yaml=index_yaml)
    fill(3, author="ann")
    query = Greeting.query(Greeting.author == "ann").order(-Greeting.number)
    assert Greeting.query(Greeting.author == "ann").count() == 3
    with pytest.raises(datastore_errors.NeedIndexError, match="direction: desc"):
        query.fetch()
    index_yaml.write_text(
        "indexes:\n- kind: Greeting\n  properties:\n  - name: author\n"
        "  - name: number\n    direction: desc\n"
    )
    assert query.get().number == 2
    assert metadata.get_kinds() == ["Greeting"]


def test_indexes_of_index_yaml_are_listed(serving, tmp_path):
    index_yaml = tmp_path / "index.yaml"
    serving(index_yaml=index_yaml)
    connection = ndb.get_context()._conn
    assert connection.get_indexes() == []
    index_yaml.write_text("indexes:\n")
    assert connection.get_indexes() == []
    index_yaml.write_text(
        "indexes:\n- kind: A\n  ancestor: yes\n  properties:\n  - name: b\n"
    )
    (found,) = connection.get_indexes()
    assert found.definition.kind == "A"
    assert found.definition.ancestor


def test_entity_group_has_a_version_that_grows():
    key = Greeting(id=1).put()
    before = metadata.get_entity_group_version(key)
    Greeting(id=2, parent=key).put()
    assert metadata.get_entity_group_version(key) > before


def test_transaction_sees_what_was_when_it_began_to_read():
    key = Greeting(id=1, number=1).put()
    Greeting(id=2, parent=key, number=7).put()
    seen = []

    def change():
        fresh_context()
        other = key.get()
        other.number = 2
        other.put()
        ndb.Key(Greeting, 1, Greeting, 2).delete()

    @ndb.transactional(read_only=True)
    def look():
        seen.append(key.get().number)
        thread = threading.Thread(target=change)
        thread.start()
        thread.join()
        seen.append(key.get(use_cache=False).number)
        seen.append(Greeting.query(ancestor=key).count())

    look()
    assert seen == [1, 1, 2]
    assert key.get().number == 2


def test_conflict_is_retried_and_then_told():
    key = Greeting(id=1, number=0).put()

    def interfere():
        def change():
            fresh_context()
            other = key.get()
            other.number += 10
            other.put()

        thread = threading.Thread(target=change)
        thread.start()
        thread.join()

    attempts = []

    def increment(interferences):
        found = key.get()
        if len(attempts) < interferences:
            interfere()
        attempts.append(1)
        found.number += 1
        found.put()

    ndb.transaction(lambda: increment(1))
    assert (key.get().number, len(attempts)) == (11, 2)
    attempts.clear()
    with pytest.raises(datastore_errors.TransactionFailedError):
        ndb.transaction(lambda: increment(99), retries=2)
    assert (key.get().number, len(attempts)) == (41, 3)


def test_groups_read_one_after_the_other_do_not_seem_changed():
    first, second = Greeting(id=1, number=1).put(), Greeting(id=2, number=1).put()

    def change_second():
        fresh_context()
        Greeting(id=2, number=5).put()

    @ndb.transactional(xg=True, retries=0)
    def move():
        one = first.get()
        thread = threading.Thread(target=change_second)
        thread.start()
        thread.join()
        two = second.get()
        one.number, two.number = two.number, one.number
        ndb.put_multi([one, two])

    move()
    assert (first.get().number, second.get().number) == (5, 1)


def test_twenty_five_groups_and_no_more():
    keys = [Greeting(id=n, number=0).put() for n in range(1, 27)]

    @ndb.transactional(xg=True)
    def touch(some):
        return [key.get() for key in some]

    assert len(touch(keys[:25])) == 25
    with pytest.raises(datastore_errors.BadRequestError, match="too many"):
        touch(keys)

    @ndb.transactional
    def touch_two():
        return [key.get() for key in keys[:2]]

    with pytest.raises(datastore_errors.BadRequestError, match="xg=True"):
        touch_two()


def test_propagation():
    @ndb.transactional(propagation=ndb.TransactionOptions.MANDATORY)
    def inner():
        Greeting(id=1).put()

    with pytest.raises(datastore_errors.BadRequestError):
        inner()
    ndb.transaction(inner)
    assert Greeting.get_by_id(1) is not None

    @ndb.transactional
    def outer():
        Greeting(id=2).put()
        ndb.non_transactional(lambda: Greeting(id=3).put())()
        raise ndb.Rollback

    outer()
    assert Greeting.get_by_id(2) is None
    assert Greeting.get_by_id(3) is not None


def test_abandoned_transactions_end_by_themselves(monkeypatch, service):
    monkeypatch.setattr(transactions, "MAXIMUM_TRANSACTIONS", 2)
    connection = ndb.get_context()._conn
    handles = [connection.begin_transaction(APP) for _ in range(4)]
    assert len(service._transactions._open) == 2
    with pytest.raises(apiproxy_errors.ApplicationError, match="not found"):
        service._transactions.find(handles[0])


def test_clear_leaves_nothing_and_ids_go_on(service):
    first = Greeting(number=1).put()
    service.Clear()
    assert metadata.get_kinds() == []
    assert Greeting.query(Greeting.number == 1).count() == 0
    assert Greeting(number=1).put() != first


def test_unwaited_put_is_done():
    key = ndb.Key(Greeting, 1)
    Greeting(key=key, number=3).put_async()
    ndb.get_context().flush().check_success()
    assert key.get().number == 3


def test_user_values_get_their_id():
    class Owned(ndb.Model):
        owner = ndb.UserProperty()

    from google.appengine.api import users

    key = Owned(owner=users.User("Ann@example.com")).put()
    assert key.get().owner.user_id() == "137124870312556742271"
    assert Owned.query(Owned.owner == users.User("Ann@example.com")).count() == 1


def test_scatter_property_sorts_for_mappers():
    fill(40)
    found = list(ndb.Query(kind="Greeting").order(ndb.GenericProperty("__scatter__")))
    assert 0 < len(found) < 40


def test_key_of_an_entity_is_found_by_range():
    keys = sorted(fill(10), key=lambda key: key.id())
    later = Greeting.query(Greeting.key > keys[6]).order(Greeting.key)
    assert later.fetch(keys_only=True) == keys[7:]
    upwards = Greeting.query(Greeting.key == keys[3])
    assert upwards.fetch(keys_only=True) == [keys[3]]


def test_projection_may_be_sorted_by_key():
    for number in range(3):
        Greeting(id=number + 1, number=9 - number, tags=["b", "a"]).put()
    found = Greeting.query().order(Greeting.key).fetch(projection=[Greeting.number])
    assert [each.number for each in found] == [9, 8, 7]
    found = Greeting.query().order(-Greeting.key).fetch(projection=[Greeting.tags])
    assert [each.key.id() for each in found] == [3, 3, 2, 2, 1, 1]


def test_get_of_a_datastore_key_type():
    key = datastore_types.Key.from_path("OldGreeting", 77, _app=APP)
    assert db.get(key) is None


@pytest.mark.parametrize("body", [b"\xff" * 40, b"\x0a\xff\xff\xff\x7f"])
def test_entity_that_cannot_be_read_is_the_datastores_error(
    monkeypatch, tmp_path, body
):
    store = SqliteStore(tmp_path, values_of_body, takes_lease=False)
    proxy = apiproxy_stub_map.APIProxyStubMap()
    proxy.RegisterStub("datastore_v3", DatastoreService(store.entities, APP))
    monkeypatch.setattr(apiproxy_stub_map, "apiproxy", proxy)
    key = Greeting(author="ann").put()
    with store.database.write() as connection:
        connection.execute("UPDATE entity SET body = ?", (body,))
    for read in (key.get, key.delete, Greeting.query(Greeting.author == "ann").get):
        fresh_context()
        with pytest.raises(datastore_errors.InternalError, match="damaged"):
            read()
