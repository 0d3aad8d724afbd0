"""The replay window: numbers, bounds, and what a page that comes back is owed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.contracts.broker import Replay
from channelshim.protocol import window
from channelshim.protocol.window import (
    Chunk,
    first_number,
    parse_after,
    replay,
    skipped,
)


def owed(
    published: list[list[str]],
    after: int | None,
    maximum_count: int = 100,
    maximum_bytes: int = 100,
) -> Replay:
    """Return the replay of texts that were published in groups, the first one 11."""
    chunks = [Chunk(tuple(texts), 0.0) for texts in published]
    number = 10 + sum(map(len, published))
    return replay(reversed(chunks), number, after, maximum_count, maximum_bytes)


@given(
    st.lists(st.lists(st.text(max_size=5), min_size=1, max_size=6), max_size=12),
    st.integers(0, 90),
    st.integers(1, 8),
    st.integers(1, 30),
)
def test_a_replay_is_the_longest_tail_within_all_bounds(
    published: list[list[str]], after: int, maximum_count: int, maximum_bytes: int
) -> None:
    everything = [text for texts in published for text in texts]
    kept = everything[max(0, after - 10) :][-maximum_count:]
    while sum(len(text.encode("utf-8")) for text in kept) > maximum_bytes:
        kept = kept[1:]
    found = owed(published, after, maximum_count, maximum_bytes)
    assert found.last_number == 10 + len(everything)
    # Empty texts cost nothing: older ones of them may be left out or not.
    assert [text for text in found.texts if text] == [text for text in kept if text]
    assert len(found.texts) <= maximum_count


LETTERS = [["a", "b"], ["c"], ["d", "e"]]


def test_a_page_is_owed_what_comes_after_its_number() -> None:
    assert owed(LETTERS, 11) == Replay(11, ("b", "c", "d", "e"))
    assert owed(LETTERS, 14) == Replay(14, ("e",))


@pytest.mark.parametrize("after", [None, 15, 99])
def test_from_now_owes_nothing(after: int | None) -> None:
    assert owed(LETTERS, after) == Replay(15, ())


def test_what_the_bounds_have_dropped_shows_in_the_number() -> None:
    assert owed(LETTERS, 0, maximum_count=2) == Replay(13, ("d", "e"))
    assert owed(LETTERS, 0, maximum_bytes=4) == Replay(11, ("b", "c", "d", "e"))
    assert owed([], 0) == Replay(10, ())


def test_numbers_begin_at_the_clock_in_microseconds() -> None:
    assert first_number(1.5) == 1_500_000
    assert first_number(1e30) == window.MAXIMUM_MESSAGE_NUMBER


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("0", 0),
        (None, None),
        ("", None),
        ("-1", None),
        ("1e3", None),
        ("١", None),
        ("9" * 16, None),
        ("1" * 17, None),
    ],
)
def test_after_is_a_number_of_ours_or_means_from_now(
    text: str | None, number: int | None
) -> None:
    assert parse_after(text) == number


@pytest.mark.parametrize(
    ("before", "number", "count"),
    [(5, 5, 0), (5, 8, 3), (8, 5, 0), (0, 249_999, 249_999), (0, 250_000, 0)],
)
def test_skipped_messages_are_counted_unless_the_id_began_anew(
    before: int, number: int, count: int
) -> None:
    assert skipped(before, number) == count
