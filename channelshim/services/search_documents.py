"""A document of the search service to what the store's index keeps of it.

Terms are a letter for their kind, the field's name (empty: of any field), ":" and a
text. The texts are those that the SDK's stub would post, made by its tokenizer:

    t  a word of a text or HTML field       w  an atom, in small letters
    b  two words of a text field, in a row  p  an atom, as a phrase is compared
    h  the field is HTML                    P  any field's whole text, the same way
    e  the field has words                  n  a number     d  a date
    u  an untokenized prefix field          x  a word of a tokenized prefix field
    f  a facet and its value                o  what only scores count
    O  odd: only the stub's own matcher knows (`search_plans`)
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

from google.appengine.api.search import search_util
from google.appengine.api.search.stub import document_matcher, simple_tokenizer
from google.appengine.datastore import document_pb2

from channelshim.contracts.search import SearchDocument, SortKey

VALUES: Final = document_pb2.FieldValue
TOKENIZER: Final = simple_tokenizer.SimpleTokenizer()
ODD: Final = "O:"

_LONGEST_TEXT: Final = 200
_DIGEST_BYTES: Final = 16
_JOINT: Final = "\x1f"
_TEXTS: Final = frozenset({VALUES.TEXT, VALUES.HTML})
_PREFIXES: Final = frozenset({VALUES.UNTOKENIZED_PREFIX, VALUES.TOKENIZED_PREFIX})


def term(kind: str, field: str, text: str) -> str:
    """Return a term; a text too long to be one stands there as its hash."""
    if len(text) > _LONGEST_TEXT and kind not in "ux":
        data = text.encode("utf-8", "surrogatepass")
        text = "=" + hashlib.blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()
    return f"{kind}{field}:{text}"


def pair(first: str, second: str) -> str:
    """Return the text of two words in a row."""
    return f"{first}{_JOINT}{second}"


def whole_text(text: str) -> str:
    """Return a text as the stub compares atoms with phrases."""
    tokens = TOKENIZER.TokenizeText(text, input_field_type=VALUES.ATOM)
    return _JOINT.join(token.chars.lower() for token in tokens)


def number_text(number: float) -> str:
    """Return the text of a number, the same for equal ones."""
    return repr(number + 0.0)


def days_of(text: str) -> float:
    """Return a date as the stub compares it.

    Raises:
        ValueError: it is no date.
    """
    days: float = document_matcher._DateStrToDays(text)
    return days


def search_document(document: Any) -> SearchDocument:
    """Return what the index keeps of a document_pb2.Document."""
    terms: set[str] = set()
    numbers: list[tuple[str, float]] = []
    for field in document.field:
        try:
            terms.update(_terms_of(field))
            numbers.extend(_numbers_of(field))
        except (ValueError, OverflowError):
            terms.add(ODD)
    if _is_odd(document.field):
        terms.add(ODD)
    for facet in document.facet:
        terms.update(_facet_terms(facet))
    return SearchDocument(
        document_id=document.id,
        rank=document.order_id,
        size=len(document.id) + sum(field.ByteSize() for field in document.field),
        body=document.SerializeToString(),
        terms=frozenset(terms),
        frequencies=_frequencies(document.field),
        numbers=numbers,
        sort_keys={
            name: _sort_key(document, name)
            for name in {field.name for field in document.field}
        },
    )


def _is_odd(fields: Iterable[Any]) -> bool:
    """Return whether a name has fields of several kinds, which the stub mixes up."""
    kinds: dict[str, object] = {}
    for field in fields:
        kind = "text" if field.value.type in _TEXTS else field.value.type
        if kinds.setdefault(field.name, kind) != kind:
            return True
    return False


def _words(field: Any) -> list[str]:
    return [token.chars for token in TOKENIZER.TokenizeValue(field.value)]


def _terms_of(field: Any) -> set[str]:
    text, kind = field.value.string_value, field.value.type
    found = {term("P", "", whole_text(text))}
    # The stub leaves prefix fields out where a query names no field.
    names = (field.name,) if kind in _PREFIXES else (field.name, "")
    if kind in _TEXTS:
        words = _words(field)
        for name in names:
            found.update(term("t", name, word) for word in words)
            found.add(term("e", name, ""))
            if kind == VALUES.HTML:
                found.add(term("h", name, ""))
        if kind == VALUES.TEXT:
            found.update(term("b", "", pair(*each)) for each in pairwise(words))
        return found
    if kind == VALUES.UNTOKENIZED_PREFIX:
        return found | {term("u", field.name, TOKENIZER.Normalize(text, kind))}
    if kind == VALUES.TOKENIZED_PREFIX:
        found.update(term("x", field.name, word.strip()) for word in _words(field))
        return found | {term("e", field.name, "")}
    found.update(term("o", "", word) for word in _words(field))
    for name in names:
        if kind == VALUES.ATOM:
            found.add(term("w", name, text.lower()))
            found.add(term("p", name, whole_text(text)))
        elif kind == VALUES.NUMBER:
            found.add(term("n", name, number_text(float(text))))
        elif kind == VALUES.DATE:
            found.add(term("d", name, number_text(days_of(text))))
    return found


def _numbers_of(field: Any) -> list[tuple[str, float]]:
    value = field.value
    if value.type == VALUES.NUMBER:
        return [(f"n{field.name}", float(value.string_value))]
    if value.type == VALUES.DATE:
        return [(f"d{field.name}", days_of(value.string_value))]
    if value.type == VALUES.GEO:
        return [(f"y{field.name}", value.geo.lat), (f"x{field.name}", value.geo.lng)]
    return []


def _facet_terms(facet: Any) -> set[str]:
    return facet_value_terms(facet.name, facet.value.string_value)


def facet_value_terms(name: str, text: str) -> set[str]:
    """Return the terms of a facet's value, as text and, if it is one, as number."""
    found = {term("f", name, f"a{text}")}
    with contextlib.suppress(ValueError):
        found.add(term("f", name, f"n{number_text(float(text))}"))
    return found


def _frequencies(fields: Iterable[Any]) -> dict[str, int]:
    """Return how often words occur, unless it is once and a term says it too."""
    counts: Counter[str] = Counter()
    in_terms: set[str] = set()
    for field in fields:
        words = _words(field)
        counts.update(words)
        if field.value.type not in _PREFIXES:
            in_terms.update(words)
    return {
        word: count
        for word, count in counts.items()
        if count > 1 or word not in in_terms
    }


def _sort_key(document: Any, name: str) -> SortKey:
    text = search_util.GetFieldInDocument(
        document, name, search_util.EXPRESSION_RETURN_TYPE_TEXT
    )
    number = search_util.GetFieldInDocument(
        document, name, search_util.EXPRESSION_RETURN_TYPE_NUMERIC
    )
    value: float | None = None
    if number is not None:
        raw = number.value.string_value
        if number.value.type == VALUES.DATE:
            value = search_util.EpochTime(search_util.DeserializeDate(raw))
        else:
            value = float(raw)
    return SortKey(None if text is None else text.value.string_value, value)
