"""The search index: documents, each found by terms and by numbers.

Terms are made above, once, when a document is put; an index only looks them up and
knows nothing of languages, fields or queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class SortKey:
    """What a document is sorted by for one field.

    Attributes:
        text: the field's text; None where it has none.
        number: the field's number; None where it has none.
    """

    text: str | None
    number: float | None


@dataclass(frozen=True, slots=True)
class SearchDocument:
    """A document as it is stored.

    Attributes:
        document_id: unique within its index.
        rank: documents come by it, highest first; 0 to 2**31 - 1. Of equal ones, the
            one that was put first under its id comes first.
        size: bytes, for the index's statistics.
        body: returned as it is.
        terms: texts without NUL, not empty; each finds the document.
        frequencies: of terms of their own, for scores.
        numbers: (name, number): finds the document in ranges. A name may come twice.
        sort_keys: field name to what the document is sorted by.
    """

    document_id: str
    rank: int
    size: int
    body: bytes
    terms: frozenset[str]
    frequencies: Mapping[str, int]
    numbers: Sequence[tuple[str, float]]
    sort_keys: Mapping[str, SortKey]


@dataclass(frozen=True, slots=True)
class Everything:
    """All documents of the index."""


@dataclass(frozen=True, slots=True)
class HasTerm:
    """Documents with a term."""

    term: str


@dataclass(frozen=True, slots=True)
class HasPrefix:
    """Documents with a term that begins so."""

    prefix: str


@dataclass(frozen=True, slots=True)
class InRange:
    """Documents with a number of a name within bounds; None is no bound."""

    name: str
    low: float | None = None
    high: float | None = None
    with_low: bool = True
    with_high: bool = True


@dataclass(frozen=True, slots=True)
class Numbered:
    """Documents that were found before, by their numbers."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Documents in all of at least one condition."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Documents in any of the conditions; none where there are none."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """Documents that are not in a condition."""

    part: Condition


Condition: TypeAlias = (
    Everything | HasTerm | HasPrefix | InRange | Numbered | AllOf | AnyOf | NoneOf
)

NOTHING = AnyOf(())


@dataclass(frozen=True, slots=True)
class Order:
    """One key to sort by.

    Attributes:
        field: whose sort key.
        text: stands in where a document has no text there.
        number: stands in where it has no number.
    """

    field: str
    is_descending: bool
    text: str = ""
    number: float = 0.0


class SearchView(Protocol):
    """The indexes within one transaction. One thread.

    Documents have numbers, which a change of the document may change.
    """

    def indexes(self) -> Sequence[tuple[str, str]]:
        """Return (namespace, name) of all indexes, in this order."""

    def has_index(self, namespace: str, name: str) -> bool:
        """Return whether the index is there."""

    def add_index(self, namespace: str, name: str) -> None:
        """Make an empty index, if it is not there."""

    def schema(self, namespace: str, name: str) -> Mapping[str, Sequence[int]]:
        """Return field name to what was noted of it, each once, in this order."""

    def note_schema(self, namespace: str, name: str, field: str, kind: int) -> None:
        """Note a kind of a field."""

    def forget_schema(self, namespace: str, name: str) -> None:
        """Forget what was noted of the fields."""

    def put(self, namespace: str, name: str, document: SearchDocument) -> None:
        """Insert or replace a document of an index that is there."""

    def delete(self, namespace: str, name: str, document_id: str) -> bool:
        """Take a document out; return whether it was there."""

    def count(self, namespace: str, name: str, condition: Condition) -> int:
        """Return how many documents a condition has."""

    def find(
        self,
        namespace: str,
        name: str,
        condition: Condition,
        orders: Sequence[Order] = (),
        offset: int = 0,
        limit: int = -1,
    ) -> Sequence[int]:
        """Return numbers of documents, sorted.

        Args:
            orders: by text, then number, of each; then as SearchDocument.rank says.
            limit: -1 for all.
        """

    def number(self, namespace: str, name: str, document_id: str) -> int | None:
        """Return a document's number, or None."""

    def bodies(self, numbers: Sequence[int]) -> Sequence[bytes]:
        """Return the bodies of documents that are there, in the order of numbers."""

    def frequencies(self, numbers: Sequence[int], term: str) -> Mapping[int, int]:
        """Return number to frequency of a term, of those documents that have one."""

    def by_age(self, numbers: Sequence[int]) -> Sequence[int]:
        """Return numbers in the order in which their documents were first put."""

    def listed(
        self, namespace: str, name: str, start: str, *, with_start: bool, limit: int
    ) -> Sequence[bytes]:
        """Return bodies by document id, from start on; limit -1 for all."""

    def size(self, namespace: str, name: str) -> int:
        """Return the bytes of all documents of an index, as they say."""


class SearchIndexes(Protocol):
    """All search indexes of an app. Any thread.

    A `with` of either raises StorageError, at its end, when the store refuses.
    """

    def read(self) -> AbstractContextManager[SearchView]:
        """Give the indexes as they are now; nothing may be changed."""

    def write(self) -> AbstractContextManager[SearchView]:
        """Give the indexes to change; a body that raises has changed nothing."""
