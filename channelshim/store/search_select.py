"""Conditions of a search to one statement of SQL, for every engine.

Values are marked with `?`; an engine that marks them otherwise replaces that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from channelshim.contracts.search import (
    AllOf,
    AnyOf,
    Condition,
    Everything,
    InRange,
    NoneOf,
    Numbered,
)

Query = tuple[str, list[object]]
"""A SELECT of one column, `number`, and its parameters."""

_DEEPEST: Final = 5
"""Levels of conditions in one statement: SQLite's parsers have a stack of 100."""

_WIDE: Final = 4
"""Rows of a range that are gathered in the time in which one is looked up."""


class Finder(Protocol):
    """Where terms are looked up."""

    def select(self, index_id: int, condition: Condition) -> Query | None:
        """Return a SELECT of the documents of a condition; None if it is no term's."""


class Asked(Protocol):
    """A connection."""

    def execute(self, statement: str, values: Sequence[Any], /) -> Iterable[Any]:
        """Run a statement and return its rows."""


class Selects:
    """Makes statements about the documents of one index.

    Args:
        connection: looks up parts that nest too deep for one statement.
        terms: where terms are.
        index_id: of the index.
    """

    def __init__(self, connection: Asked, terms: Finder, index_id: int) -> None:
        self._connection = connection
        self._terms = terms
        self._index_id = index_id

    def select(self, condition: Condition) -> Query:
        """Return a SELECT of the numbers of a condition's documents, each once."""
        return self._select(self._shallow(condition))

    def _shallow(self, condition: Condition) -> Condition:
        if _depth(condition) <= _DEEPEST:
            return condition
        parts = tuple(
            self._looked_up(part) if _depth(part) >= _DEEPEST else part
            for part in _parts(condition)
        )
        if isinstance(condition, AllOf):
            return AllOf(parts)
        return AnyOf(parts) if isinstance(condition, AnyOf) else NoneOf(parts[0])

    def _looked_up(self, condition: Condition) -> Numbered:
        rows = self._connection.execute(*self.select(condition))
        return Numbered(tuple(number for (number,) in rows))

    def _select(self, condition: Condition) -> Query:
        by_terms = self._terms.select(self._index_id, condition)
        if by_terms is not None:
            return by_terms
        match condition:
            case Numbered(numbers):
                return self._numbered(numbers)
            case InRange():
                select, values = self._in_range(condition)
                return select.replace("SELECT", "SELECT DISTINCT", 1), values
            case AllOf(parts):
                return self._all_of(parts)
            case AnyOf(parts) if parts:
                selects = [self._select(part) for part in parts]
                joined = " UNION ".join(select for select, _ in selects)
                return joined, [value for _, values in selects for value in values]
            case NoneOf():
                return self._all_of((condition,))
        return "SELECT 0 AS number WHERE 1 = 0", []

    def _numbered(self, numbers: Sequence[int]) -> Query:
        """Return a SELECT of numbers that are known."""
        return "SELECT value AS number FROM json_each(?)", [json.dumps(numbers)]

    def _name(self, name: str) -> object:
        """Return a name of numbers as it is stored."""
        return name

    def _all_of(self, parts: Sequence[Condition]) -> Query:
        wanted = [part for part in parts if not isinstance(part, NoneOf)]
        # What terms answer comes first, together: it is quick to walk.
        by_terms = tuple(part for part in wanted if self._is_of_terms(part))
        others = [part for part in wanted if part not in by_terms]
        first: Condition = Everything()
        if by_terms and self._is_of_terms(AllOf(by_terms)):
            first = AllOf(by_terms)
        elif wanted:
            first, others = wanted[0], wanted[1:]
        select, values = self._select(first)
        tests = []
        for part in [*others, *(part for part in parts if isinstance(part, NoneOf))]:
            is_wanted = not isinstance(part, NoneOf)
            inner = part.part if isinstance(part, NoneOf) else part
            test, more = self._test(inner, self._select(first))
            tests.append(test if is_wanted else f"NOT {test}")
            values = [*values, *more]
        if not tests:
            return select, values
        where = " AND ".join(tests)
        return f"SELECT number FROM ({select}) AS found WHERE {where}", values

    def _test(self, part: Condition, outer: Query) -> Query:
        """Return a test of `found.number`, one of the documents of outer."""
        if isinstance(part, InRange):
            select, values = self._in_range(part)
            # A wide range is not worth being gathered for few documents.
            few = self._count(outer)
            if self._count((f"{select} LIMIT {few * _WIDE + 1}", values)) > few * _WIDE:
                return (
                    f"EXISTS ({select} AND search_number.number = found.number)",
                    values,
                )
        select, values = self._select(part)
        # The sign keeps SQLite from asking anew for each number of the inner part.
        return f"(+found.number IN ({select}))", values

    def _count(self, query: Query) -> int:
        select, values = query
        ((count,),) = self._connection.execute(
            f"SELECT count(*) FROM ({select}) AS found", values
        )
        return int(count)

    def _is_of_terms(self, condition: Condition) -> bool:
        return self._terms.select(self._index_id, condition) is not None

    def _in_range(self, asked: InRange) -> Query:
        tests = ["index_id = ?", "name = ?"]
        values: list[object] = [self._index_id, self._name(asked.name)]
        if asked.low is not None:
            tests.append("value >= ?" if asked.with_low else "value > ?")
            values.append(asked.low)
        if asked.high is not None:
            tests.append("value <= ?" if asked.with_high else "value < ?")
            values.append(asked.high)
        where = " AND ".join(tests)
        return f"SELECT number FROM search_number WHERE {where}", values


def _parts(condition: Condition) -> tuple[Condition, ...]:
    if isinstance(condition, (AllOf, AnyOf)):
        return condition.parts
    return (condition.part,) if isinstance(condition, NoneOf) else ()


def _depth(condition: Condition) -> int:
    return max((1 + _depth(part) for part in _parts(condition)), default=0)
