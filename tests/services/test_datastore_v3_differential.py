"""Random operations on our datastore and on the SDK's stub find no difference."""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from google.appengine.api import datastore, datastore_types, users
from google.appengine.datastore import datastore_query, datastore_rpc
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from channelshim.services.datastore_v3.queries import QUERY_SORTED_ROWS
from channelshim.services.datastore_v3.values import values_of_body
from channelshim.store.sqlite.state import SqliteStore
from tests.services.datastore_sides import APP, ours, theirs, told
from tests.store.backends import give_back_schema, open_postgres, take_schema
from tests.store.dict_store import DictStore, Disk

NAMES = ("a", "b", "c")
# Shrinking takes minutes; CHANNELSHIM_TESTS_SHRINK=1 asks for it.
PHASES = [Phase.explicit, Phase.generate]
if os.environ.get("CHANNELSHIM_TESTS_SHRINK"):
    PHASES.append(Phase.shrink)
DAY = datetime.datetime(2012, 2, 29, 12, 0, 0, 250)

numbers = st.one_of(st.integers(-2, 2), st.sampled_from([-(1 << 63), (1 << 63) - 1]))
texts = st.sampled_from(["", "a", "b", "ab", "a\0", "é", "\U0001f600", "\uffff"])
floats = st.sampled_from([0.0, -0.5, 1.5, 1e300, float("inf"), float("-inf")])
others = st.sampled_from(
    [
        None,
        True,
        False,
        DAY,
        datetime.datetime(1969, 1, 1),
        datastore_types.GeoPt(1.5, -2),
        datastore_types.GeoPt(1.5, 3),
        datastore_types.ByteString(b"\x00\xff"),
        datastore_types.Link("http://example.com/"),
        datastore_types.Category("news"),
        datastore_types.Rating(50),
        datastore_types.Email("ann@example.com"),
        datastore_types.Key.from_path("A", 1001, _app=APP),
        datastore_types.Key.from_path("A", 1001, "B", "x", _app=APP, namespace="n"),
    ]
)
values = st.one_of(numbers, texts, floats, others)
unindexed = st.sampled_from(
    [datastore_types.Text("long"), datastore_types.Blob(b"\x00\x01")]
)
ids = st.sampled_from([1001, 1002, "x", "y"])
kinds = st.sampled_from(["A", "B"])
namespaces = st.sampled_from(["", "", "", "n"])
paths = st.one_of(
    st.tuples(kinds, ids),
    st.tuples(st.just("A"), st.sampled_from([1001, "x"]), kinds, ids),
)
# The same few values again and again, so that filters find something.
common = st.one_of(st.integers(0, 2), st.sampled_from(["a", "b", 1.5, None, True]))
one_or_many = st.one_of(
    common, values, st.lists(common, min_size=1, max_size=3), unindexed
)
properties = st.dictionaries(st.sampled_from(NAMES), one_or_many, max_size=3)
operators = st.sampled_from(["=", "=", "=", "<", "<=", ">", ">="])
directions = st.sampled_from(
    [datastore_query.PropertyOrder.ASCENDING, datastore_query.PropertyOrder.DESCENDING]
)
filters = st.lists(st.tuples(st.sampled_from(NAMES), operators, common), max_size=2)
key_filters = st.lists(st.tuples(operators, paths), max_size=1)
orders = st.lists(
    st.tuples(st.sampled_from([*NAMES, "__key__"]), directions), max_size=3
)
projections = st.one_of(
    st.just(()), st.lists(st.sampled_from(NAMES), unique=True, max_size=2)
)
transaction_names = st.sampled_from(["t", "u"])


def key_of(path, namespace):
    return datastore_types.Key.from_path(*path, _app=APP, namespace=namespace)


def entity_of(path, namespace, given):
    key = key_of(path, namespace)
    made = datastore.Entity(
        key.kind(),
        name=key.name(),
        id=key.id(),
        parent=key.parent(),
        _app=APP,
        namespace=namespace,
    )
    made.update(given)
    return made


@st.composite
def queries(draw):
    """Return a function from a query's end to the query, and its options."""
    namespace = draw(namespaces)
    kind = draw(st.sampled_from(["A", "A", "A", "B", None]))
    ancestor = draw(st.one_of(st.none(), st.none(), paths))
    projection = draw(projections)
    group_by = ()
    if projection:
        group_by = draw(st.sampled_from([(), tuple(projection), tuple(projection[:1])]))
    predicates = []
    if kind is not None:
        predicates += [
            datastore_query.make_filter(name, operator, value)
            for name, operator, value in draw(filters)
        ]
    predicates += [
        datastore_query.make_filter("__key__", operator, key_of(path, namespace))
        for operator, path in draw(key_filters)
    ]
    sorts = draw(orders) if kind is not None else []
    return datastore_query.Query(
        app=APP,
        namespace=namespace,
        kind=kind,
        ancestor=None if ancestor is None else key_of(ancestor, namespace)._ToPb(),
        filter_predicate=(
            datastore_query.CompositeFilter(
                datastore_query.CompositeFilter.AND, predicates
            )
            if predicates
            else None
        ),
        order=(
            datastore_query.CompositeOrder(
                [datastore_query.PropertyOrder(*each) for each in sorts]
            )
            if sorts
            else None
        ),
        group_by=list(group_by) or None,
    ), {
        "projection": list(projection) or None,
        "keys_only": draw(st.booleans()) and not projection,
    }


def fetch(query, connection, **options):
    """Return the results of all batches, and the cursor behind the last."""
    found, cursor = [], None
    batcher = query.run(connection, datastore_query.QueryOptions(**options))
    for batch in batcher:
        found += [told(result) for result in batch.results]
        cursor = batch.end_cursor
    return found, cursor


class Comparison(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.store = self.open_store()
        self.sides = (ours(self.store.entities), theirs())
        self.open = set()

    def teardown(self):
        self.sides[0].service.Clear()
        self.store.close()
        shutil.rmtree(self.directory)

    def open_store(self):
        """Return an empty store."""
        return SqliteStore(self.directory, values_of_body)

    def same(self, question):
        first, second = (side.ask(question) for side in self.sides)
        assert first == second
        return first

    @rule(path=paths, namespace=namespaces, given=properties)
    def put(self, path, namespace, given):
        self.same(
            lambda side: repr(
                side.connection().put([entity_of(path, namespace, given)])
            )
        )

    @rule(
        many=st.lists(st.tuples(paths, properties), min_size=2, max_size=6),
        namespace=namespaces,
    )
    def put_many(self, many, namespace):
        self.same(
            lambda side: repr(
                side.connection().put(
                    [entity_of(path, namespace, given) for path, given in many]
                )
            )
        )

    @rule(kind=kinds, given=properties)
    def put_without_id(self, kind, given):
        def question(side):
            made = datastore.Entity(kind, _app=APP, namespace="")
            made.update(given)
            return repr(side.connection().put([made]))

        self.same(question)

    @rule(email=st.sampled_from(["Ann@example.com", "bob@example.com"]), path=paths)
    def put_user(self, email, path):
        user = users.User(email, _auth_domain="gmail.com")
        self.put(path, "", {"a": user})

    @rule(some=st.lists(paths, min_size=1, max_size=3), namespace=namespaces)
    def delete(self, some, namespace):
        keys = [key_of(path, namespace) for path in some]
        self.same(lambda side: side.connection().delete(keys))

    @rule(some=st.lists(paths, min_size=1, max_size=3), namespace=namespaces)
    def get(self, some, namespace):
        keys = [key_of(path, namespace) for path in some]
        self.same(lambda side: [told(each) for each in side.connection().get(keys)])

    @rule(
        asked=queries(),
        limit=st.one_of(st.none(), st.integers(0, 4)),
        offset=st.integers(0, 3),
    )
    def query(self, asked, limit, offset):
        query, options = asked
        self.same(
            lambda side: fetch(
                query, side.connection(), limit=limit, offset=offset, **options
            )[0]
        )

    @rule(asked=queries(), size=st.integers(1, 4), batch=st.integers(1, 3))
    def page_by_page(self, asked, size, batch):
        query, options = asked

        def question(side):
            pages, cursor = [], None
            # Cursors of the SDK's stub over repeated properties may not move on.
            for _ in range(8):
                found, behind = fetch(
                    query,
                    side.connection(),
                    limit=size,
                    batch_size=batch,
                    start_cursor=cursor,
                    produce_cursors=True,
                    **options,
                )
                pages.append(found)
                if len(found) < size:
                    break
                cursor = behind
            return pages

        first, second = (side.ask(question) for side in self.sides)
        # The SDK refuses its own cursor where a sorted property has several values.
        if second != "BadRequestError":
            assert first == second

    @rule(asked=queries(), start=st.integers(0, 3), end=st.integers(0, 5))
    def between_cursors(self, asked, start, end):
        query, options = asked

        def question(side):
            def place(count):
                return fetch(
                    query,
                    side.connection(),
                    limit=count,
                    produce_cursors=True,
                    **options,
                )[1]

            return fetch(
                query,
                side.connection(),
                start_cursor=place(start),
                end_cursor=place(end),
                **options,
            )[0]

        first, second = (side.ask(question) for side in self.sides)
        if second != "BadRequestError":
            assert first == second

    @rule(asked=queries(), size=st.integers(1, 3))
    def backwards(self, asked, size):
        query, options = asked
        if query.order is None or query.group_by:
            return
        turned = datastore_query.Query(
            app=APP,
            namespace=query.namespace,
            kind=query.kind,
            ancestor=query.ancestor,
            filter_predicate=query.filter_predicate,
            order=query.order.reversed(),
        )

        def question(side):
            connection = side.connection()
            _, cursor = fetch(
                query, connection, limit=size, produce_cursors=True, **options
            )
            return fetch(turned, connection, start_cursor=cursor, **options)[0]

        first, second = (side.ask(question) for side in self.sides)
        if second != "BadRequestError":
            assert first == second

    @rule(
        kind=st.sampled_from(["__kind__", "__property__", "__namespace__"]),
        namespace=namespaces,
        keys_only=st.booleans(),
    )
    def metadata(self, kind, namespace, keys_only):
        query = datastore_query.Query(
            app=APP, namespace="" if kind == "__namespace__" else namespace, kind=kind
        )
        # The SDK's stub lists what was merely asked for: it makes an empty kind of it.
        stored = self.sides[1].service._GetAllEntities()
        for asked in [asked for asked, entities in stored.items() if not entities]:
            del stored[asked]
        self.same(lambda side: fetch(query, side.connection(), keys_only=keys_only)[0])

    @rule(size=st.integers(1, 3))
    def allocate_ids(self, size):
        key = datastore_types.Key.from_path("A", 1, _app=APP)
        self.same(lambda side: side.connection().allocate_ids(key, size))

    @rule(
        name=transaction_names,
        multiple=st.booleans(),
        is_read_only=st.sampled_from([False, False, True]),
    )
    def begin(self, name, multiple, is_read_only):
        if name in self.open:
            return
        mode = (
            datastore_rpc.TransactionMode.READ_ONLY
            if is_read_only
            else datastore_rpc.TransactionMode.READ_WRITE
        )

        def question(side):
            options = datastore_rpc.TransactionOptions(xg=multiple)
            made = side.connection().new_transaction(options, mode=mode)
            made.transaction  # noqa: B018 -- begins it now, not at its first call
            side.transactions[name] = made

        self.same(question)
        self.open.add(name)

    @precondition(lambda self: self.open)
    @rule(name=transaction_names, path=paths)
    def get_within(self, name, path):
        if name in self.open:
            key = key_of(path, "")
            self.same_unless_behind(
                name,
                lambda side: [told(each) for each in side.connection(name).get([key])],
            )

    @precondition(lambda self: self.open)
    @rule(name=transaction_names, path=paths, given=properties)
    def put_within(self, name, path, given):
        if name in self.open:
            self.same(
                lambda side: repr(
                    side.connection(name).put([entity_of(path, "", given)])
                )
            )

    @precondition(lambda self: self.open)
    @rule(name=transaction_names, path=paths)
    def delete_within(self, name, path):
        if name in self.open:
            key = key_of(path, "")
            self.same(lambda side: side.connection(name).delete([key]))

    @precondition(lambda self: self.open)
    @rule(name=transaction_names, asked=queries())
    def query_within(self, name, asked):
        if name in self.open:
            query, options = asked
            self.same_unless_behind(
                name, lambda side: fetch(query, side.connection(name), **options)[0]
            )

    @precondition(lambda self: self.open)
    @rule(name=transaction_names)
    def commit(self, name):
        if name in self.open:
            self.open.discard(name)
            first, second = (
                side.ask(lambda side: side.connection(name).commit())
                for side in self.sides
            )
            assert first == second

    @precondition(lambda self: self.open)
    @rule(name=transaction_names)
    def roll_back(self, name):
        if name in self.open:
            self.open.discard(name)
            self.same(lambda side: side.connection(name).rollback())

    def same_unless_behind(self, name, question):
        """As same; but where the SDK gives a transaction up at a read, both end it.

        A group that is first read after another one changed: ours goes on with its
        one snapshot and refuses the commit, if it writes.
        """
        first, second = (side.ask(question) for side in self.sides)
        if second == "TransactionFailedError":
            self.open.discard(name)
            for side in self.sides:
                side.ask(lambda side: side.connection(name).rollback())
            return
        assert first == second


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("APPLICATION_ID", APP)
    monkeypatch.setenv("AUTH_DOMAIN", "gmail.com")


class ComparisonOverDicts(Comparison):
    def open_store(self):
        return DictStore(Disk(), values_of_body)


class ComparisonOverPostgres(Comparison):
    def open_store(self):
        self.schema = take_schema()
        return open_postgres(self.schema, values_of_body)

    def teardown(self):
        super().teardown()
        give_back_schema(self.schema)


def compare(examples, steps, machine=Comparison):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            report_multiple_bugs=False,
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )


SORTED_ROWS = "channelshim.services.datastore_v3.queries.QUERY_SORTED_ROWS"


@pytest.mark.parametrize("sorted_rows", [0, QUERY_SORTED_ROWS])
def test_thousand_random_operations_find_no_difference(monkeypatch, sorted_rows):
    monkeypatch.setattr(SORTED_ROWS, sorted_rows)
    compare(examples=20, steps=50)


def test_service_is_as_right_over_a_store_of_dicts(monkeypatch):
    monkeypatch.setattr(SORTED_ROWS, 0)
    compare(examples=10, steps=50, machine=ComparisonOverDicts)


@pytest.mark.postgres
@pytest.mark.parametrize("sorted_rows", [0, QUERY_SORTED_ROWS])
def test_service_is_as_right_over_postgresql(monkeypatch, sorted_rows):
    monkeypatch.setattr(SORTED_ROWS, sorted_rows)
    compare(examples=10, steps=50, machine=ComparisonOverPostgres)


@pytest.mark.slow
@pytest.mark.postgres
def test_twenty_thousand_over_postgresql_find_no_difference(monkeypatch):
    monkeypatch.setattr(SORTED_ROWS, 0)
    operations = int(os.environ.get("CHANNELSHIM_TESTS_OPERATIONS", "20000"))
    compare(examples=operations // 100, steps=100, machine=ComparisonOverPostgres)


@pytest.mark.slow
def test_twenty_thousand_random_operations_find_no_difference(monkeypatch):
    # With 0, whatever an index can answer is answered by one.
    monkeypatch.setattr(SORTED_ROWS, 0)
    operations = int(os.environ.get("CHANNELSHIM_TESTS_OPERATIONS", "20000"))
    compare(examples=operations // 100, steps=100)
