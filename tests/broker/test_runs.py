"""Runs: what each id is owed is the same, however the lists are compared."""

from __future__ import annotations

from collections import Counter

import hypothesis
import pytest
from hypothesis import strategies as st

from channelshim.broker.runs import Part, Run, parts_of
from tests.broker.receivers import random_lists
from tests.exploring import Cases, explored

IDS = [f"id{number}" for number in range(12)]

Runs = list[tuple[str, list[str]]]

# As many ids as there may be parts: whatever their order, they can be compared.
FEW = IDS[:11]

# Slices of one order of ids, as handlers leave that are interrupted in between, and
# such an order with ids in it twice, as lists of receivers have.
SLICES = st.tuples(st.integers(0, 11), st.integers(4, 24)).map(
    lambda bounds: (IDS * 3)[bounds[0] : bounds[0] + bounds[1]]
)
ANY_ORDER = st.lists(st.sampled_from(FEW), min_size=4, max_size=20)
LISTS = st.lists(st.one_of(SLICES, ANY_ORDER), min_size=1, max_size=8)


def owed_one_by_one(runs: Runs) -> dict[str, list[str]]:
    owed: dict[str, list[str]] = {}
    for text, client_ids in runs:
        for client_id in client_ids:
            owed.setdefault(client_id, []).append(text)
    return owed


def owed_by_parts(parts: list[Part]) -> dict[str, list[str]]:
    named = [client_id for client_ids, _ in parts for client_id in client_ids]
    assert len(named) == len(set(named)), f"an id stands in two parts: {parts}"
    return {client_id: texts for client_ids, texts in parts for client_id in client_ids}


class Tally(Counter[str]):
    """Counts what the cases of a test were, so that it can say what it explored."""

    def check(self, lists: list[list[str]]) -> bool:
        """Compare both ways over lists; return whether the fast one was taken."""
        runs = [(f"text {number}", ids) for number, ids in enumerate(lists)]
        self["cases"] += 1
        self["with an id twice"] += any(len(set(ids)) < len(ids) for ids in lists)
        parts = parts_of([(text, ids[:]) for text, ids in runs])
        self["compared"] += parts is not None
        if parts is not None:
            assert owed_by_parts(parts) == owed_one_by_one(runs)
        return parts is not None

    def share(self, what: str) -> float:
        """Return the share of the cases that were so."""
        return self[what] / self["cases"]


@explored(500, 20_000)
def test_parts_are_what_each_id_is_owed(cases: Cases) -> None:
    tally = Tally()

    def claim(lists: list[list[str]]) -> None:
        is_compared = tally.check(lists)
        hypothesis.event("compared" if is_compared else "not compared")

    cases.check(claim, LISTS)
    assert tally.share("compared") >= 0.95, tally
    assert tally.share("with an id twice") >= 0.5, tally


@explored(2000, 200_000)
def test_receivers_of_many_shapes_are_owed_what_was_sent(cases: Cases) -> None:
    chance = cases.random()
    tally = Tally()
    for _ in range(cases.count):
        lists = random_lists(chance)
        try:
            tally.check(lists)
        except (AssertionError, KeyError) as error:
            pytest.fail(f"{error!r} for {lists}")
    assert tally.share("compared") >= 0.95, tally
    assert tally.share("with an id twice") >= 0.5, tally


@pytest.mark.parametrize(
    "lists",
    [
        ["8767", "0123456", "0123456"],
        ["cfafgea", "e", "e", "cfafgea"],
        ["debe", "debe"],
        ["aaaa", "abab", "bbaa"],
        ["abcdef", "acbdfe", "fedcba"],
    ],
)
def test_an_id_that_comes_twice_is_owed_what_it_was_sent(lists: list[str]) -> None:
    assert Tally().check([list(ids) for ids in lists])


def test_a_run_that_was_interrupted_is_told_apart() -> None:
    runs = [
        ("one", IDS[:5]),
        ("two", IDS[:]),
        ("one", IDS[5:]),
        ("three", IDS + IDS[:3]),
    ]
    assert parts_of(runs) == [
        (IDS[:3], ["one", "two", "three", "three"]),
        (IDS[5:], ["two", "one", "three"]),
        (IDS[3:5], ["one", "two", "three"]),
    ]


def test_a_run_whose_beginning_was_collected_before_is_told_apart() -> None:
    assert parts_of([("one", IDS[7:]), ("two", IDS[:]), ("three", IDS[:])]) == [
        (IDS[7:], ["one", "two", "three"]),
        (IDS[:7], ["two", "three"]),
    ]
    assert parts_of([("one", IDS[7:]), ("two", IDS[4:]), ("three", IDS[5:9])]) == [
        (IDS[7:9], ["one", "two", "three"]),
        (IDS[4:5], ["two"]),
        (IDS[5:7], ["two", "three"]),
        (IDS[9:], ["one", "two"]),
    ]


def test_ids_in_another_order_are_not_compared() -> None:
    many = [f"id{number}" for number in range(100)]
    assert parts_of([("one", many), ("two", many[::-1])]) is None


def test_short_runs_are_not_compared() -> None:
    assert parts_of([("one", IDS[:1]), ("two", IDS[:1])]) is None


def test_what_comes_after_the_take_is_brought_back_once() -> None:
    run = Run("text", ["a"])
    append = run.append
    assert run.taken is None
    assert run.take() == ["a"]
    append("b")
    append("c")
    assert run.taken is not None
    assert run.take_late() == ["b", "c"]
    assert run.take_late() == []
    append("d")
    assert run.take_late() == ["d"]
