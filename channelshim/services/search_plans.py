"""A parsed query to conditions of the index: a fast path with a right fallback.

Theory. For each part of a query two conditions enclose the documents that the SDK's
stub would find: all in `sure` are found, all found are in `possible`. "And" and "or"
keep the enclosure part by part; "not" exchanges the two. Where both are the same the
index alone answers; what lies between is shown to the stub's own matcher, document by
document. A query that the stub may refuse while it looks at documents has no plan, and
the matcher sees everything. tests/services/test_search.py explores it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from google.appengine.api.search import QueryParser, geo_util, query_parser
from google.appengine.api.search.stub import document_matcher, simple_tokenizer

from channelshim.contracts.search import (
    NOTHING,
    AllOf,
    AnyOf,
    Condition,
    Everything,
    HasPrefix,
    HasTerm,
    InRange,
    NoneOf,
)
from channelshim.services.search_documents import (
    TOKENIZER,
    VALUES,
    days_of,
    number_text,
    pair,
    term,
    whole_text,
)

_EQUALITY: Final = frozenset({QueryParser.EQ, QueryParser.HAS})
_INEQUALITY: Final = frozenset(document_matcher.INEQUALITY_COMPARISON_TYPES)
_AT_MOST: Final = frozenset({QueryParser.LESSTHAN, QueryParser.LE})
_STRICT: Final = frozenset({QueryParser.GT, QueryParser.LESSTHAN})
_MATCHER: Final = document_matcher.DocumentMatcher(None, None)
_SLACK_DEGREES: Final = 1e-6
_WIDEST_DEGREES: Final = 80.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What encloses the documents that a part of a query finds."""

    possible: Condition
    sure: Condition


class _Unplanned(Exception):
    """Only the stub's matcher knows, and it may refuse."""


_NONE: Final = Bounds(NOTHING, NOTHING)
UNPLANNED: Final = Bounds(Everything(), NOTHING)


def plan(node: Any) -> Bounds:
    """Return the bounds of a query's tree (query_parser.ParseAndSimplify)."""
    try:
        return _bounds(node)
    except _Unplanned:
        return UNPLANNED


def exactly(condition: Condition) -> Bounds:
    """Return the bounds of what an index answers by itself."""
    return Bounds(condition, condition)


def any_of(parts: list[Bounds]) -> Bounds:
    """Return the bounds of a disjunction."""
    parts = [part for part in parts if part.possible != NOTHING]
    if len(parts) == 1:
        return parts[0]
    return Bounds(
        AnyOf(tuple(part.possible for part in parts)),
        AnyOf(tuple(part.sure for part in parts if part.sure != NOTHING)),
    )


def all_of(parts: list[Bounds]) -> Bounds:
    """Return the bounds of a conjunction."""
    if any(part.possible == NOTHING for part in parts):
        return _NONE
    parts = _merged(parts)
    if len(parts) == 1:
        return parts[0]
    sure: Condition = AllOf(tuple(part.sure for part in parts))
    if any(part.sure == NOTHING for part in parts):
        sure = NOTHING
    return Bounds(AllOf(tuple(part.possible for part in parts)), sure)


def _merged(parts: list[Bounds]) -> list[Bounds]:
    """Return parts with one range for each number or date.

    Of these, a document has one of a name at most: the SDK refuses others.
    """
    others: list[Bounds] = []
    ranges: dict[str, InRange] = {}
    for part in parts:
        asked = part.possible
        if isinstance(asked, InRange) and part == exactly(asked):
            ranges[asked.name] = _both(asked, ranges.get(asked.name))
        else:
            others.append(part)
    return [*others, *(exactly(each) for each in ranges.values())]


def _both(one: InRange, other: InRange | None) -> InRange:
    if other is None:
        return one
    low, with_low = one.low, one.with_low
    if low is None or (
        other.low is not None and (other.low, not other.with_low) > (low, not with_low)
    ):
        low, with_low = other.low, other.with_low
    high, with_high = one.high, one.with_high
    if high is None or (
        other.high is not None and (other.high, other.with_high) < (high, with_high)
    ):
        high, with_high = other.high, other.with_high
    return InRange(one.name, low, high, with_low, with_high)


def _bounds(node: Any) -> Bounds:
    kind = node.getType()
    if kind == QueryParser.SEQUENCE:
        found = all_of([_bounds(child) for child in node.children])
        if not all(_MATCHER._IsHasGlobalValue(child) for child in node.children):
            return found
        words = [_text(child.children[1]) for child in node.children]
        whole = HasTerm(term("P", "", whole_text(" ".join(words))))
        return any_of([found, exactly(whole)])
    if kind == QueryParser.CONJUNCTION and node.children:
        return all_of([_bounds(child) for child in node.children])
    if kind == QueryParser.DISJUNCTION and node.children:
        return any_of([_bounds(child) for child in node.children])
    if kind == QueryParser.NEGATION:
        part = _bounds(node.children[0])
        return Bounds(NoneOf(part.sure), NoneOf(part.possible))
    if kind in _EQUALITY or kind in _INEQUALITY:
        return _comparison(kind, *node.children)
    raise _Unplanned


def _comparison(kind: int, left: Any, right: Any) -> Bounds:
    if left.getType() == QueryParser.GLOBAL:
        return _field("", right, QueryParser.EQ)
    if left.getType() == QueryParser.FUNCTION:
        return _distance(kind, left, right)
    name = _text(left)
    if kind in _INEQUALITY:
        text = query_parser.GetPhraseQueryNodeText(right)
        if not (_MATCHER._IsValidNumericValue(text) or _is_date(text)):
            raise _Unplanned
    elif _is_date(name) or _MATCHER._IsValidNumericValue(name):
        raise _Unplanned
    return _field(name, right, kind)


def _field(name: str, value: Any, kind: int) -> Bounds:
    if value.getType() == QueryParser.FUZZY:
        inner = value.getChild(0)
        if inner.getType() != QueryParser.VALUE:
            raise _Unplanned
        return _text_field(name, inner) if kind in _EQUALITY else _NONE
    if value.getType() != QueryParser.VALUE:
        raise _Unplanned
    parts = _comparable_field(name, value, kind)
    if kind in _EQUALITY:
        parts.append(_text_field(name, value))
    return any_of(parts)


def _text(node: Any) -> str:
    text = query_parser.GetQueryNodeTextUnicode(node)
    if not isinstance(text, str):
        raise _Unplanned
    return text


def _is_date(text: str) -> bool:
    return bool(_MATCHER._IsValidDateValue(text))


def _comparable_field(name: str, value: Any, kind: int) -> list[Bounds]:
    text = query_parser.RemoveSurroundingQuotes(_text(value))
    parts: list[Bounds] = []
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        if not math.isnan(number):
            parts.append(_compared("n", name, number, kind))
    if _is_date(text):
        try:
            parts.append(_compared("d", name, days_of(text), kind))
        except ValueError as error:
            raise _Unplanned from error
    return parts


def _compared(letter: str, name: str, number: float, kind: int) -> Bounds:
    if kind in _EQUALITY:
        return exactly(HasTerm(term(letter, name, number_text(number))))
    with_bound = kind not in _STRICT
    field = f"{letter}{name}"
    if kind in _AT_MOST:
        return exactly(InRange(field, high=number, with_high=with_bound))
    return exactly(InRange(field, low=number, with_low=with_bound))


def _text_field(name: str, value: Any) -> Bounds:
    if query_parser.IsPhrase(value):
        return _phrase(name, query_parser.RemoveSurroundingQuotes(_text(value)))
    text = _text(value)
    parts = [exactly(HasTerm(term("w", name, text.lower())))]
    if name:
        parts.append(_prefix(name, text))
    words = TOKENIZER.TokenizeText(text)
    if not words:
        parts.append(exactly(HasTerm(term("e", name, ""))))
    elif len(words) == 1:
        # The stub finds no text by a value that falls into several words.
        parts += _one_word(name, words[0].chars)
    return any_of(parts)


def _one_word(name: str, word: str) -> list[Bounds]:
    posted = _posted(TOKENIZER.Normalize(word, VALUES.TEXT))
    parts = [exactly(HasTerm(term("t", name, posted)))]
    if name:
        begun = _posted(TOKENIZER.Normalize(word, VALUES.TOKENIZED_PREFIX))
        parts.append(exactly(HasPrefix(term("x", name, begun))))
    return parts


def _posted(word: str) -> str:
    posted: str = simple_tokenizer.NormalizeString(word)
    if not posted:
        raise _Unplanned
    return posted


def _prefix(name: str, text: str) -> Bounds:
    kind = VALUES.UNTOKENIZED_PREFIX
    return exactly(HasPrefix(term("u", name, TOKENIZER.Normalize(text, kind))))


def _phrase(name: str, text: str) -> Bounds:
    parts = [exactly(HasTerm(term("p", name, whole_text(text))))]
    if not text:
        return any_of(parts)
    if name:
        parts.append(_prefix(name, text))
    words = [token.chars for token in TOKENIZER.TokenizeText(text)]
    if not words:
        parts.append(exactly(HasTerm(term("e", name, ""))))
        return any_of(parts)
    first = _posted(words[0])
    begun = HasTerm(term("t", name, first))
    in_row = [HasTerm(term("b", "", pair(*each))) for each in pairwise(words)]
    possible = AllOf((begun, *in_row))
    # A pair is a pair of any field, and two pairs need not overlap.
    is_exact = first == words[0] and (len(words) == 1 or (len(words) == 2 and not name))
    is_html = HasTerm(term("h", name, ""))
    sure = AllOf((possible, NoneOf(is_html))) if is_exact else NOTHING
    parts.append(Bounds(possible, sure))
    # In HTML the stub counts words in one way and compares them in another.
    parts.append(Bounds(AllOf((is_html, begun)), NOTHING))
    if name:
        parts.append(Bounds(HasPrefix(term("x", name, first)), NOTHING))
    return any_of(parts)


def _distance(kind: int, function: Any, value: Any) -> Bounds:
    """Enclose what is near in a box; farther away, only the matcher measures."""
    if kind in _EQUALITY or function.children[0].getText() != "distance":
        raise _Unplanned
    arguments = function.children[1].children
    if len(arguments) != 2:
        raise _Unplanned
    try:
        first, second = (_MATCHER._ResolveDistanceArg(each) for each in arguments)
        metres = float(_text(value))
    except (ValueError, TypeError) as error:
        raise _Unplanned from error
    if isinstance(first, geo_util.LatLng):
        first, second = second, first
    if not isinstance(first, str) or not isinstance(second, geo_util.LatLng):
        raise _Unplanned
    if kind not in _AT_MOST:
        return Bounds(InRange(f"y{first}"), NOTHING)
    return Bounds(_box(first, second, metres), NOTHING)


def _box(name: str, centre: Any, metres: float) -> Condition:
    angle = metres / geo_util.LatLng._EARTH_RADIUS_METERS
    height = math.degrees(angle) + _SLACK_DEGREES
    latitude, longitude = centre.latitude, centre.longitude
    if not height < _WIDEST_DEGREES:
        return InRange(f"y{name}")
    rows = InRange(f"y{name}", latitude - height, latitude + height)
    # Meridians come together at the poles, and longitudes begin anew at 180.
    if abs(latitude) + height >= 90:
        return rows
    ratio = math.sin(math.radians(height)) / math.cos(math.radians(latitude))
    if ratio >= 1:
        return rows
    width = math.degrees(math.asin(ratio)) + _SLACK_DEGREES
    if abs(longitude) + width >= 180:
        return rows
    columns = InRange(f"x{name}", longitude - width, longitude + width)
    return AllOf((rows, columns))
