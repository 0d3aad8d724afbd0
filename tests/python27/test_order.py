"""The fast ways of comparing, dividing and filling in give what the plain ways give."""

# ruff: noqa: UP031 -- `%` is what is tested

from __future__ import annotations

import builtins
import datetime
import traceback
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelshim.python27 import helpers
from channelshim.python27.compiling import compile_text
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


CONDITIONS = """
def f(a, b):
    if a < b: lt = True
    else: lt = False
    if a <= b: le = True
    else: le = False
    if a > b: gt = True
    else: gt = False
    if a >= b: ge = True
    else: ge = False
    return lt, le, gt, ge
"""


def translated(text: str, name: str) -> Any:
    """Return a function of Python 2.7."""
    names: dict[str, Any] = {"__builtins__": {**vars(builtins), **helpers.table()}}
    exec(compile_text(text, "main.py"), names)
    return names[name]


conditions = translated(CONDITIONS, "f")


@settings(max_examples=1000, deadline=None)
@given(left=VALUES, right=VALUES)
def test_conditions_give_the_plain_answers(left: Any, right: Any) -> None:
    plain = (order.lt, order.le, order.gt, order.ge)
    assert conditions(left, right) == tuple(bool(ask(left, right)) for ask in plain)


returned = translated("def f(a, b): return cmp(a, b)", "f")
returned_tuples = translated("def f(a, b, c): return cmp((a, c), (b, 1))", "f")


@settings(max_examples=1000, deadline=None)
@given(left=VALUES, right=VALUES, last=SCALARS)
def test_a_returned_cmp_is_the_plain_one(left: Any, right: Any, last: Any) -> None:
    assert returned(left, right) == plain_cmp(left, right)
    if "nan" not in repr((left, right, last)):
        # Tuples with one are ordered by their address.
        pair = (left, last), (right, 1)
        assert returned_tuples(left, right, last) == plain_cmp(*pair)


@pytest.mark.parametrize(
    ("left", "right"),
    [(1j, 2), (2.5, 1j), (1j, 2j), (datetime.date(2012, 1, 1), "a")],
)
def test_what_27_refused_is_refused_and_shown_once(left: Any, right: Any) -> None:
    with pytest.raises(TypeError, match="not supported") as caught:
        conditions(left, right)
    lines = [f.name for f in traceback.extract_tb(caught.tb) if f.filename == "main.py"]
    assert lines == ["f"]


def test_a_comparison_of_the_apps_own_is_asked_once_and_shown() -> None:
    text = """
asked = []
class A(object):
    def __lt__(self, other):
        asked.append(other)
        raise TypeError("never")
def f(b):
    a = A()
    if a < b: pass
def g(): return asked
"""
    function = translated(text, "f")
    with pytest.raises(TypeError, match="never") as caught:
        function(3)
    lines = [f.name for f in traceback.extract_tb(caught.tb) if f.filename == "main.py"]
    assert lines == ["f", "__lt__"]
    assert function.__globals__["asked"] == [3]


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
    for mod in (formats.mod, formats.u_mod):
        assert mod("%(a)s,%(b)s", row) == f"{expected},text"
    assert row == {"a": value, "b": "text"} or value != value


@given(value=st.floats(-1e15, 1e15))
def test_a_key_at_two_conversions_is_a_number_at_the_other(value: float) -> None:
    filled = formats.mod("%(a)s %(a).3f %(a)r %(a)d", {"a": value})
    assert filled == "%s %.3f %r %d" % (formats.s(value), value, value, value)
