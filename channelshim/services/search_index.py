"""One index of the search service, kept in the store and asked like the stub's."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from google.appengine.api.search import (
    ExpressionParser,
    query_parser,
    search_util,
    simple_search_stub,
)
from google.appengine.api.search.stub import expression_evaluator
from google.appengine.datastore import document_pb2

from channelshim.contracts.search import Everything, HasTerm, SearchView
from channelshim.services.search_documents import facet_value_terms, search_document
from channelshim.services.search_plans import (
    UNPLANNED,
    Bounds,
    all_of,
    any_of,
    exactly,
    plan,
)
from channelshim.services.search_results import (
    Evaluator,
    Found,
    OneDocument,
    Results,
    Settled,
    parsed,
    simple_orders,
)


class StoredIndex(simple_search_stub.SimpleIndex):  # type: ignore[misc]
    """The stub's index, whose documents are in the store.

    Args:
        view: the transaction.
        spec: its IndexSpec: name and namespace.
    """

    def __init__(self, view: SearchView, spec: Any) -> None:
        self._index_spec = spec
        self._where = (spec.namespace, spec.name)
        self._view = view
        # What the stub's IndexDocuments writes to: nothing to replace, and ourselves.
        self._documents: dict[str, Any] = {}
        self._inverted_index = self

    def AddDocument(self, doc_id: str, document: Any) -> None:
        """Store a valid document."""
        view = self._view
        for field in document.field:
            view.note_schema(*self._where, field.name, field.value.type)
        view.put(*self._where, search_document(document))

    def RemoveDocument(self, document: Any) -> None:
        """Do nothing: the store replaces a document itself."""

    def DeleteDocument(self, document_id: str, delete_status: Any) -> None:
        """Take a document out; the status says when there was none."""
        delete_status.code = 0
        if not self._view.delete(*self._where, document_id):
            delete_status.error_detail = "Not found"

    def Documents(self) -> list[Any]:
        """Return all documents, by id."""
        return self.listed("", with_start=True, limit=-1)

    def listed(self, start: str, *, with_start: bool, limit: int) -> list[Any]:
        """Return documents by id, from start on; limit -1 for all."""
        bodies = self._view.listed(
            *self._where, start, with_start=with_start, limit=limit
        )
        return [document_pb2.Document.FromString(body) for body in bodies]

    @property
    def document_count(self) -> int:
        """How many documents there are."""
        return self._view.count(*self._where, Everything())

    @property
    def size(self) -> int:
        """Bytes of all documents."""
        return self._view.size(*self._where)

    def number(self, document_id: str) -> int | None:
        """Return a document's number, or None."""
        return self._view.number(*self._where, document_id)

    def GetSchema(self) -> Any:
        """Return field name to types, as the stub has them."""
        schema = simple_search_stub.FieldTypesDict()
        for field, kinds in self._view.schema(*self._where).items():
            for kind in kinds:
                schema.AddFieldType(field, kind)
        return schema

    def DeleteSchema(self) -> None:
        """Forget the schema."""
        self._view.forget_schema(*self._where)

    def Search(self, search_request: Any) -> Results:
        """Return what a SearchParams finds, sorted.

        Raises:
            QueryException, ExpressionEvaluationError, ExpressionTreeException: as the
                stub does.
        """
        query = unquote(search_request.query).strip()
        found = Found(self._view, *self._where)
        schema = self.GetSchema()
        one = OneDocument(schema)
        if query:
            node = query_parser.ParseAndSimplify(query)
            bounds = _refined(plan(node), search_request.facet_refinement)
            settled = found.settle(bounds, node, one)
            terms = self._CollectTerms(node)
        else:
            settled, terms = Settled(Everything(), None), set()
        is_scored = simple_search_stub._ScoreRequested(search_request)
        results = self._results(
            search_request, found, settled, one, terms if is_scored else None
        )
        if search_request.field_spec.expression:
            # What refuses an expression refuses it for the first document too.
            results[0:1]
        return results

    def _results(
        self,
        request: Any,
        found: Found,
        settled: Settled,
        one: OneDocument,
        terms: set[str] | None,
    ) -> Results:
        attach = functools.partial(_attach, request, one)
        specs = request.sort_spec
        orders = simple_orders(specs, one.GetSchema())
        needs_all = orders is None or (terms is not None and not specs)
        if settled.accepted is None and not needs_all and terms is None:

            def page(start: int, count: int) -> Sequence[int]:
                return found.find(settled.condition, orders, start, count)

            total = found.count(settled.condition)
            return Results(found, total, page, {}, attach, request.limit)
        numbers = settled.numbers(found, orders or ())
        scores = {} if terms is None else found.scores(numbers, terms)
        if terms is not None and not specs:
            numbers = sorted(numbers, key=scores.__getitem__, reverse=True)
        if orders is None:
            numbers = _sorted(numbers, found, request, one, scores)
        return Results(
            found,
            len(numbers),
            lambda start, count: numbers[start : start + count],
            scores,
            attach,
            request.limit,
        )


def _refined(bounds: Bounds, refinements: Sequence[Any]) -> Bounds:
    """Return bounds without what the refinement of facets will leave out anyway."""
    if bounds == UNPLANNED:
        return bounds
    groups: dict[str, list[Bounds]] = {}
    for each in refinements:
        if not each.value or each.HasField("range"):
            return bounds
        terms = facet_value_terms(each.name, each.value)
        groups.setdefault(each.name, []).extend(
            exactly(HasTerm(term)) for term in sorted(terms)
        )
    return all_of([bounds, *(any_of(group) for group in groups.values())])


def _attach(request: Any, one: OneDocument, documents: list[Any]) -> None:
    if not request.HasField("field_spec") or not request.field_spec.expression:
        return
    for each in documents:
        one.show(each.document)
        evaluator = Evaluator(each, one)
        for expression in request.field_spec.expression:
            evaluator.Evaluate(expression)


def _sorted(
    numbers: Sequence[int],
    found: Found,
    request: Any,
    one: OneDocument,
    scores: dict[int, float],
) -> Sequence[int]:
    """Sort by expressions: each document is looked at.

    Source: SDK 3.1, simple_search_stub.SimpleIndex._Sort.
    """
    keys: dict[int, list[tuple[Any, Any]]] = {}
    for number, document in zip(numbers, found.documents(numbers), strict=True):
        scored = simple_search_stub._ScoredDocument(document, scores.get(number, 0))
        one.show(document)
        keys[number] = [_key(scored, spec, request, one) for spec in request.sort_spec]
    ordered = list(numbers)
    # Each sort is stable: the last key first.
    for place, spec in reversed(list(enumerate(request.sort_spec))):
        ordered.sort(
            key=lambda number, place=place: keys[number][place],  # type: ignore[misc]
            reverse=bool(spec.sort_descending),
        )
    return ordered


def _key(scored: Any, spec: Any, request: Any, one: OneDocument) -> tuple[Any, Any]:
    text = number = None
    if spec.HasField("default_value_text"):
        text = spec.default_value_text
    if spec.HasField("default_value_numeric"):
        number = spec.default_value_numeric
    evaluator = Evaluator(scored, one, True)
    value_of = evaluator.ValueOf
    if parsed(spec.sort_expression).getType() != ExpressionParser.NAME:
        value_of = _quick(evaluator)
    try:
        text = value_of(
            spec.sort_expression,
            default_value=text,
            return_type=search_util.EXPRESSION_RETURN_TYPE_TEXT,
        )
        number = value_of(
            spec.sort_expression,
            default_value=number,
            return_type=search_util.EXPRESSION_RETURN_TYPE_NUMERIC,
            allow_rank=bool(spec.sort_descending),
        )
    except expression_evaluator.QueryExpressionEvaluationError as error:
        raise expression_evaluator.ExpressionEvaluationError(
            f'Failed to parse search request "{unquote(request.query).strip()}"; '
            f"{error}"
        ) from error
    if isinstance(number, datetime):
        number = search_util.EpochTime(number)
    elif isinstance(text, datetime):
        number = search_util.EpochTime(text)
    return "" if text is None else text, 0 if number is None else number


def _quick(evaluator: Evaluator) -> Any:
    def value_of(
        expression: str, default_value: Any, return_type: int, allow_rank: bool = True
    ) -> Any:
        return evaluator.quick_value(
            expression, default_value, return_type, allow_rank=allow_rank
        )

    return value_of
