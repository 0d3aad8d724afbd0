"""The order of everything: Python 2.7 compared values of any two types.

Python 3's comparison is tried first; what it refuses goes by 2.7's rule: None, then
numbers, then other types by their name, and values of one type by their address.
"""

from __future__ import annotations

import datetime
import functools
import operator
import sys
from collections.abc import Mapping
from types import FunctionType
from typing import Any, Final, NoReturn

from channelshim.python27.helpers.classes import COMPARISONS
from channelshim.python27.strings import STRINGS, to_bytes

_NATIVE: Final = frozenset((int, str, float, bool, tuple, list))
_NEVER_ORDERED: Final = (datetime.date, datetime.time, datetime.timedelta)
_NUMBERS: Final = (int, float, complex)


def _is_own(value: Any, name: str) -> bool:
    """Tell whether a type's comparison is written in Python: its error is its own."""
    return isinstance(getattr(type(value), name, None), FunctionType)


def _refuses(left: Any, right: Any) -> bool:
    """Tell whether 2.7 too raised TypeError for these two."""
    if isinstance(left, complex) or isinstance(right, complex):
        # Beside other types a complex number stands where every number does.
        return isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS)
    for one, other in ((left, right), (right, left)):
        if isinstance(one, _NEVER_ORDERED):
            return not hasattr(other, "__cmp__") and not hasattr(other, "timetuple")
    return False


def lt(left: Any, right: Any) -> Any:
    """Return `left < right` in Python 2.7's order."""
    try:
        return left < right
    except TypeError:
        return lt_refused(left, right)


def lt_refused(left: Any, right: Any) -> Any:
    """Return `left < right` while the TypeError is handled that it ended in."""
    if _is_final(left, right, "__lt__", "__gt__"):
        _raise_again()
    return _otherwise(lt, operator.lt, left, right)


def le(left: Any, right: Any) -> Any:
    """Return `left <= right` in Python 2.7's order."""
    try:
        return left <= right
    except TypeError:
        return le_refused(left, right)


def le_refused(left: Any, right: Any) -> Any:
    """Return `left <= right` while the TypeError is handled that it ended in."""
    if _is_final(left, right, "__le__", "__ge__"):
        _raise_again()
    return _otherwise(le, operator.le, left, right)


def gt(left: Any, right: Any) -> Any:
    """Return `left > right` in Python 2.7's order."""
    try:
        return left > right
    except TypeError:
        return gt_refused(left, right)


def gt_refused(left: Any, right: Any) -> Any:
    """Return `left > right` while the TypeError is handled that it ended in."""
    if _is_final(left, right, "__gt__", "__lt__"):
        _raise_again()
    return _otherwise(gt, operator.gt, left, right)


def ge(left: Any, right: Any) -> Any:
    """Return `left >= right` in Python 2.7's order."""
    try:
        return left >= right
    except TypeError:
        return ge_refused(left, right)


def ge_refused(left: Any, right: Any) -> Any:
    """Return `left >= right` while the TypeError is handled that it ended in."""
    if _is_final(left, right, "__ge__", "__le__"):
        _raise_again()
    return _otherwise(ge, operator.ge, left, right)


def _raise_again() -> NoReturn:
    """Raise the error that is handled, its traceback without whoever handles it.

    That frame comes again while the error goes up through it.
    """
    error = sys.exc_info()[1]
    assert error is not None
    assert error.__traceback__ is not None
    raise error.with_traceback(error.__traceback__.tb_next)


def _is_final(left: Any, right: Any, name: str, swapped: str) -> bool:
    """Tell whether 2.7 would have raised TypeError too."""
    return _is_own(left, name) or _is_own(right, swapped) or _refuses(left, right)


def _otherwise(compare: Any, native: Any, left: Any, right: Any) -> Any:
    """Return the order of two values that Python 3 refuses to compare."""
    for kind in (list, tuple):
        if isinstance(left, kind) and isinstance(right, kind):
            for one, other in zip(left, right, strict=False):
                if one is not other and not one == other:
                    return compare(one, other)
            return native(len(left), len(right))
    return native(default_order(left, right), 0)


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
    if isinstance(value, _NUMBERS):
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
    """Return a negative number, 0 or 1 as 2.7's `cmp`.

    Theory of the first lines: these types have no `__cmp__`, and what is below asks
    the same three questions of them, the native operators first. At most one of the
    three is true of them, so the order of asking is free; what is sorted is seldom
    equal, so that is asked last.
    """
    if left is right:
        return 0
    kind = type(left)
    if kind is type(right) and kind in _NATIVE:
        try:
            if left < right:
                return -1
            if left > right:
                return 1
            if left == right:
                return 0
        except TypeError:
            pass
    if kind is type(right):
        method = getattr(kind, "__cmp__", None)
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


def _only_cmp(items: list[Any]) -> Any:
    """Return the `__cmp__` that alone decides among items; None if there is none."""
    kinds = set(map(type, items))
    if len(kinds) != 1:
        return None
    kind: Any = kinds.pop()
    return kind.__cmp__ if kind.__lt__ is COMPARISONS["__lt__"] else None


def _sort_by_cmp(items: list[Any], cmp: Any, reverse: bool) -> bool:
    """Sort items of one class by its `__cmp__`; tell whether that was possible.

    Theory: `x < y` of such a class is `cmp(x, y) < 0`, which functools asks in C. A
    NotImplemented or an answer that is no number ends in TypeError, and the plain way
    decides what is to become of it.
    """
    before = list(items)
    try:
        list.sort(items, key=functools.cmp_to_key(cmp), reverse=reverse)
    except TypeError:
        items[:] = before
        return False
    return True


def _sort(items: list[Any], cmp: Any, key: Any, reverse: Any) -> None:
    reverse = bool(reverse)
    if cmp is None and key is None:
        cmp = _only_cmp(items)
        if cmp is not None and _sort_by_cmp(items, cmp, reverse):
            return
        cmp = None
    if cmp is not None:
        by_cmp = functools.cmp_to_key(cmp)
        if key is None:
            list.sort(items, key=by_cmp, reverse=reverse)
        else:
            list.sort(items, key=lambda item: by_cmp(key(item)), reverse=reverse)
        return
    before = list(items)
    try:
        list.sort(items, key=key, reverse=reverse)
    except TypeError:
        items[:] = before
        if key is None:
            list.sort(items, key=_Ordered, reverse=reverse)
        else:
            list.sort(items, key=lambda item: _Ordered(key(item)), reverse=reverse)


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
    "_p27_lt_refused": lt_refused,
    "_p27_le_refused": le_refused,
    "_p27_gt_refused": gt_refused,
    "_p27_ge_refused": ge_refused,
    "_p27_sort": sort,
    "_p27_cmp": cmp,
    "_p27_native_order": _NATIVE,
    "cmp": cmp,
    "sorted": sorted27,
    "min": _extreme("min", min, lt),
    "max": _extreme("max", max, gt),
    "hash": hash27,
}
