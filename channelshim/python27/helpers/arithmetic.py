"""Numbers: division, rounding, and how they are written."""

from __future__ import annotations

import datetime
import math
import operator
from typing import Any, Final


def _is_plain_int(value: Any) -> bool:
    """Tell whether a value divides as an int, a bool included."""
    kind = type(value)
    if kind is int or kind is bool:
        return True
    return isinstance(value, int) and kind.__truediv__ is int.__truediv__


def div(left: Any, right: Any) -> Any:
    """Return `left / right` of code without future division."""
    kind = type(left)
    if kind is int or kind is float:
        # Nine in ten divisions: what is below does the same.
        other_kind = type(right)
        if other_kind is int:
            return left // right if kind is int else left / right
        if other_kind is float:
            return left / right
    if _is_plain_int(left) and _is_plain_int(right):
        return left // right
    if type(left) is datetime.timedelta and isinstance(right, int):
        return left // right
    # A class may have both: Python 2.7's own come first without future division.
    for one, other, name in ((left, right, "__div__"), (right, left, "__rdiv__")):
        method = getattr(type(one), name, None)
        if method is not None:
            value = method(one, other)
            if value is not NotImplemented:
                return value
    return left / right


def idiv(left: Any, right: Any) -> Any:
    """Return what `left` becomes by `left /= right`."""
    for name in ("__idiv__", "__itruediv__"):
        in_place = getattr(type(left), name, None)
        if in_place is not None:
            value = in_place(left, right)
            if value is not NotImplemented:
                return value
    return div(left, right)


def idiv_attr(owner: Any, name: str, right: Any) -> None:
    """Do `owner.name /= right`."""
    setattr(owner, name, idiv(getattr(owner, name), right))


def idiv_item(owner: Any, key: Any, right: Any) -> None:
    """Do `owner[key] /= right`."""
    owner[key] = idiv(owner[key], right)


def round27(number: Any, ndigits: Any = 0) -> float:
    """Round half away from zero on the exact value; the answer is a float."""
    value = float(number)
    digits = operator.index(ndigits)
    if not math.isfinite(value) or digits > 330:
        return value
    if digits < -330:
        return math.copysign(0.0, value)
    # Only here: most apps start without it.
    import decimal

    wide = decimal.Context(prec=1100, rounding=decimal.ROUND_HALF_UP)
    exact = decimal.Decimal(value).quantize(
        decimal.Decimal(1).scaleb(-digits, wide), context=wide
    )
    rounded = math.copysign(float(exact), value)
    if math.isinf(rounded):
        raise OverflowError("rounded value too large to represent")
    return rounded


def oct27(number: Any) -> str:
    """Write a number with a leading 0, as 2.7's `oct`."""
    method = getattr(type(number), "__oct__", None)
    if method is not None:
        return _text_answer(method(number), "__oct__")  # type: ignore[no-any-return]
    if not isinstance(number, int):
        raise TypeError("oct() argument can't be converted to oct")
    digits = format(abs(number), "o")
    return ("-" if number < 0 else "") + ("0" + digits if number else "0")


def hex27(number: Any) -> str:
    """Write a number with 0x, as 2.7's `hex`."""
    method = getattr(type(number), "__hex__", None)
    if method is not None:
        return _text_answer(method(number), "__hex__")  # type: ignore[no-any-return]
    if not isinstance(number, int):
        raise TypeError("hex() argument can't be converted to hex")
    return hex(number)


def _text_answer(answer: Any, name: str) -> Any:
    if not isinstance(answer, (str, bytes)):
        kind = type(answer).__name__
        raise TypeError(f"{name} returned non-string (type {kind})")
    return answer


def coerce(left: Any, right: Any) -> tuple[Any, Any]:
    """Bring two numbers to one type, as 2.7's `coerce`.

    Raises:
        TypeError: they are no numbers.
    """
    for kind in (int, float, complex):
        if isinstance(left, kind) and type(left) is type(right):
            return left, right
    for kind in (complex, float, int):
        if isinstance(left, kind) or isinstance(right, kind):
            if isinstance(left, (int, float, complex)) and isinstance(
                right, (int, float, complex)
            ):
                return kind(left), kind(right)  # type: ignore[arg-type]
            break
    method = getattr(type(left), "__coerce__", None)
    if method is not None:
        pair = method(left, right)
        if pair is not NotImplemented and pair is not None:
            return pair[0], pair[1]
    method = getattr(type(right), "__coerce__", None)
    if method is not None:
        pair = method(right, left)
        if pair is not NotImplemented and pair is not None:
            return pair[1], pair[0]
    if type(left) is type(right) and not isinstance(left, (str, bytes)):
        return left, right
    raise TypeError("number coercion failed")


TABLE: Final[dict[str, Any]] = {
    "_p27_int": int,
    "_p27_div": div,
    "_p27_idiv": idiv,
    "_p27_idiv_attr": idiv_attr,
    "_p27_idiv_item": idiv_item,
    "_p27_slice": slice,
    "round": round27,
    "oct": oct27,
    "hex": hex27,
    "coerce": coerce,
    "long": int,
}
