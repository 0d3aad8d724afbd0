"""The promised figures: which side of its mark a ratio lies, and how it is written."""

from __future__ import annotations

import pytest

from bench.figures import Figure, Medians, Row, growth_rows, rows
from bench.plots import bars
from bench.tables import figures_table, number


def figure(*, is_lower_better: bool, against: str | None = "starlette") -> Figure:
    least, aim = (0.6, 0.5) if is_lower_better else (15, 25)
    return Figure("x", "x", 1000, against, least, aim, is_lower_better=is_lower_better)


@pytest.mark.parametrize(
    ("ours", "verdict"), [(2600.0, "aim"), (1500.0, "least"), (1400.0, "missed")]
)
def test_more_is_better_where_it_is(ours: float, verdict: str) -> None:
    assert Row(figure(is_lower_better=False), ours, 100.0).verdict == verdict


@pytest.mark.parametrize(
    ("ours", "verdict"), [(4.9, "aim"), (5.9, "least"), (6.1, "missed")]
)
def test_less_is_better_where_it_is(ours: float, verdict: str) -> None:
    assert Row(figure(is_lower_better=True), ours, 10.0).verdict == verdict


def test_what_was_not_measured_has_no_verdict() -> None:
    assert {row.verdict for row in rows({})} == {"not measured"}


def test_growth_is_the_cost_of_a_message_over_that_with_fewer_pages() -> None:
    medians: Medians = {
        ("channelshim", 1000): {"fanout_p50_ms": 10, "delivered_per_second": 4e6},
        ("channelshim", 10_000): {"fanout_p50_ms": 150, "delivered_per_second": 2e6},
        ("floor", 1000): {"fanout_p50_ms": 7},
        ("floor", 10_000): {"fanout_p50_ms": 105},
    }
    alone, loaded = growth_rows(medians)
    assert (alone.ours, alone.theirs, alone.measure) == (1.5, 1.5, 1.0)
    assert (loaded.ours, loaded.theirs) == (2.0, None)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1_295_321.0, "1,300,000"), (47_123.0, "47,100"), (9.876, "9.88"), (None, "-")],
)
def test_numbers_keep_three_digits(value: float | None, text: str) -> None:
    assert number(value) == text


def test_a_small_ratio_is_written_as_a_fraction() -> None:
    row = Row(figure(is_lower_better=True), 10.0, 783.0)
    assert "| 1/78 |" in figures_table([row])


def test_a_plot_names_each_bar_and_escapes() -> None:
    svg = bars("a < b", [("ours", 2.0, True), ("theirs", 1.0, False)])
    assert "a &lt; b" in svg
    assert svg.count("<rect") == 3
