"""The order of everything: Python 2.7 compared values of any two types.

Python 3's comparison is tried first; what it refuses goes by 2.7's rule: None, then
numbers, then other types by their name, and values of one type by their address.
"""

from __future__ import annotations

import datetime
import functools
import operator
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Final

from channelshim.python27.strings import STRINGS, to_bytes

_NEVER_ORDERED: Final = (complex, datetime.date, datetime.time, datetime.timedelta)


def _is_own(value: Any, name: str) -> bool:
    """Tell whether a type's comparison is written in Python: its error is its own."""
    return isinstance(getattr(type(value), name, None), FunctionType)


def _refuses(left: Any, right: Any) -> bool:
    """Tell whether 2.7 too raised TypeError for these two."""
    if isinstance(left, complex) or isinstance(right, complex):
        return True
    for one, other in ((left, right), (right, left)):
        if isinstance(one, _NEVER_ORDERED):
            return not hasattr(other, "__cmp__") and not hasattr(other, "timetuple")
        if isinstance(one, (set, frozenset)):
            return True
    return False


def _comparison(name: str, swapped: str, native: Callable[[Any, Any], Any]) -> Any:
    """Return one of the four ordering functions."""

    def compare(left: Any, right: Any) -> Any:
        try:
            return native(left, right)
        except TypeError:
            if _is_own(left, name) or _is_own(right, swapped) or _refuses(left, right):
                raise
        for kind in (list, tuple):
            if isinstance(left, kind) and isinstance(right, kind):
                return _by_element(compare, native, left, right)
        return native(default_order(left, right), 0)

    compare.__name__ = name.strip("_")
    compare.__doc__ = f"Return `left {compare.__name__} right` in Python 2.7's order."
    return compare


def _by_element(compare: Any, native: Any, left: Any, right: Any) -> Any:
    for one, other in zip(left, right, strict=False):
        if one is not other and not one == other:
            return compare(one, other)
    return native(len(left), len(right))


lt: Final = _comparison("__lt__", "__gt__", operator.lt)
le: Final = _comparison("__le__", "__ge__", operator.le)
gt: Final = _comparison("__gt__", "__lt__", operator.gt)
ge: Final = _comparison("__ge__", "__le__", operator.ge)


def default_order(left: Any, right: Any) -> int:
    """Return -1, 0 or 1 for two values that Python 3 cannot order."""
    if left is right:
        return 0
    if isinstance(left, STRINGS) and isinstance(right, STRINGS):
        return _three_way(to_bytes(left), to_bytes(right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return _order_of_dicts(left, right)
    if type(left) is type(right):
        return _three_way(id(left), id(right))
    if left is None:
        return -1
    if right is None:
        return 1
    names = _rank(left), _rank(right)
    if names[0] != names[1]:
        return _three_way(*names)
    return _three_way(id(type(left)), id(type(right)))


def _rank(value: Any) -> str:
    """Return the name that decides between types; numbers come before all."""
    if isinstance(value, (int, float)):
        return ""
    if isinstance(value, STRINGS):
        return "str"
    return type(value).__name__


def _three_way(left: Any, right: Any) -> int:
    return (left > right) - (left < right)  # type: ignore[no-any-return]


def _order_of_dicts(left: Any, right: Any) -> int:
    """Order dicts by size, then by the smallest key that differs, then its values."""
    if len(left) != len(right):
        return _three_way(len(left), len(right))
    first = _smallest_difference(left, right)
    if first is None:
        return 0
    second = _smallest_difference(right, left)
    assert second is not None
    return cmp(first[0], second[0]) or cmp(first[1], second[1])


def _smallest_difference(one: Any, other: Any) -> tuple[Any, Any] | None:
    found = None
    for key, value in one.items():
        if key in other and other[key] == value:
            continue
        if found is None or lt(key, found[0]):
            found = key, value
    return found


def cmp(left: Any, right: Any) -> int:
    """Return a negative number, 0 or 1 as 2.7's `cmp`."""
    if left is right:
        return 0
    if type(left) is type(right):
        method = getattr(type(left), "__cmp__", None)
        if method is not None:
            answer = method(left, right)
            if answer is not NotImplemented:
                return _three_way(_number(answer), 0)
    if isinstance(left, (set, frozenset)) and isinstance(right, (set, frozenset)):
        raise TypeError("cannot compare sets using cmp()")
    if left == right:
        return 0
    if lt(left, right):
        return -1
    if gt(left, right):
        return 1
    return default_order(left, right)


def _number(answer: Any) -> Any:
    if not isinstance(answer, (int, float)):
        raise TypeError("an integer is required")
    return answer


class _Ordered:
    """A sort key in Python 2.7's order."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Ordered) -> Any:
        return lt(self.value, other.value)


def _sort(items: list[Any], cmp: Any, key: Any, reverse: Any) -> None:
    reverse = bool(reverse)
    if cmp is not None:
        by_cmp = functools.cmp_to_key(cmp)
        if key is None:
            items.sort(key=by_cmp, reverse=reverse)
        else:
            items.sort(key=lambda item: by_cmp(key(item)), reverse=reverse)
        return
    before = list(items)
    try:
        items.sort(key=key, reverse=reverse)
    except TypeError:
        items[:] = before
        if key is None:
            items.sort(key=_Ordered, reverse=reverse)
        else:
            items.sort(key=lambda item: _Ordered(key(item)), reverse=reverse)


def sort(owner: Any, *args: Any, **named: Any) -> Any:
    """Do `owner.sort(cmp, key, reverse)` for a list, else its own method."""
    if isinstance(owner, type):
        owner, args = args[0], args[1:]
        return _list_sort(owner, *args, **named)
    if not isinstance(owner, list) or type(owner).sort is not list.sort:
        return owner.sort(*args, **named)
    return _list_sort(owner, *args, **named)


def _list_sort(
    owner: list[Any], cmp: Any = None, key: Any = None, reverse: Any = False
) -> None:
    _sort(owner, cmp, key, reverse)


def sorted27(
    iterable: Any, cmp: Any = None, key: Any = None, reverse: Any = False
) -> list[Any]:
    """Return a sorted list, as 2.7's `sorted`."""
    items = list(iterable)
    _sort(items, cmp, key, reverse)
    return items


def _extreme(name: str, native: Any, is_better: Any) -> Any:
    """Return `min` or `max`."""

    def extreme(*args: Any, **named: Any) -> Any:
        if len(args) == 1 and not isinstance(args[0], (list, tuple, dict, set)):
            args = (list(args[0]),)
        try:
            return native(*args, **named)
        except TypeError:
            key = named.get("key")
            if not args or named.keys() - {"key"}:
                raise
        items = iter(args[0] if len(args) == 1 else args)
        best = next(items)
        best_key = best if key is None else key(best)
        for item in items:
            item_key = item if key is None else key(item)
            if is_better(item_key, best_key):
                best, best_key = item, item_key
        return best

    extreme.__name__ = name
    return extreme


_MASK: Final = (1 << 64) - 1


def _signed(value: int) -> int:
    value &= _MASK
    value = value - (1 << 64) if value >> 63 else value
    return -2 if value == -1 else value


@functools.lru_cache(maxsize=4096)
def _hash_of_codes(codes: Any) -> int:
    codes = codes if isinstance(codes, bytes) else list(map(ord, codes))
    if not codes:
        return 0
    value = codes[0] << 7
    for code in codes:
        value = ((1000003 * value) & _MASK) ^ code
    return _signed(value ^ len(codes))


def hash27(value: Any) -> int:
    """Return 2.7's hash: that of strings is the same in every process."""
    kind = type(value)
    if kind is str:
        return _hash_of_codes(value)
    if isinstance(value, bytes) and kind.__module__.startswith("channelshim"):
        return _hash_of_codes(bytes(value))
    if kind is tuple:
        total, factor, left = 0x345678, 1000003, len(value)
        for item in value:
            left -= 1
            total = ((total ^ hash27(item)) * factor) & _MASK
            factor += 82520 + left + left
        return _signed(total + 97531)
    return hash(value)


TABLE: Final[dict[str, Any]] = {
    "_p27_lt": lt,
    "_p27_le": le,
    "_p27_gt": gt,
    "_p27_ge": ge,
    "_p27_sort": sort,
    "cmp": cmp,
    "sorted": sorted27,
    "min": _extreme("min", min, lt),
    "max": _extreme("max", max, gt),
    "hash": hash27,
}
