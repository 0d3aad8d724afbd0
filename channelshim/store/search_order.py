"""The order of a search's documents, for every engine: by their numbers or by keys.

A document's number has its rank in the high bits and, turned round, the order in which
it was first put in the low ones: documents come by falling number, without a sort.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from channelshim.contracts.search import Order
from channelshim.store.search_select import Query

_LOW_BITS: Final = 31
_LOW_MASK: Final = (1 << _LOW_BITS) - 1


def number_of(rank: int, low: int) -> int:
    """Return the number of a document.

    Args:
        rank: the app's.
        low: from `low_of` or `next_low`.
    """
    return rank << _LOW_BITS | low


def low_of(number: int) -> int:
    """Return the part of a number that a document keeps when it is put again."""
    return number & _LOW_MASK


def next_low(count: int) -> int:
    """Return the low part of the `count`-th new document; smaller for later ones."""
    return _LOW_MASK - count


def by_age(numbers: Sequence[int]) -> Sequence[int]:
    """Return numbers in the order in which their documents were first put."""
    return sorted(numbers, key=lambda number: -low_of(number))


def in_order(
    found: Query,
    orders: Sequence[Order],
    stored: Callable[[str], object],
    limit: int | None,
    offset: int,
) -> Query:
    """Return a SELECT of the same numbers, sorted; see search_select.

    Args:
        found: of the documents.
        orders: keys, the first one first; then by falling number.
        stored: returns a text as the engine has it.
        limit: most numbers returned; for all of them None on PostgreSQL, -1 on SQLite.
        offset: how many are left out first.
    """
    select, values = found
    joins: list[str] = []
    keys: list[str] = []
    join_values: list[object] = []
    key_values: list[object] = []
    for place, order in enumerate(orders):
        joins.append(
            f"LEFT JOIN search_sort AS s{place} "
            f"ON s{place}.number = found.number AND s{place}.field = ?"
        )
        join_values.append(stored(order.field))
        way = "DESC" if order.is_descending else "ASC"
        keys.append(f"coalesce(s{place}.text, ?) {way}")
        keys.append(f"coalesce(s{place}.value, ?) {way}")
        key_values += [stored(order.text), float(order.number)]
    sorted_by = ", ".join([*keys, "found.number DESC"])
    statement = (
        f"SELECT found.number FROM ({select}) AS found {' '.join(joins)} "
        f"ORDER BY {sorted_by} LIMIT ? OFFSET ?"
    )
    return statement, [*values, *join_values, *key_values, limit, offset]
