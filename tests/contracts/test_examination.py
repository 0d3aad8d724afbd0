"""What distances and clocks mean."""

from __future__ import annotations

import pytest

from channelshim.contracts.examination import RoundTrip, Verdict, timings


def trip(seconds: float, ahead: float = 0.0) -> RoundTrip:
    return RoundTrip(100.0, 100.0 + seconds, 100.0 + seconds / 2 + ahead)


@pytest.mark.parametrize(
    ("seconds", "ahead", "verdicts"),
    [
        (0.001, 0.0, "ok ok"),
        (0.010, 0.0, "note ok"),
        (0.001, 3.0, "ok note"),
        (0.001, -3.0, "ok note"),
        (0.001, 600.0, "ok wrong"),
        # What the round trip explains is no skew.
        (4.0, 1.9, "note ok"),
    ],
)
def test_distance_and_clock(seconds: float, ahead: float, verdicts: str) -> None:
    found = timings([trip(seconds, ahead)] * 3)
    assert " ".join(each.verdict.value for each in found) == verdicts


def test_one_slow_answer_is_no_distance() -> None:
    latency, clock = timings([trip(1.0, 5.0), trip(0.001), trip(0.002)])
    assert latency.verdict is Verdict.FINE
    assert "1000.00 ms at most" in latency.sentence
    # The shortest says most of the clock.
    assert clock.verdict is Verdict.FINE


def test_direction_of_a_clock_is_told() -> None:
    assert "3 s ahead of" in timings([trip(0.001, 3.2)])[1].sentence
    assert "3 s behind" in timings([trip(0.001, -3.2)])[1].sentence
