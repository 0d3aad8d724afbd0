"""The search indexes of a store of dicts: contracts.search over sets."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from channelshim.contracts.search import (
    AllOf,
    AnyOf,
    Condition,
    HasPrefix,
    HasTerm,
    InRange,
    NoneOf,
    Numbered,
    Order,
    SearchDocument,
    SearchIndexes,
    SortKey,
)

_LOW = 1 << 31
_ALL = "all"
Where = tuple[str, str]


@dataclass
class SearchTables:
    """What a store of dicts has of search."""

    documents: dict[Where, dict[int, SearchDocument]] = field(default_factory=dict)
    schemas: dict[Where, list[tuple[str, int]]] = field(default_factory=dict)
    puts: int = 0


class DictSearchView:
    def __init__(self, tables: SearchTables) -> None:
        self._tables = tables

    def indexes(self) -> Sequence[Where]:
        return sorted(self._tables.documents)

    def has_index(self, namespace: str, name: str) -> bool:
        return (namespace, name) in self._tables.documents

    def add_index(self, namespace: str, name: str) -> None:
        self._tables.documents.setdefault((namespace, name), {})

    def schema(self, namespace: str, name: str) -> Mapping[str, Sequence[int]]:
        fields: dict[str, list[int]] = {}
        for each, kind in self._tables.schemas.get((namespace, name), ()):
            fields.setdefault(each, []).append(kind)
        return fields

    def note_schema(self, namespace: str, name: str, field: str, kind: int) -> None:
        known = self._tables.schemas.setdefault((namespace, name), [])
        if (field, kind) not in known:
            known.append((field, kind))

    def forget_schema(self, namespace: str, name: str) -> None:
        self._tables.schemas.pop((namespace, name), None)

    def put(self, namespace: str, name: str, document: SearchDocument) -> None:
        documents = self._tables.documents[namespace, name]
        old = self.number(namespace, name, document.document_id)
        if old is None:
            self._tables.puts += 1
            low = _LOW - self._tables.puts
        else:
            low = old % _LOW
            del documents[old]
        documents[document.rank * _LOW + low] = document

    def delete(self, namespace: str, name: str, document_id: str) -> bool:
        number = self.number(namespace, name, document_id)
        if number is None:
            return False
        del self._tables.documents[namespace, name][number]
        return True

    def count(self, namespace: str, name: str, condition: Condition) -> int:
        return len(self.find(namespace, name, condition))

    def find(
        self,
        namespace: str,
        name: str,
        condition: Condition,
        orders: Sequence[Order] = (),
        offset: int = 0,
        limit: int = -1,
    ) -> Sequence[int]:
        documents = self._tables.documents.get((namespace, name), {})
        numbers = [n for n, each in documents.items() if _has(n, each, condition)]
        numbers.sort(reverse=True)
        for order in reversed(orders):
            key = functools.partial(_sort_key, documents, order)
            numbers.sort(key=key, reverse=order.is_descending)
        return numbers[offset : None if limit < 0 else offset + limit]

    def number(self, namespace: str, name: str, document_id: str) -> int | None:
        documents = self._tables.documents.get((namespace, name), {})
        found = [n for n, each in documents.items() if each.document_id == document_id]
        return found[0] if found else None

    def bodies(self, numbers: Sequence[int]) -> Sequence[bytes]:
        every = self._every()
        return [every[number].body for number in numbers if number in every]

    def frequencies(self, numbers: Sequence[int], term: str) -> Mapping[int, int]:
        every = self._every()
        return {
            number: every[number].frequencies[term]
            for number in numbers
            if term in every[number].frequencies
        }

    def by_age(self, numbers: Sequence[int]) -> Sequence[int]:
        return sorted(numbers, key=lambda number: -(number % _LOW))

    def listed(
        self, namespace: str, name: str, start: str, *, with_start: bool, limit: int
    ) -> Sequence[bytes]:
        documents = self._tables.documents.get((namespace, name), {}).values()
        found = [
            each.body
            for each in sorted(documents, key=lambda each: each.document_id)
            if each.document_id > start or (with_start and each.document_id == start)
        ]
        return found if limit < 0 else found[:limit]

    def size(self, namespace: str, name: str) -> int:
        documents = self._tables.documents.get((namespace, name), {})
        return sum(each.size for each in documents.values())

    def _every(self) -> dict[int, SearchDocument]:
        every: dict[int, SearchDocument] = {}
        for documents in self._tables.documents.values():
            every.update(documents)
        return every


def _has(number: int, document: SearchDocument, condition: Condition) -> bool:
    match condition:
        case HasTerm(term):
            return term in document.terms
        case HasPrefix(prefix):
            return any(term.startswith(prefix) for term in document.terms)
        case InRange():
            return any(
                name == condition.name and _is_within(value, condition)
                for name, value in document.numbers
            )
        case Numbered(numbers):
            return number in numbers
        case AllOf(parts):
            return all(_has(number, document, part) for part in parts)
        case AnyOf(parts):
            return any(_has(number, document, part) for part in parts)
        case NoneOf(part):
            return not _has(number, document, part)
    return True


def _is_within(number: float, asked: InRange) -> bool:
    low, high = asked.low, asked.high
    is_above = low is None or number > low or (asked.with_low and number == low)
    is_below = high is None or number < high or (asked.with_high and number == high)
    return is_above and is_below


def _sort_key(
    documents: Mapping[int, SearchDocument], order: Order, number: int
) -> tuple[str, float]:
    key = documents[number].sort_keys.get(order.field, SortKey(None, None))
    text = order.text if key.text is None else key.text
    return text, order.number if key.number is None else key.number


class DictSearchIndexes:
    """The search indexes of a store of dicts.

    Args:
        read: gives the tables.
        write: gives them to change.
    """

    def __init__(
        self,
        read: Callable[[], Any],
        write: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self._read = read
        self._write = write

    @contextmanager
    def read(self) -> Iterator[DictSearchView]:
        yield DictSearchView(self._read().search.get(_ALL) or SearchTables())

    @contextmanager
    def write(self) -> Iterator[DictSearchView]:
        with self._write() as tables:
            changed = copy.deepcopy(tables.search.get(_ALL) or SearchTables())
            yield DictSearchView(changed)
            tables.search = {_ALL: changed}


def is_a_search(indexes: DictSearchIndexes) -> SearchIndexes:
    """Only the type checker reads this: a method that is missing fails there."""
    return indexes
