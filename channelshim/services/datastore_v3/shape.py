"""What a query asks for, in the store's words; no data is looked at.

Filters and orders come normalized and checked by the SDK. Those that no index of ours
answers are said to be so, and go the slow way (sorting.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from google.appengine.datastore import datastore_pb

from channelshim.contracts import ordering
from channelshim.services.datastore_v3 import values

KEY: Final = "__key__"

_FILTER = datastore_pb.Query.Filter
_DESCENDING = datastore_pb.Query.Order.DESCENDING
_LOWER_OPERATORS = frozenset({_FILTER.GREATER_THAN, _FILTER.GREATER_THAN_OR_EQUAL})
_UPPER_OPERATORS = frozenset({_FILTER.LESS_THAN, _FILTER.LESS_THAN_OR_EQUAL})
_EXCLUSIVE_LOW = frozenset({_FILTER.GREATER_THAN, _FILTER.LESS_THAN_OR_EQUAL})
"""Operators whose bound lies behind the value: above all codes that begin with it."""


@dataclass(slots=True)
class Shape:
    """A query that an index can answer.

    Attributes:
        namespace: the namespace.
        kind: None for all kinds.
        ancestor: encoded path, or None.
        equalities: (property, code) pairs, all to be met.
        bounds: (operator, code) pairs on the first of the orders.
        orders: (property, descending) pairs, without those that the key decides.
        is_key_descending: how equals are sorted.
        path_low, path_high: from filters on the key and the ancestor.
        groups: how many leading orders make a row distinct; 0 when all rows count.
        projection: names of the properties asked for; none means whole entities.
        is_keys_only: only keys are asked for.
    """

    namespace: str
    kind: str | None
    ancestor: bytes | None = None
    equalities: list[tuple[str, bytes]] = field(default_factory=list)
    bounds: list[tuple[int, bytes]] = field(default_factory=list)
    orders: list[tuple[str, bool]] = field(default_factory=list)
    is_key_descending: bool = False
    path_low: bytes = b""
    path_high: bytes | None = None
    groups: int = 0
    projection: frozenset[str] = frozenset()
    is_keys_only: bool = False

    def narrow(self, low: bytes, high: bytes | None) -> None:
        """Keep only keys from low up to, not including, high."""
        self.path_low = max(self.path_low, low)
        if high is not None:
            self.path_high = (
                high if self.path_high is None else min(self.path_high, high)
            )

    def value_range(self, prefix: bytes) -> tuple[bytes, bytes]:
        """Return the codes, half-open, that begin with prefix and meet the bounds."""
        low, high = prefix, ordering.after_prefix(prefix)
        for operator, code in self.bounds:
            is_lower = operator in _LOWER_OPERATORS
            is_behind = operator in _EXCLUSIVE_LOW
            if self.orders[0][1]:
                code, is_lower, is_behind = (
                    ordering.invert(code),
                    not is_lower,
                    not is_behind,
                )
            edge = prefix + code
            if is_behind:
                edge = ordering.after_prefix(edge)
            if is_lower:
                low = max(low, edge)
            else:
                high = min(high, edge)
        return low, high


def shape_of(query: Any, filters: Sequence[Any], orders: Sequence[Any]) -> Shape | None:
    """Return what a query asks for, or None when no index can answer it.

    Args:
        query: a datastore_pb.Query.
        filters: normalized and checked.
        orders: normalized and checked, the implied ones included; the key is last.
    """
    # A key before the last place: a projection that is sorted by key, then by value.
    if query.shallow or any(order.property == KEY for order in orders[:-1]):
        return None
    shape = Shape(
        query.name_space,
        query.kind if query.HasField("kind") else None,
        projection=frozenset(query.property_name),
        is_keys_only=query.keys_only,
    )
    if query.HasField("ancestor"):
        elements = values.elements_of(query.ancestor.path.element)
        shape.ancestor = ordering.encode_path(elements)
        shape.narrow(shape.ancestor, shape.ancestor + b"\xff")
    for order in orders:
        if order.property == KEY:
            shape.is_key_descending = order.direction == _DESCENDING
        else:
            shape.orders.append((order.property, order.direction == _DESCENDING))
    if not all(_add_filter(shape, each) for each in filters):
        return None
    return shape if _is_answerable(shape, query) else None


def _add_filter(shape: Shape, each: Any) -> bool:
    name, operator = each.property[0].name, each.op
    if operator == _FILTER.EXISTS:
        return any(name == order for order, _ in shape.orders)
    if name == KEY:
        return _add_key_filter(shape, operator, each.property[0].value.referencevalue)
    code = values.encode_value(each.property[0].value)
    if operator == _FILTER.EQUAL:
        shape.equalities.append((name, code))
        return True
    if operator in _LOWER_OPERATORS or operator in _UPPER_OPERATORS:
        shape.bounds.append((operator, code))
        return bool(shape.orders) and shape.orders[0][0] == name
    return False


def _add_key_filter(shape: Shape, operator: int, reference: Any) -> bool:
    path = ordering.encode_path(values.elements_of(reference.pathelement))
    behind = path + b"\x00"
    if operator == _FILTER.EQUAL:
        shape.narrow(path, behind)
    elif operator == _FILTER.GREATER_THAN_OR_EQUAL:
        shape.narrow(path, None)
    elif operator == _FILTER.GREATER_THAN:
        shape.narrow(behind, None)
    elif operator == _FILTER.LESS_THAN:
        shape.narrow(b"", path)
    elif operator == _FILTER.LESS_THAN_OR_EQUAL:
        shape.narrow(b"", behind)
    else:
        return False
    return True


def _is_answerable(shape: Shape, query: Any) -> bool:
    names = [name for name, _ in shape.orders]
    equal = {name for name, _ in shape.equalities}
    # Special properties such as __scatter__ have no index rows.
    if any(name.startswith("__") for name in (*names, *equal)):
        return False
    # An equality and a bound on one property: a value may meet either of them.
    if equal.intersection(names):
        return False
    # Sorted by key first, a projection is not in the codes of the rows.
    if not shape.projection <= set(names):
        return False
    grouped = set(query.group_by_property_name)
    if grouped:
        shape.groups = len(grouped)
        return grouped == set(names[: len(grouped)]) and not equal & grouped
    return True
