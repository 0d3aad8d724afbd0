"""Durations, counted in classes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from channelshim.contracts.durations import BOUNDS, Durations, quantile


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


@given(
    st.lists(st.floats(0, 100) | st.sampled_from(BOUNDS), min_size=1, max_size=50),
    st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]),
)
def test_quantile_is_in_its_class(seconds: list[float], share: float) -> None:
    durations = Durations()
    for each in seconds:
        durations.add(each)
    found = quantile(durations.read(), share)
    assert found is not None
    wanted = share * len(seconds)
    edges = (0.0, *BOUNDS)
    # The classes whose end or beginning it may be.
    ends = [place for place in range(1, len(edges)) if edges[place] >= found]
    if found == BOUNDS[-1]:
        assert max(seconds) > BOUNDS[-2] or not wanted
        return
    upper = edges[ends[0]]
    lower = edges[ends[0] - 1]
    assert lower <= found <= upper
    assert sum(each <= upper for each in seconds) >= wanted - 1e-9
    # Nothing is below the first class.
    assert sum(each <= lower for each in seconds if lower) <= wanted + 1e-9


def test_quantile_of_nothing_is_none() -> None:
    assert quantile(Durations().read(), 0.5) is None


def test_quantiles_are_spread_evenly_in_a_class() -> None:
    durations = Durations()
    for _ in range(100):
        durations.add(0.02)
    read = durations.read()
    assert quantile(read, 0.5) == 0.01 + 0.5 * 0.015
    assert quantile(read, 1.0) == 0.025
