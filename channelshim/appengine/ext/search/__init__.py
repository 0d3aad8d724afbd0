"""google.appengine.ext.search: full-text search of db models, before api.search.

The words of a model's texts are kept in a list property of the entity, so that a search
is a query with an equality filter for each word.

Source: SDK 1.9.88, ext/search/__init__.py, for names, the property and the words.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from typing import Any, ClassVar, Final

from google.appengine.api import datastore, datastore_errors, datastore_types
from google.appengine.ext import db

__all__ = ["SearchableEntity", "SearchableModel", "SearchableQuery"]

INDEX_PROPERTY: Final = "__searchable_text_index"

_WORD_DELIMITERS: Final = re.compile(rf"[{re.escape(string.punctuation)}\s]")
_SHORTEST_WORD: Final = 3


ALL_PROPERTIES: Final[list[list[str]]] = [[]]
"""What SearchableProperties returns when the texts of all properties count."""


class SearchableEntity(datastore.Entity):  # type: ignore[misc]
    """An entity that carries the words of its texts."""

    _FULL_TEXT_INDEX_PROPERTY = INDEX_PROPERTY

    def __init__(self, kind_or_entity: Any, *args: Any, **named: Any) -> None:
        self._word_delimiter_regex = named.pop("word_delimiter_regex", _WORD_DELIMITERS)
        self._properties_to_index = named.pop("properties_to_index", None)
        if isinstance(kind_or_entity, datastore.Entity):
            self._Entity__key = kind_or_entity._Entity__key
            self._Entity__unindexed_properties = frozenset(
                kind_or_entity.unindexed_properties()
            )
            self.update(kind_or_entity)
            return
        super().__init__(kind_or_entity, *args, **named)

    def _ToPb(self, *args: Any, **named: Any) -> Any:
        words = self._words()
        if words:
            self[INDEX_PROPERTY] = sorted(words)
        try:
            return super()._ToPb(*args, **named)
        finally:
            self.pop(INDEX_PROPERTY, None)

    def _words(self) -> set[str]:
        names = self._properties_to_index
        words: set[str] = set()
        for name, value in self.items():
            if names is None or name in names:
                for text in value if isinstance(value, list) else [value]:
                    if isinstance(text, str) and not _is_no_text(text):
                        words |= words_of(text, self._word_delimiter_regex)
        return words


def _is_no_text(value: Any) -> bool:
    kinds = (datastore_types.Blob, datastore_types.ByteString)
    return isinstance(value, kinds)


def words_of(text: str, delimiters: Any = None) -> set[str]:
    """Return the words that a search may name.

    Args:
        text: any.
        delimiters: a pattern between words; None for white space and punctuation.
    """
    pattern = _WORD_DELIMITERS if delimiters is None else re.compile(delimiters)
    words = {word.lower() for word in pattern.split(text)}
    return {word for word in words if len(word) >= _SHORTEST_WORD}


class SearchableQuery(datastore.Query):  # type: ignore[misc]
    """A query that also asks for words."""

    _search_query: str | None = None
    _word_delimiter_regex: Any = None

    def Search(
        self,
        search_query: str,
        word_delimiter_regex: Any = None,
        properties: Iterable[str] = (),
    ) -> SearchableQuery:
        """Ask for entities that have each word of a text."""
        datastore_types.ValidateString(
            search_query, "search_query", datastore_errors.BadQueryError
        )
        words = words_of(search_query, word_delimiter_regex)
        if words:
            wanted = [*self.get(f"{INDEX_PROPERTY} =", []), *sorted(words)]
            self[f"{INDEX_PROPERTY} ="] = wanted
        return self


class SearchableModel(db.Model):  # type: ignore[misc]
    """A model whose texts can be searched: `Model.all().search("some words")`."""

    @classmethod
    def SearchableProperties(cls) -> list[list[str]]:
        """Return lists of the properties whose texts count; one empty list for all."""
        return ALL_PROPERTIES

    class Query(db.Query):  # type: ignore[misc]
        """A query of a searchable model."""

        _words: ClassVar[tuple[str, ...]] = ()

        def search(
            self,
            search_query: str,
            word_delimiter_regex: Any = None,
            properties: Iterable[str] = (),
        ) -> SearchableModel.Query:
            """Ask for entities that have each word of a text."""
            for word in sorted(words_of(search_query, word_delimiter_regex)):
                self.filter(f"{INDEX_PROPERTY} =", word)
            return self

    def _populate_internal_entity(self, *args: Any, **named: Any) -> Any:
        entity = super()._populate_internal_entity(
            *args, **{**named, "_entity_class": SearchableEntity}
        )
        if not isinstance(entity, SearchableEntity):
            # One that was read.
            entity = SearchableEntity(entity)
        wanted = [name for names in self.SearchableProperties() for name in names]
        entity._properties_to_index = wanted or None
        self._entity = entity
        return entity

    @classmethod
    def from_entity(cls, entity: Any) -> Any:
        """Return the model of a stored entity, without its words."""
        entity.pop(INDEX_PROPERTY, None)
        return super().from_entity(entity)

    @classmethod
    def all(cls, **named: Any) -> SearchableModel.Query:
        """Return a query of all entities."""
        return cls.Query(cls, **named)
