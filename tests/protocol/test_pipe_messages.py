"""What frames say is understood as it was meant, or refused."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies as st

from channelshim.contracts.dispatcher import InternalRequest
from channelshim.errors import BrokenFrame
from channelshim.protocol.pipe_messages import (
    dispatch_of,
    dispatch_texts,
    head_of,
    head_texts,
    natural,
    request_of,
    request_texts,
)

PAIRS = st.lists(st.tuples(st.text(), st.text()))
REQUESTS = st.builds(
    InternalRequest,
    st.text(),
    st.text(),
    st.binary(),
    st.text(),
    st.text(),
    PAIRS.map(tuple),
    st.text(),
)


@hypothesis.given(st.dictionaries(st.text(), st.text()), st.integers(0, 10**12))
def test_request_is_understood(environ: dict[str, str], length: int) -> None:
    assert request_of(request_texts(environ, length)) == (environ, length)


def test_what_is_no_text_is_left_out() -> None:
    assert request_texts({"a": "b", "wsgi.version": (1, 0)}, 3) == ["3", "a", "b"]


@hypothesis.given(REQUESTS, st.none() | st.floats(0, 1e9))
def test_request_of_the_platform_is_understood(
    request: InternalRequest, seconds: float | None
) -> None:
    texts = dispatch_texts(request, seconds)
    assert dispatch_of(texts, request.body) == (request, seconds)


@hypothesis.given(st.text(), PAIRS)
def test_head_is_understood(status: str, headers: list[tuple[str, str]]) -> None:
    assert head_of(head_texts(status, headers)) == (status, headers)


def test_no_text_is_no_head() -> None:
    assert head_of([]) is None


@pytest.mark.parametrize("texts", [[], ["1", "a"], ["x"], ["-1"], ["1" * 20], ["²"]])
def test_broken_request_is_refused(texts: list[str]) -> None:
    with pytest.raises(BrokenFrame):
        request_of(texts)


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["GET", "/", "", "", "", "", "X"],
        ["GET", "/", "", "", "", "soon"],
        ["GET", "/", "", "", "", "-1"],
        ["GET", "/", "", "", "", "nan"],
        ["GET", "/", "", "", "", "inf"],
    ],
)
def test_broken_request_of_the_platform_is_refused(texts: list[str]) -> None:
    with pytest.raises(BrokenFrame):
        dispatch_of(texts, b"")


def test_header_without_a_value_is_refused() -> None:
    with pytest.raises(BrokenFrame):
        head_of(["200 OK", "X-Name"])


def test_number_is_read() -> None:
    assert natural("0012") == 12
