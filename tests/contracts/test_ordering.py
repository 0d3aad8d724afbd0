"""Codes sort as their values do, end themselves, and can be read back."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.contracts import ordering

integers = st.integers(-(1 << 63), (1 << 63) - 1)
texts = st.text(max_size=8)
elements = st.tuples(st.text(min_size=1, max_size=4), st.one_of(integers, texts))
paths = st.lists(elements, min_size=1, max_size=3)


def rank(path):
    """Order of the datastore: kinds, then ids before names, parents first."""
    return [
        (kind, isinstance(identifier, str), identifier) for kind, identifier in path
    ]


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_bytes_sort_alike_in_both_directions(a, b):
    first, second = ordering.encode_bytes(a), ordering.encode_bytes(b)
    assert (a < b) == (first < second)
    assert (a < b) == (ordering.invert(first) > ordering.invert(second))


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_bytes_end_themselves(value, rest):
    code = ordering.encode_bytes(value)
    assert ordering.decode_bytes(b"?" + code + rest, 1) == (value, len(code) + 1)


@given(texts, texts)
def test_texts_sort_by_code_points(a, b):
    first, second = (ordering.encode_bytes(text.encode()) for text in (a, b))
    assert (a < b) == (first < second)


@given(integers, integers)
def test_integers_sort_alike_and_come_back(a, b):
    assert (a < b) == (ordering.encode_integer(a) < ordering.encode_integer(b))
    assert ordering.decode_integer(ordering.encode_integer(a), 0) == (a, 8)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_doubles_sort_alike(a, b):
    first, second = ordering.encode_double(a), ordering.encode_double(b)
    if a != b:
        assert (a < b) == (first < second)


@given(st.floats())
def test_doubles_come_back_to_the_bit(value):
    decoded, end = ordering.decode_double(ordering.encode_double(value), 0)
    assert struct.pack(">d", decoded) == struct.pack(">d", value)
    assert end == 8


def test_minus_zero_sorts_before_zero_and_nan_last():
    values = [-math.inf, -0.0, 0.0, math.inf, math.nan]
    codes = [ordering.encode_double(value) for value in values]
    assert codes == sorted(codes)


@given(paths, paths)
def test_paths_sort_as_keys_do(a, b):
    first, second = ordering.encode_path(a), ordering.encode_path(b)
    assert (rank(a) < rank(b)) == (first < second)
    assert (rank(a) < rank(b)) == (first + ordering.END < second + ordering.END)


@given(paths)
def test_paths_come_back(path):
    assert ordering.decode_path(ordering.encode_path(path)) == path


@given(paths)
def test_ancestors_are_the_beginnings(path):
    code = ordering.encode_path(path)
    found = [ordering.decode_path(each) for each in ordering.ancestor_paths(code)]
    assert found == [path[: length + 1] for length in range(len(path))]
    assert ordering.decode_path(ordering.root_path(code)) == path[:1]


@given(paths, paths)
def test_range_of_a_path_holds_its_descendants_and_no_others(a, b):
    low = ordering.encode_path(a)
    inside = low <= ordering.encode_path(b) < low + b"\xff"
    assert inside == (b[: len(a)] == a)


@pytest.mark.parametrize(
    ("prefix", "after"),
    [(b"a", b"b"), (b"a\xff\xff", b"b"), (b"\x00", b"\x01"), (b"\xff", ordering.TOP)],
)
def test_after_prefix_is_the_least_beyond(prefix, after):
    assert ordering.after_prefix(prefix) == after


@given(paths, st.binary(max_size=4))
def test_end_of_a_path_is_found(path, rest):
    code = ordering.encode_path(path)
    assert ordering.path_end(b"?" + code + ordering.END + rest, 1) == len(code) + 1
