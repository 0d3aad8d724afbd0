"""The fast ways of comparing, dividing and filling in give what the plain ways give."""

# ruff: noqa: UP031 -- `%` is what is tested

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelshim.python27.helpers import arithmetic, classes, formats, order

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.sampled_from("ab")
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner)
)


def plain_cmp(left: Any, right: Any) -> int:
    """Compare by the four questions, without a look at the types."""
    if left is right or left == right:
        return 0
    if order.lt(left, right):
        return -1
    return 1 if order.gt(left, right) else order.default_order(left, right)


@settings(max_examples=1000, deadline=None)
@given(left=VALUES, right=VALUES)
def test_cmp_gives_the_plain_answer(left: Any, right: Any) -> None:
    assert order.cmp(left, right) == plain_cmp(left, right)


class _Version:
    """What a class of 2.7 with `__cmp__` becomes."""

    def __init__(self, value: Any) -> None:
        self.value = value


def versions(answer: Any) -> Any:
    """Return a class whose `__cmp__` is the function."""
    names = {"__init__": _Version.__init__, "__cmp__": answer}
    return classes.make("Version", (), names)


def values_of(items: list[Any]) -> list[Any]:
    return [item.value for item in items]


@settings(max_examples=300, deadline=None)
@given(
    values=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9))), back=st.booleans()
)
def test_sorting_by_cmp_gives_the_plain_order(values: list[Any], back: bool) -> None:
    kind = versions(lambda one, other: order.cmp(one.value[0], other.value[0]))
    items = [kind(value) for value in values]
    natively = sorted(items, reverse=back)  # by `<` of each pair
    assert values_of(order.sorted27(items, reverse=back)) == values_of(natively)


def test_what_cmp_may_not_answer_is_told_by_the_plain_way() -> None:
    wrong = versions(lambda one, other: "less")
    items = [wrong(1), wrong(2)]
    with pytest.raises(TypeError, match="an integer is required"):
        order.sort(items)
    assert values_of(items) == [1, 2]


NUMBERS = st.one_of(st.integers(-9, 9), st.booleans(), st.floats(-9, 9))


@given(left=NUMBERS, right=NUMBERS)
def test_division_gives_the_plain_answer(left: Any, right: Any) -> None:
    is_whole = isinstance(left, int) and isinstance(right, int)
    try:
        expected = left // right if is_whole else left / right
    except ZeroDivisionError:
        with pytest.raises(ZeroDivisionError):
            arithmetic.div(left, right)
        return
    answer = arithmetic.div(left, right)
    assert (type(answer), answer) == (type(expected), expected)


PLAIN = st.one_of(SCALARS, st.binary(max_size=2), st.lists(SCALARS, max_size=2))


@given(value=PLAIN)
def test_filling_in_by_key_gives_what_filling_in_one_value_gives(value: Any) -> None:
    expected = "%s" % (formats.s(value),)
    row = {"a": value, "b": "text"}
    for fill in (formats.s_map, formats.s_both_map, formats.u_map, formats.u_both_map):
        assert "%(a)s,%(b)s" % fill(row, ("a", "b")) == f"{expected},text"
    assert formats.mod("%(a)s,%(b)s", row) == f"{expected},text"
    assert row == {"a": value, "b": "text"} or value != value


@given(value=st.floats(-1e15, 1e15))
def test_a_key_at_two_conversions_is_a_number_at_the_other(value: float) -> None:
    filled = formats.mod("%(a)s %(a).3f %(a)r %(a)d", {"a": value})
    assert filled == "%s %.3f %r %d" % (formats.s(value), value, value, value)
