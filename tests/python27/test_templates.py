"""A template's function gives what formatting by the plain way gives."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelshim.python27.helpers import formats, templates
from channelshim.python27.helpers.templates import make_fill
from channelshim.python27.strings import NativeStr


class Odd:
    """A value with texts of its own, and a number."""

    def __str__(self) -> str:
        return "odd"

    def __format__(self, specification: str) -> str:
        return "never asked for"

    def __int__(self) -> int:
        return 3

    def __float__(self) -> float:
        return 1.5


class Loud(str):
    """Text that says something else about itself."""

    __slots__ = ()

    def __str__(self) -> str:
        return "loud!"

    def __format__(self, specification: str) -> str:
        return "never asked for"


class Row(dict[str, Any]):
    """A dict of a class of its own."""


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3).map(NativeStr),
    st.just(Odd()),
    st.just(Loud("x")),
    st.just((1, "a")),
    st.just([1.1, "a"]),
)

PIECES = st.one_of(
    st.text(alphabet="a{}%\\N'\"\n\udc80é", max_size=4),
    st.sampled_from(
        ["%(a)s", "%(b)s", "%(b)d", "%(c)d", "%(a)r", "%%", "%(é)s", "%(none)s"]
    ),
    st.sampled_from(["%(a)5s", "%(a)-7.3s", "%(b)05d", "%(b).2f", "%(b)lx", "%(c)c"]),
    st.sampled_from(["%s", "%(a)*s", "%(a)", "%(a(b))s", "%()s", "%(a)y", "%"]),
)

ROWS = st.fixed_dictionaries({"a": VALUES, "b": VALUES, "c": VALUES, "é": VALUES})


def outcome(action: Callable[..., Any], *args: Any) -> Any:
    """Return the answer of a call, or the kind of its error."""
    try:
        return action(*args)
    except Exception as error:
        return type(error)


@settings(max_examples=2000, deadline=None)
@given(template=st.lists(PIECES, max_size=5).map("".join), row=ROWS)
def test_a_function_gives_what_the_plain_way_gives(template: str, row: Any) -> None:
    for each, plain in ((formats.s, formats.mod), (formats.u, formats.u_mod)):
        fill = make_fill(template, formats.text_by(each))
        if fill is not None:
            # Only exactly a dict goes the fast way.
            plain_way = outcome(plain, template, Row(row))
            assert outcome(fill, row) == plain_way


@pytest.mark.parametrize(
    "template",
    [
        *("", "a", "%", "100%", "%s", "%(a)*d", "%(a(b))s", "%(a)s %s", "%(a)y"),
        *("%(a)s %", "%%", "%(a)s" * (templates.MOST_CONVERSIONS + 1)),
    ],
)
def test_only_plain_templates_get_a_function(template: str) -> None:
    assert make_fill(template, str) is None


def test_a_template_cannot_say_code() -> None:
    fill = make_fill("{row}{{}}'\"\\{%(a'];x\n)s}", str)
    assert fill is not None
    assert fill({"a'];x\n": 1}) == "{row}{{}}'\"\\{1}"


def test_methods_are_called_in_the_order_of_the_template() -> None:
    asked: list[str] = []

    class Told:
        def __init__(self, name: str) -> None:
            self.name = name

        def __str__(self) -> str:
            asked.append(self.name)
            del row["b"]
            return self.name

    row: dict[str, Any] = {"a": Told("a"), "b": Told("b")}
    fill = make_fill("%(a)s%(b)s", str)
    assert fill is not None
    with pytest.raises(KeyError, match="b"):
        fill(row)
    assert asked == ["a"]


def test_a_template_in_use_gets_its_function_and_errors_leave_it_out() -> None:
    template = "%(price)s of a template that nothing else has"
    row = {"price": 0.1 + 0.2}
    texts = {formats.mod(template, row) for _ in range(templates.USES + 2)}
    assert texts == {template % {"price": "0.3"}}
    with pytest.raises(KeyError) as caught:
        formats.mod(template, {})
    names = [frame.filename for frame in traceback.extract_tb(caught.tb)]
    assert any(name.endswith("helpers/<template>") for name in names)
