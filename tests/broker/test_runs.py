"""Runs: what each id is owed is the same, however the lists are compared."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from channelshim.broker.runs import Run, parts_of

IDS = [f"id{number}" for number in range(12)]

# Slices of one order of ids, as handlers leave that are interrupted in between.
SLICES = st.tuples(st.integers(0, 11), st.integers(1, 24)).map(
    lambda bounds: (IDS * 3)[bounds[0] : bounds[0] + bounds[1]]
)
ANY_ORDER = st.lists(st.sampled_from(IDS), min_size=1, max_size=20)


def owed_one_by_one(runs: list[tuple[str, list[str]]]) -> dict[str, list[str]]:
    owed: dict[str, list[str]] = {}
    for text, client_ids in runs:
        for client_id in client_ids:
            owed.setdefault(client_id, []).append(text)
    return owed


@given(st.lists(st.one_of(SLICES, ANY_ORDER), max_size=8))
def test_parts_are_what_each_id_is_owed(lists: list[list[str]]) -> None:
    runs = [(f"text {number}", ids) for number, ids in enumerate(lists)]
    expected = owed_one_by_one([(text, ids[:]) for text, ids in runs])
    parts = parts_of(runs)
    if all(len(ids) >= 4 and "".join(ids) in "".join(IDS * 4) for ids in lists):
        assert parts is not None
    if parts is not None:
        named = [client_id for client_ids, _ in parts for client_id in client_ids]
        assert len(named) == len(set(named))
        assert {
            client_id: texts for client_ids, texts in parts for client_id in client_ids
        } == expected


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
