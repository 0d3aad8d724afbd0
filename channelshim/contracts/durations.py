"""How long something took, counted in classes.

Theory. Adding costs a search among a dozen bounds and two additions, without a lock:
whoever adds is alone, or holds a lock already. Whoever reads may see a duration in the
counts and not yet in the total; the next reading has both.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from channelshim.contracts.status import Histogram

BOUNDS: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
"""Seconds: from an app that answers from memory to one that is about to be given up."""


def quantile(histogram: Histogram, share: float) -> float | None:
    """Return how long at most that share of all took; None where there are none.

    Within a class they are taken as spread evenly, so the error is at most the width of
    the class; above all bounds the last bound is the answer.

    Args:
        histogram: of all.
        share: from 0 to 1: 0.99 for the 99th percentile.
    """
    wanted = share * sum(histogram.counts)
    if not wanted:
        return None
    low = 0.0
    for bound, count in zip(histogram.bounds, histogram.counts, strict=False):
        if count and wanted <= count:
            return low + (bound - low) * wanted / count
        wanted -= count
        low = bound
    return low


class Durations:
    """Counts durations. One adds at a time; any thread reads."""

    __slots__ = ("_counts", "_total")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._total = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._total += seconds

    @property
    def total(self) -> float:
        """Return the seconds of all together."""
        return self._total

    def read(self) -> Histogram:
        """Return all so far."""
        return Histogram(BOUNDS, tuple(self._counts), self._total)
