"""Queries as they run: planned once, then answered batch by batch."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from google.appengine.datastore import (
    datastore_index,
    datastore_pb,
    datastore_stub_util,
)

from channelshim.contracts.entities import Entities, Snapshot
from channelshim.contracts.index_definitions import IndexDefinition
from channelshim.errors import StorageError
from channelshim.services.datastore_v3 import metadata, values
from channelshim.services.datastore_v3.batches import Batches
from channelshim.services.datastore_v3.index_writer import IndexWriter
from channelshim.services.datastore_v3.indexes import CompositeIndexes
from channelshim.services.datastore_v3.plan import Missing, Plan, make_plan
from channelshim.services.datastore_v3.shape import Shape, shape_of
from channelshim.services.datastore_v3.sorting import (
    all_candidates,
    sort_candidates,
    sort_metadata,
)
from channelshim.services.datastore_v3.transactions import Transaction

MAXIMUM_OPEN_QUERIES: Final = 1000
"""Queries in one process whose next batch may still be asked for, newest kept."""

QUERY_SORTED_ROWS: Final = 50
"""Candidates that are sorted in memory rather than an index built for them."""

_MAXIMUM_COMPONENTS = 100
"""SDK, datastore_stub_util, BaseDatastore._MAX_QUERY_COMPONENTS."""

check: Any = datastore_stub_util.Check


MAXIMUM_INDEX_USES: Final = 1000
"""Forms of queries, by index, that a process counts; an app has some dozens."""


@dataclass(slots=True)
class IndexUse:
    """How often queries of one form have read an index.

    Attributes:
        namespace: of the index.
        kind: of the index.
        definition: of the index.
        shape: of the first such query.
        count: since the start.
    """

    namespace: str
    kind: str
    definition: IndexDefinition
    shape: Shape
    count: int = 0


@dataclass(slots=True)
class _Running:
    """A query with more to come: either our places or the SDK's list of results."""

    app: str
    plan: Plan | None
    batches: Batches | None
    listed: Any
    transaction: Transaction | None


@dataclass(frozen=True, slots=True)
class Question:
    """A checked query with its parts.

    Attributes:
        query: a datastore_pb.Query.
        filters: normalized.
        orders: normalized, without the implied ones.
        implied_orders: with them.
        shape: None where no index can answer it.
    """

    query: Any
    filters: list[Any]
    orders: list[Any]
    implied_orders: list[Any]
    shape: Shape | None


class RunningQueries:
    """Runs queries and remembers, boundedly, those with more to come.

    Args:
        entities: where they look.
        indexes: what index.yaml defines.
        writer: hears of each query; writes index.yaml. None leaves the file alone.
    """

    def __init__(
        self,
        entities: Entities,
        indexes: CompositeIndexes,
        writer: IndexWriter | None = None,
    ) -> None:
        self._entities = entities
        self._indexes = indexes
        self._writer = writer
        self._running: OrderedDict[int, _Running] = OrderedDict()
        self._uses: dict[tuple[object, ...], IndexUse] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def run(self, query: Any, result: Any, transaction: Transaction | None) -> None:
        """Answer a datastore_pb.Query with its first batch."""
        question = question_of(query)
        self._indexes.check(query)
        if self._writer is not None:
            self._writer.note(query)
        with self._reading(query, transaction) as snapshot:
            running = self._begin(question, snapshot, transaction)
            if running is not None:
                # Within the same read: another one costs a shared store round trips.
                self._fill_first(running, query, result)
        if running is None:
            # Built outside any transaction, so that it is there for the next read.
            running = self._begin_after_building(question, query)
            self._fill_first(running, query, result)
        if query.compile:
            result.compiled_query.keys_only = query.keys_only
            result.compiled_query.primaryscan.index_name = "devindex"

    def next_batch(self, request: Any, result: Any) -> None:
        """Answer a datastore_pb.NextRequest."""
        number = request.cursor.cursor
        with self._lock:
            running = self._running.pop(number, None)
        check(
            running is not None and running.app == request.cursor.app,
            f"Cursor {number} not found",
        )
        assert running is not None
        count = request.count if request.HasField("count") else None
        self._fill(running, result, count, wants_cursors=request.compile)

    def uses(self) -> list[IndexUse]:
        """Return which queries have read which index, boundedly. Any thread."""
        return list(self._uses.values())

    def _note_use(self, plan: Plan) -> None:
        shape, index = plan.shape, plan.index
        if index is None or shape.kind is None:
            return
        operators = tuple(operator for operator, _ in shape.bounds)
        key = shape.namespace, shape.kind, index.definition, operators
        use = self._uses.get(key)
        if use is None:
            if len(self._uses) >= MAXIMUM_INDEX_USES:
                return
            use = IndexUse(shape.namespace, shape.kind, index.definition, shape)
            use = self._uses.setdefault(key, use)
        # Without a lock: one that is lost now and then harms nobody.
        use.count += 1

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._running.clear()

    def _begin(
        self,
        question: Question,
        snapshot: Snapshot,
        transaction: Transaction | None,
    ) -> _Running | None:
        """Return the query at its start, or None when an index must be built first."""
        query, shape = question.query, question.shape
        if query.kind in metadata.PSEUDO_KINDS and query.HasField("kind"):
            check(
                transaction is None,
                f'transactional queries on "{query.kind}" not allowed',
            )
            results = sort_metadata(snapshot, query, question.filters, question.orders)
            return _Running(query.app, None, None, results, None)
        if shape is None:
            everything = all_candidates(snapshot, query)
            return self._sort(question, snapshot, everything, transaction)
        plan = make_plan(snapshot, shape)
        if isinstance(plan, Plan):
            self._note_use(plan)
            direction = question.implied_orders[0].direction
            batches = Batches.begin(query, plan, direction)
            return _Running(query.app, plan, batches, None, transaction)
        if transaction is None and is_index_due(snapshot, plan, query):
            return None
        return self._sort(question, snapshot, plan.candidates, transaction)

    def _begin_after_building(self, question: Question, query: Any) -> _Running:
        shape = question.shape
        assert shape is not None
        with self._entities.read() as snapshot:
            plan = make_plan(snapshot, shape)
        if isinstance(plan, Missing):
            self._build(shape, plan.definition)
        with self._entities.read() as snapshot:
            running = self._begin(question, snapshot, None)
            if running is not None:
                return running
            # It could not be built, say on a full disk: the answer is right, but slow.
            everything = all_candidates(snapshot, query)
            return self._sort(question, snapshot, everything, None)

    def _build(self, shape: Shape, definition: IndexDefinition) -> None:
        assert shape.kind is not None
        try:
            self._entities.build_index(shape.namespace, shape.kind, definition)
        except StorageError:
            return

    def _sort(
        self,
        question: Question,
        snapshot: Snapshot,
        plan: Plan,
        transaction: Transaction | None,
    ) -> _Running:
        query = question.query
        results = sort_candidates(
            snapshot,
            plan,
            query,
            question.filters,
            question.orders,
            _index_list(query),
        )
        return _Running(query.app, None, None, results, transaction)

    def _fill_first(self, running: _Running, query: Any, result: Any) -> None:
        count = query.count if query.HasField("count") else None
        self._fill(running, result, count, wants_cursors=query.compile, is_first=True)

    def _fill(
        self,
        running: _Running,
        result: Any,
        count: int | None,
        *,
        wants_cursors: bool,
        is_first: bool = False,
    ) -> None:
        if running.batches is None:
            running.listed.PopulateQueryResult(
                result, count, None, wants_cursors, is_first
            )
        else:
            assert running.plan is not None
            with self._reading_on(running.transaction) as snapshot:
                running.batches.next_batch(
                    snapshot, running.plan, result, count, wants_cursors=wants_cursors
                )
        if result.more_results:
            self._remember(running, result)

    def _remember(self, running: _Running, result: Any) -> None:
        number = next(self._numbers)
        with self._lock:
            self._running[number] = running
            while len(self._running) > MAXIMUM_OPEN_QUERIES:
                self._running.popitem(last=False)
        result.cursor.app = running.app
        result.cursor.cursor = number

    @contextmanager
    def _reading(
        self, query: Any, transaction: Transaction | None
    ) -> Iterator[Snapshot]:
        if transaction is None:
            with self._entities.read() as snapshot:
                yield snapshot
            return
        group = values.key_of(query.ancestor).group
        with transaction.lock:
            transaction.touch(group, query.app)
            with transaction.read(group) as snapshot:
                yield snapshot

    @contextmanager
    def _reading_on(self, transaction: Transaction | None) -> Iterator[Snapshot]:
        if transaction is not None:
            with transaction.lock:
                if transaction.is_open:
                    with transaction.read() as snapshot:
                        yield snapshot
                    return
        with self._entities.read() as snapshot:
            yield snapshot


def question_of(query: Any) -> Question:
    """Check a datastore_pb.Query, and return it with its parts.

    Raises:
        ApplicationError: BAD_REQUEST.
    """
    filters, orders = datastore_index.Normalize(
        query.filter, query.order, query.property_name
    )
    datastore_stub_util.CheckQuery(query, filters, orders, _MAXIMUM_COMPONENTS)
    datastore_stub_util.FillUsersInQuery(filters)
    implied = datastore_stub_util._GuessOrders(filters, orders)
    return Question(query, filters, orders, implied, shape_of(query, filters, implied))


def is_index_due(snapshot: Snapshot, missing: Missing, query: Any) -> bool:
    """Return whether sorting in memory is too slow, or cannot tell its places.

    The SDK's own cursors do not match their query where an order's property has
    several values.
    """
    has_places = query.compile or query.HasField("compiled_cursor")
    if has_places and missing.is_repeated:
        return True
    most = QUERY_SORTED_ROWS
    return any(
        snapshot.count(each, most + 1) > most for each in missing.candidates.scans
    )


def _index_list(query: Any) -> list[Any]:
    required, kind, ancestor, properties = datastore_index.CompositeIndexForQuery(query)
    if not required:
        return []
    index = datastore_pb.CompositeIndices().index.add()
    index.app_id = query.app
    index.id = 0
    index.state = index.READ_WRITE
    index.definition.entity_type = kind
    index.definition.ancestor = bool(ancestor)
    for each in datastore_index.GetRecommendedIndexProperties(properties):
        each.CopyToIndexPb(index.definition.property.add())
    return [index]
