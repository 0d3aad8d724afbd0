"""Durations, counted in classes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from channelshim.contracts.durations import BOUNDS, Durations


@given(st.lists(st.floats(0, 100) | st.sampled_from(BOUNDS), max_size=50))
def test_each_duration_is_in_the_first_class_that_has_it(seconds: list[float]) -> None:
    durations, total = Durations(), 0.0
    for each in seconds:
        durations.add(each)
        total += each
    read = durations.read()
    assert read.bounds == BOUNDS == tuple(sorted(BOUNDS))
    assert len(read.counts) == len(BOUNDS) + 1
    for place, bound in enumerate(BOUNDS):
        expected = sum(each <= bound for each in seconds)
        assert sum(read.counts[: place + 1]) == expected
    assert sum(read.counts) == len(seconds)
    assert read.total == durations.total == total
