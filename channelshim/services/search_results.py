"""What a query finds: counted at once, read piece by piece."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from google.appengine.api.search import (
    ExpressionParser,
    query_parser,
    search_util,
    simple_search_stub,
)
from google.appengine.api.search.stub import (
    document_matcher,
    expression_evaluator,
)
from google.appengine.datastore import document_pb2

from channelshim.contracts.search import (
    AllOf,
    AnyOf,
    Condition,
    HasTerm,
    NoneOf,
    Order,
    SearchView,
)
from channelshim.services.search_documents import ODD, TOKENIZER, VALUES, term
from channelshim.services.search_plans import Bounds

_logger: Final = logging.getLogger("channelshim.services")

BODIES_AT_ONCE: Final = 200
"""Documents read together."""

_NAMES_OF_ITS_OWN: Final = frozenset({"_rank", "_score"})


class OneDocument:
    """An inverted index of the stub's that holds one document at a time."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._document: Any = None
        self._by_field: dict[str, Any] = {}

    def show(self, document: Any) -> None:
        """Hold this document, and no other."""
        self._document, self._by_field = document, {}

    def GetPostingsForToken(self, token: Any) -> Any:
        """Return where a word of a field, "field:word", stands; the matcher asks."""
        name = token.chars.partition(":")[0]
        postings = self._by_field.get(name)
        if postings is None:
            postings = simple_search_stub.RamInvertedIndex(TOKENIZER)
            for field in search_util.GetAllFieldInDocument(self._document, name):
                postings._AddTokens(self._document.id, name, field.value, 0)
            self._by_field[name] = postings
        return postings.GetPostingsForToken(token)

    def GetSchema(self) -> Any:
        """Return the schema of the whole index."""
        return self._schema


class Found:
    """The documents of one index, as one transaction sees them."""

    def __init__(self, view: SearchView, namespace: str, name: str) -> None:
        self.view: SearchView = view
        self._where = (namespace, name)
        self.find: Callable[..., Sequence[int]] = functools.partial(
            view.find, namespace, name
        )

    def count(self, condition: Condition) -> int:
        """Return how many documents a condition has."""
        return self.view.count(*self._where, condition)

    def documents(self, numbers: Sequence[int]) -> Iterator[Any]:
        """Yield the documents with these numbers."""
        for start in range(0, len(numbers), BODIES_AT_ONCE):
            for body in self.view.bodies(numbers[start : start + BODIES_AT_ONCE]):
                yield document_pb2.Document.FromString(body)

    def settle(self, bounds: Bounds, node: Any, one: OneDocument) -> Settled:
        """Return what is found between the bounds of a query's tree."""
        possible, sure = bounds.possible, bounds.sure
        if self.count(HasTerm(ODD)):
            possible = AnyOf((possible, HasTerm(ODD)))
            sure = AllOf((sure, NoneOf(HasTerm(ODD))))
        if possible == sure:
            return Settled(possible, None)
        between = AllOf((possible, NoneOf(sure)))
        numbers = self.view.by_age(self.find(between))
        if not numbers:
            return Settled(possible, None)
        matcher = document_matcher.DocumentMatcher(node, one)
        accepted = set(self.find(sure))
        for number, document in zip(numbers, self.documents(numbers), strict=True):
            one.show(document)
            if matcher.Matches(document):
                accepted.add(number)
        return Settled(possible, accepted)

    def scores(self, numbers: Sequence[int], terms: set[str]) -> dict[int, float]:
        """Return the stub's scores: how often the terms occur, the rarer, the more."""
        total = self.count(NoneOf(AnyOf(())))
        scores = dict.fromkeys(numbers, 0.0)
        for text in terms:
            has = AnyOf((HasTerm(term("t", "", text)), HasTerm(term("o", "", text))))
            members = set(self.find(has))
            weight = math.log10(total / len(members)) if members else 0
            if not weight:
                continue
            counts = dict.fromkeys(members, 1)
            counts.update(self.view.frequencies(numbers, text))
            for number in scores.keys() & counts.keys():
                scores[number] += counts[number] * weight
        return scores


class Settled:
    """What a query finds: a condition, and of it these numbers; None for all."""

    def __init__(self, condition: Condition, accepted: set[int] | None) -> None:
        self.condition: Condition = condition
        self.accepted: set[int] | None = accepted

    def numbers(self, found: Found, orders: Sequence[Order]) -> Sequence[int]:
        """Return all numbers, sorted."""
        numbers = found.find(self.condition, orders)
        if self.accepted is None:
            return numbers
        return [number for number in numbers if number in self.accepted]


class Results(Sequence[Any]):
    """The scored documents that a query finds, in order; read when they are asked for.

    Args:
        found: the index.
        total: how many there are.
        numbers: gives those of a slice.
        scores: by number; others have 0.
        attach: adds expressions to scored documents.
        page: documents that will be asked for one after the other.
    """

    def __init__(
        self,
        found: Found,
        total: int,
        numbers: Callable[[int, int], Sequence[int]],
        scores: dict[int, float],
        attach: Callable[[list[Any]], object],
        page: int,
    ) -> None:
        self._found = found
        self._total = total
        self._numbers = numbers
        self._scores = scores
        self._attach = attach
        self._page = max(1, page)
        self._start = 0
        self._read: list[Any] = []

    def __len__(self) -> int:
        return self._total

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            start, stop, _ = place.indices(self._total)
            return self._load(start, max(0, stop - start))
        if not self._start <= place < self._start + len(self._read):
            self._read = self._load(place, self._page)
            self._start = place
        return self._read[place - self._start]

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, self._total, BODIES_AT_ONCE):
            yield from self._load(start, BODIES_AT_ONCE)

    def place_of(self, number: int) -> int:
        """Return where a document stands, or -1."""
        numbers = self._numbers(0, self._total)
        return numbers.index(number) if number in numbers else -1

    def _load(self, start: int, count: int) -> list[Any]:
        numbers = self._numbers(start, min(count, self._total - start))
        documents = self._found.documents(numbers)
        loaded = [
            simple_search_stub._ScoredDocument(each, self._scores.get(number, 0))
            for number, each in zip(numbers, documents, strict=True)
        ]
        self._attach(loaded)
        return loaded


def simple_orders(specs: Sequence[Any], schema: Any) -> list[Order] | None:
    """Return sort specs as orders of the index; None if they are more than fields."""
    orders = []
    for spec in specs:
        tree = parsed(spec.sort_expression)
        if tree.getType() != ExpressionParser.NAME:
            return None
        name = query_parser.GetQueryNodeText(tree)
        text = spec.default_value_text
        number = spec.default_value_numeric
        kinds = list(schema[name].type) if name in schema else []
        if name in _NAMES_OF_ITS_OWN or (VALUES.DATE in kinds and text):
            return None
        orders.append(Order(name, bool(spec.sort_descending), text, number))
    return orders


@functools.lru_cache(maxsize=256)
def parsed(expression: str) -> Any:
    """Return an expression's tree, as ExpressionEvaluator.ValueOf would see it."""
    tree = expression_evaluator.Parse(expression)
    if not tree.getType() and tree.children:
        tree = tree.children[0]
    return tree


class Evaluator(expression_evaluator.ExpressionEvaluator):  # type: ignore[misc]
    """The stub's, which parses an expression once and not for each document."""

    def Evaluate(self, expression: Any) -> None:
        """Attach an expression's value to the document, if it has one."""
        value = self.quick_value(expression.expression, None, None)
        if value is not None:
            self._doc.expressions[expression.name] = value

    def quick_value(
        self,
        expression: str,
        default: Any,
        return_type: int | None,
        *,
        allow_rank: bool = True,
    ) -> Any:
        """Return what ValueOf does, but for the default of a date's field."""
        try:
            return self._Eval(
                parsed(expression), return_type=return_type, allow_rank=allow_rank
            )
        except expression_evaluator._ExpressionError:
            return default
        except search_util.UnsupportedOnDevError as error:
            _logger.warning("search: %s", error)
            return default
