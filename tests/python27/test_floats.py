"""The fast way of writing a float gives what the plain way gives."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from channelshim.python27.helpers.text import float_text


def plain(value: float) -> str:
    """Write a float by 2.7's rule: 12 digits, and ".0" where it has the room."""
    text = format(value, ".12g")
    digits = text.lstrip("-")
    if not digits.isdigit():
        return text
    if len(digits) < 12:
        return text + ".0"
    mantissa, _, exponent = format(value, ".11e").partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{exponent}"


@settings(max_examples=2000, deadline=None)
@given(
    value=st.one_of(
        st.floats(),
        st.floats(-1e13, 1e13),
        st.integers(-(10**13), 10**13).map(float),
        st.decimals(-1000, 1000, places=4).map(float),
    )
)
@example(1e11)
@example(99999999999.0)
@example(123456789012.0)
@example(0.0001)
@example(0.00012345678)
@example(-0.0)
@example(float("inf"))
@example(float("nan"))
def test_both_ways_give_one_text(value: float) -> None:
    assert float_text(value) == plain(value)
