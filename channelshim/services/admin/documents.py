"""Documents of the search service: look at them, search for them, delete them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from google.appengine.api import search
from google.appengine.runtime import apiproxy_errors

from channelshim.services.admin.entities import BadEntity
from channelshim.services.admin.texts import clean, shorten

LONGEST: Final = 2000
"""Characters of a field's value that are shown."""

MOST_FIELDS: Final = 500


@dataclass(frozen=True, slots=True)
class DocumentField:
    """A field of a document: its name, its type, its value for people."""

    name: str
    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document.

    Attributes:
        document_id: unique within its index.
        rank: what documents are sorted by.
        language: of its texts; "" where none is said.
        fields: its values.
        facets: its facets.
    """

    document_id: str
    rank: int
    language: str
    fields: Sequence[DocumentField]
    facets: Sequence[DocumentField]


@dataclass(frozen=True, slots=True)
class Found:
    """Documents of a page, and how many there are; None where nobody counts."""

    documents: Sequence[Document]
    total: int | None
    has_more: bool


def listed(namespace: str, name: str, after: str, limit: int) -> Found:
    """Return documents of an index by their ids, behind one.

    Raises:
        BadEntity: search refuses.
    """
    index = _index(namespace, name)
    with _refusals():
        options: dict[str, Any] = {}
        if after:
            options = {"start_id": after, "include_start_object": False}
        found = list(index.get_range(limit=limit + 1, **options))
    return Found([_document(each) for each in found[:limit]], None, len(found) > limit)


def find(namespace: str, name: str, query: str, offset: int, limit: int) -> Found:
    """Return what a query finds.

    Raises:
        BadEntity: the query is wrong, or search refuses.
    """
    index = _index(namespace, name)
    with _refusals():
        options = search.QueryOptions(limit=limit, offset=offset)
        results = index.search(search.Query(query, options=options))
    documents = [_document(each) for each in results]
    total = results.number_found
    return Found(documents, total, offset + len(documents) < total)


def get(namespace: str, name: str, document_id: str) -> Document | None:
    """Return a document, or None.

    Raises:
        BadEntity: search refuses.
    """
    index = _index(namespace, name)
    with _refusals():
        found = index.get(document_id)
    return None if found is None else _document(found)


def delete(namespace: str, name: str, document_ids: Sequence[str]) -> None:
    """Delete documents, 200 at most.

    Raises:
        BadEntity: search refuses.
    """
    index = _index(namespace, name)
    with _refusals():
        index.delete(list(document_ids))


@contextmanager
def _refusals() -> Iterator[None]:
    """Have what the API raises become BadEntity."""
    try:
        yield
    except (search.Error, apiproxy_errors.Error, ValueError, TypeError) as error:
        raise BadEntity(clean(str(error) or type(error).__name__)) from error


def _index(namespace: str, name: str) -> Any:
    with _refusals():
        return search.Index(name, namespace=namespace)


def _document(document: Any) -> Document:
    return Document(
        clean(document.doc_id),
        document.rank,
        clean(document.language or ""),
        [_field(each) for each in document.fields[:MOST_FIELDS]],
        [_field(each) for each in document.facets[:MOST_FIELDS]],
    )


def _field(field: Any) -> DocumentField:
    kind = type(field).__name__.removesuffix("Field").removesuffix("Facet")
    value = field.value
    if isinstance(value, search.GeoPoint):
        value = f"{value.latitude!r}, {value.longitude!r}"
    return DocumentField(
        clean(field.name), kind or "Facet", shorten(clean(str(value)), LONGEST)
    )
