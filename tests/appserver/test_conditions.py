"""Conditional requests and ranges, as RFC 9110 has them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.appserver.byte_ranges import ByteRange, parse_range
from channelshim.appserver.conditions import (
    NOT_MODIFIED,
    OK,
    PARTIAL,
    PRECONDITION_FAILED,
    UNSATISFIABLE,
    FileState,
    select,
)

FILE = FileState(10, 1_000_000_000.5)
TAG = FILE.tag
DATE = "Sun, 09 Sep 2001 01:46:40 GMT"
BEFORE = "Sun, 09 Sep 2001 01:46:39 GMT"


def status(file: FileState = FILE, /, **headers: str) -> str:
    return select({f"HTTP_{name}": text for name, text in headers.items()}, file).status


@pytest.mark.parametrize(
    ("header", "is_named"),
    [
        (TAG, True),
        ("*", True),
        (f"W/{TAG}", True),
        (f'"a", {TAG}', True),
        (f'"a",{TAG},"b"', True),
        (f'W/"a", W/{TAG}', True),
        ('"a, b"', False),
        (TAG.strip('"'), False),
        ("", False),
        ('"other"', False),
        (f'"x{TAG}', False),
    ],
)
def test_if_none_match_compares_weakly(header: str, is_named: bool) -> None:
    assert (status(IF_NONE_MATCH=header) == NOT_MODIFIED) is is_named
    # It wins over the date.
    both = status(IF_NONE_MATCH=header, IF_MODIFIED_SINCE=DATE)
    assert (both == NOT_MODIFIED) is is_named


@pytest.mark.parametrize(
    ("header", "is_named"),
    [(TAG, True), ("*", True), (f'"a", {TAG}', True), (f"W/{TAG}", False), ("", False)],
)
def test_if_match_compares_strongly(header: str, is_named: bool) -> None:
    assert (status(IF_MATCH=header) == OK) is is_named
    both = status(IF_MATCH=header, IF_UNMODIFIED_SINCE=BEFORE)
    assert (both == PRECONDITION_FAILED) is not is_named


def test_conditions_come_in_their_order() -> None:
    assert status(IF_MATCH=TAG, IF_NONE_MATCH=TAG) == NOT_MODIFIED
    assert status(IF_MATCH='"a"', IF_NONE_MATCH=TAG) == PRECONDITION_FAILED
    assert status(IF_NONE_MATCH=TAG, RANGE="bytes=0-1") == NOT_MODIFIED


def test_dates() -> None:
    assert status(IF_UNMODIFIED_SINCE=DATE) == OK
    assert status(IF_UNMODIFIED_SINCE=BEFORE) == PRECONDITION_FAILED
    assert status(IF_UNMODIFIED_SINCE="nonsense") == OK
    assert status(IF_MODIFIED_SINCE=DATE) == NOT_MODIFIED
    assert status(IF_MODIFIED_SINCE=BEFORE) == OK


@pytest.mark.parametrize(
    ("header", "is_current"),
    [
        (TAG, True),
        (DATE, True),
        (f"W/{TAG}", False),
        ('"other"', False),
        (BEFORE, False),
        ("", False),
    ],
)
def test_if_range_needs_the_same_file(header: str, is_current: bool) -> None:
    answered = status(IF_RANGE=header, RANGE="bytes=0-1")
    assert answered == (PARTIAL if is_current else OK)


def test_date_of_a_moment_ago_is_no_proof() -> None:
    fresh = FileState(10, time.time())
    assert status(fresh, IF_RANGE=fresh.date, RANGE="bytes=0-1") == OK
    assert status(fresh, IF_RANGE=fresh.tag, RANGE="bytes=0-1") == PARTIAL


@given(st.text() | st.from_regex(r'((W/)?"[a-z]*",? ?)*', fullmatch=True))
def test_any_header_is_answered(text: str) -> None:
    headers = ("IF_MATCH", "IF_NONE_MATCH", "IF_MODIFIED_SINCE", "IF_RANGE", "RANGE")
    for header in (*headers, "IF_UNMODIFIED_SINCE"):
        assert status(**{header: text, "RANGE": "bytes=0-1"})


@given(
    st.one_of(st.none(), st.integers(0, 30)),
    st.one_of(st.none(), st.integers(0, 30)),
    st.integers(0, 20),
)
def test_range_is_what_slices_give(
    first: int | None, last: int | None, size: int
) -> None:
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    asked = parse_range(header)
    data = list(range(size))
    if first is None and last is None:
        assert asked is None
        return
    if first is not None and last is not None and last < first:
        assert asked is None
        return
    assert asked == ByteRange(first, last)
    if first is None:
        wanted = data[max(0, size - (last or 0)) :]
    else:
        wanted = data[first : None if last is None else last + 1]
    span = asked.within(size)
    assert wanted == ([] if span is None else data[span[0] : span[1] + 1])
    part = select({"HTTP_RANGE": header}, FileState(size, 0.0))
    assert part.status == (PARTIAL if wanted else UNSATISFIABLE)
    assert part.length == len(wanted)
