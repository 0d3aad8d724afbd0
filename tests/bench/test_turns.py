"""Ratios of two checkouts: which way round, and how sure."""

from __future__ import annotations

import random

import pytest

from bench.turns import LOWER_IS_BETTER, ROWS, interval, ratio


def test_above_one_is_better_whichever_way_a_figure_goes() -> None:
    assert ratio("delivered_per_second", 200.0, 100.0) == 2.0
    assert ratio("fanout_p50_ms", 5.0, 10.0) == 2.0


def test_an_interval_holds_the_median_and_shrinks_with_more_runs() -> None:
    chance = random.Random(5)
    few = [chance.gauss(1.0, 0.05) for _ in range(8)]
    many = few + [chance.gauss(1.0, 0.05) for _ in range(200)]
    low, high = interval(few, chance)
    assert low <= sorted(few)[4] <= high
    closer = interval(many, chance)
    assert closer[1] - closer[0] < high - low


@pytest.mark.parametrize("row", sorted(ROWS))
def test_each_figure_has_a_direction(row: str) -> None:
    rising = {"accepted_per_second", "delivered_per_second", "hub_delivered_per_second"}
    assert set(ROWS[row][1]) <= rising | LOWER_IS_BETTER
