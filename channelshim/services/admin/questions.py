"""Queries that people put together, by GQL or by a form; results page by page."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.appengine.api import datastore, datastore_errors, users
from google.appengine.datastore import datastore_pb
from google.appengine.ext import gql

from channelshim.contracts.entities import Entities
from channelshim.services.admin import entities as admin_entities
from channelshim.services.admin import fields, keys
from channelshim.services.admin.entities import BadEntity, call
from channelshim.services.admin.fields import Field
from channelshim.services.admin.property_types import BadValue
from channelshim.services.admin.texts import clean
from channelshim.services.datastore_v3.explain import Explanation, explain

LONGEST_GQL: Final = 10_000
MOST_COLUMNS: Final = 40
"""Names of properties in a list of entities; the others are in the entities."""

MOST_SKIPPED: Final = 1000
"""Results that a query of several parts skips: it has no cursors."""

COUNTED: Final = 1_000_000

_OPERATORS: Final = {
    "=": datastore_pb.Query.Filter.EQUAL,
    "<": datastore_pb.Query.Filter.LESS_THAN,
    "<=": datastore_pb.Query.Filter.LESS_THAN_OR_EQUAL,
    ">": datastore_pb.Query.Filter.GREATER_THAN,
    ">=": datastore_pb.Query.Filter.GREATER_THAN_OR_EQUAL,
}
OPERATORS: Final = tuple(_OPERATORS)
"""What a condition of the form may say."""

_DIRECTIONS: Final = (
    datastore_pb.Query.Order.ASCENDING,
    datastore_pb.Query.Order.DESCENDING,
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A line of the form.

    Attributes:
        name: of a property, or "__key__".
        operator: one of OPERATORS.
        type: one of property_types.TYPES.
        text: the value.
    """

    name: str
    operator: str
    type: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A query as somebody puts it.

    Attributes:
        namespace: where.
        kind: "" for all kinds; nothing with `gql`.
        gql: a whole query, in the place of kind, conditions and order.
        conditions: all to be met.
        order: a property, with a minus in front for descending; "" for by key.
        ancestor: a key, or "".
        is_keys_only: only keys are wanted.
        cursor: where the page before ended; "" for the first page.
        limit: results of a page.
    """

    namespace: str = ""
    kind: str = ""
    gql: str = ""
    conditions: tuple[Condition, ...] = ()
    order: str = ""
    ancestor: str = ""
    is_keys_only: bool = False
    cursor: str = ""
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Row:
    """An entity in a list.

    Attributes:
        key: URL-safe.
        path: of the key, for people.
        cells: name of a property to its values.
    """

    key: str
    path: str
    cells: Mapping[str, Sequence[Field]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of results.

    Attributes:
        rows: at most the question's limit.
        columns: the names of their properties, MOST_COLUMNS at most.
        cursor: for the next page; "" at the end.
    """

    rows: Sequence[Row]
    columns: Sequence[str]
    cursor: str


def ask(question: Question) -> Answer:
    """Return a page of results.

    Raises:
        BadEntity: the query is wrong, or the datastore refuses it.
    """
    made = _make(question)
    if not isinstance(made, _One):
        return _ask_several(question, made)
    query, limit = made.query, question.limit
    left = made.left(question.cursor)
    query.limit = limit if left is None else min(limit, left)
    query.compile = True
    result = call("RunQuery", query, datastore_pb.QueryResult())
    rows = [_row(entity) for entity in result.result]
    cursor = ""
    if len(rows) == limit and result.HasField("compiled_cursor"):
        cursor = made.cursor_after(result.compiled_cursor, len(rows), question.cursor)
        if not _has_more(query, result.compiled_cursor):
            cursor = ""
    return Answer(rows, _columns(rows), cursor)


def plan_of(question: Question, entities: Entities) -> list[Explanation]:
    """Return how the store answers a question: a plan for each of its parts.

    Raises:
        BadEntity: the query is wrong.
    """
    made = _make(question)
    parts = [made.query] if isinstance(made, _One) else _parts(made.query)
    with admin_entities.refusals():
        return [explain(entities, part) for part in parts]


def delete_all(
    question: Question, entities: Entities
) -> Iterator[tuple[int, int | None]]:
    """Delete all that a query finds, DELETED_AT_ONCE in a step.

    What is written meanwhile goes too, where the query finds it.

    Yields:
        how many are deleted, of how many; None where nobody has counted.

    Raises:
        BadEntity: the query is wrong, or the datastore refuses it.
    """
    total, done = count_of(question, entities), 0
    yield done, total
    while True:
        made = _make(question)
        if not isinstance(made, _One):
            raise BadEntity(
                "a query with IN or != cannot be deleted as a whole: choose entities"
            )
        left = None if made.limit is None else made.limit - done
        references = _first_keys(made.query, left)
        if not references:
            return
        admin_entities.delete_references(references)
        done += len(references)
        yield done, None if total is None else max(total, done)


def _first_keys(query: Any, left: int | None) -> list[Any]:
    most = admin_entities.DELETED_AT_ONCE
    query.keys_only = True
    query.ClearField("property_name")
    query.ClearField("group_by_property_name")
    query.limit = most if left is None else min(most, left)
    result = call("RunQuery", query, datastore_pb.QueryResult())
    return [entity.key for entity in result.result]


def count_of(question: Question, entities: Entities) -> int | None:
    """Return how many results there are, COUNTED at most; None where it costs much."""
    from channelshim.services.datastore_v3.explain import count

    made = _make(question)
    if not isinstance(made, _One):
        return None
    with admin_entities.refusals():
        found = count(entities, made.query, COUNTED)
    if found is None or made.limit is None:
        return found
    return min(found, made.limit)


def show(entity: Any) -> Row:
    """Return an entity_pb2.EntityProto as a row."""
    return _row(entity)


@dataclass(slots=True)
class _One:
    """One query of the datastore, with a limit of its own that spans pages."""

    query: Any
    limit: int | None = None

    def left(self, cursor: str) -> int | None:
        """Return how many results the limit leaves behind a page's cursor."""
        if self.limit is None:
            return None
        return max(0, self.limit - _passed(cursor))

    def cursor_after(self, compiled: Any, count: int, cursor: str) -> str:
        passed = _passed(cursor) + count
        if self.limit is not None and passed >= self.limit:
            return ""
        data = base64.urlsafe_b64encode(compiled.SerializeToString()).decode("ascii")
        return f"{passed}.{data}"


@dataclass(slots=True)
class _Several:
    """A query that the SDK asks in parts, and merges."""

    query: Any
    limit: int | None
    offset: int


def _make(question: Question) -> _One | _Several:
    if question.gql.strip():
        return _make_of_gql(question)
    query = datastore_pb.Query()
    query.app = keys.own_app()
    if question.namespace:
        query.name_space = question.namespace
    if question.kind:
        query.kind = question.kind
    query.keys_only = question.is_keys_only
    if question.ancestor:
        try:
            ancestor = keys.decode(question.ancestor, question.namespace)
        except keys.BadKey as error:
            raise BadEntity(f"ancestor: {error}") from error
        query.ancestor.CopyFrom(ancestor)
    for condition in question.conditions:
        _add_condition(query, condition, question.namespace)
    if question.order:
        order = query.order.add()
        order.property = question.order.removeprefix("-")
        order.direction = _DIRECTIONS[question.order.startswith("-")]
    _set_cursor(query, question.cursor)
    return _One(query)


def _add_condition(query: Any, condition: Condition, namespace: str) -> None:
    operator = _OPERATORS.get(condition.operator)
    if operator is None:
        raise BadEntity(f"an operator is one of {' '.join(_OPERATORS)}")
    kind = "key" if condition.name == "__key__" else condition.type
    text = condition.text
    try:
        if kind == "key":
            text = keys.encode(keys.decode(text, namespace))
        prop, _ = fields.property_of(condition.name, kind, text, is_multiple=False)
    except (BadValue, keys.BadKey, OverflowError) as error:
        raise BadEntity(f"{clean(condition.name)}: {error}") from error
    made = query.filter.add()
    made.op = operator
    made.property.add().CopyFrom(prop)


_GQL_ERRORS: Final = (
    *(datastore_errors.Error, users.Error),
    *(ValueError, TypeError, AttributeError, LookupError, OverflowError),
    RecursionError,
)
"""What Google's parser raises of what people type."""


def _make_of_gql(question: Question) -> _One | _Several:
    if len(question.gql) > LONGEST_GQL:
        raise BadEntity(f"a query has {LONGEST_GQL} characters at most")
    try:
        parsed = gql.GQL(
            question.gql,
            _app=keys.own_app(),
            namespace=question.namespace or None,
        )
        bound = parsed.Bind([], {})
        limit = parsed.limit() if parsed.limit() >= 0 else None
        offset = max(0, parsed.offset())
        if isinstance(bound, datastore.MultiQuery):
            return _Several(bound, limit, offset)
        query = bound._ToPb()
        if offset and not question.cursor:
            query.offset = offset
    except _GQL_ERRORS as error:
        raise BadEntity(clean(f"GQL: {error}")) from error
    _set_cursor(query, question.cursor)
    return _One(query, limit)


def _passed(cursor: str) -> int:
    number = cursor.partition(".")[0]
    return int(number) if number.isdecimal() and len(number) < 16 else 0


def _set_cursor(query: Any, cursor: str) -> None:
    if not cursor:
        return
    try:
        text = cursor.partition(".")[2]
        data = base64.b64decode(text, altchars=b"-_", validate=True)
        query.compiled_cursor.ParseFromString(data)
        if not data:
            raise ValueError("an empty cursor")
    except Exception as error:
        # protobuf has several errors of its own.
        raise BadEntity("the cursor is not one of this page: start again") from error


def _has_more(query: Any, cursor: Any) -> bool:
    behind = datastore_pb.Query()
    behind.CopyFrom(query)
    behind.compiled_cursor.CopyFrom(cursor)
    behind.ClearField("offset")
    behind.limit = 1
    return bool(call("RunQuery", behind, datastore_pb.QueryResult()).result)


def _ask_several(question: Question, several: _Several) -> Answer:
    passed = _passed(question.cursor)
    if passed + question.limit > MOST_SKIPPED:
        raise BadEntity(
            f"a query with IN or != is shown up to its result {MOST_SKIPPED}"
        )
    wanted = question.limit + 1
    if several.limit is not None:
        wanted = min(wanted, max(0, several.limit - passed))
    try:
        with admin_entities.refusals():
            found = several.query.Get(wanted, several.offset + passed) if wanted else []
    except datastore_errors.Error as error:
        raise BadEntity(clean(str(error))) from error
    rows = [_row(_proto_of(each)) for each in found[: question.limit]]
    more = len(found) > question.limit
    cursor = f"{passed + len(rows)}." if more else ""
    return Answer(rows, _columns(rows), cursor)


def _proto_of(found: Any) -> Any:
    if isinstance(found, datastore.Entity):
        return found.ToPb()
    from google.appengine.datastore import entity_bytes_pb2 as entity_pb2

    entity = entity_pb2.EntityProto()
    entity.key.CopyFrom(found._ToPb())
    return entity


def _parts(multi: Any) -> list[Any]:
    return [each._ToPb() for each in multi._MultiQuery__bound_queries]


def _row(entity: Any) -> Row:
    cells: dict[str, list[Field]] = {}
    for is_indexed, prop in fields.properties_of(entity)[: admin_entities.MOST_FIELDS]:
        field = fields.field_of(prop, is_indexed=is_indexed)
        cells.setdefault(field.name, []).append(field)
    return Row(keys.encode(entity.key), keys.path_text(entity.key), cells)


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(_names(rows)))[:MOST_COLUMNS]


def _names(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        yield from row.cells
