"""The replay window: numbers, bounds, and what a page that comes back is owed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim import limits
from channelshim.protocol.window import (
    Chunk,
    ReplayWindow,
    first_number,
    parse_after,
)


def chunk_of(texts: list[str]) -> tuple[Chunk, int]:
    sizes = tuple(len(text.encode("utf-8")) for text in texts)
    return Chunk(tuple(texts), sizes, 0.0), sum(sizes)


def publish(
    window: ReplayWindow, chunk: Chunk, size: int, maximum_count: int, most_bytes: int
) -> None:
    """Count and keep, as the broker does, in two steps."""
    window.number += len(chunk.texts)
    window.keep(chunk, size, maximum_count, most_bytes)


@given(
    st.lists(st.lists(st.text(max_size=5), min_size=1, max_size=6), max_size=12),
    st.integers(1, 8),
    st.integers(1, 30),
)
def test_what_is_kept_is_the_longest_tail_within_both_bounds(
    published: list[list[str]], maximum_count: int, maximum_bytes: int
) -> None:
    window = ReplayWindow(100)
    everything: list[str] = []
    for texts in published:
        chunk, size = chunk_of(texts)
        publish(window, chunk, size, maximum_count, maximum_bytes)
        everything += texts
    kept = everything[-maximum_count:]
    while sum(len(text.encode("utf-8")) for text in kept) > maximum_bytes:
        kept = kept[1:]
    replay = window.replay(100)
    assert window.number == replay.last_number == 100 + len(everything)
    # Empty texts cost nothing: older ones of them may be left out or not.
    assert [text for text in replay.texts if text] == [text for text in kept if text]
    assert window.bytes == sum(len(text.encode("utf-8")) for text in replay.texts)
    assert window.count == len(replay.texts) <= maximum_count


def test_a_page_is_owed_what_comes_after_its_number() -> None:
    window = ReplayWindow(10)
    for texts in (["a", "b"], ["c"], ["d", "e"]):
        publish(window, *chunk_of(texts), 100, 100)
    assert window.replay(11).texts == ("b", "c", "d", "e")
    assert window.replay(14).texts == ("e",)
    assert window.replay(11).number == 11


@pytest.mark.parametrize("after", [None, 15, 99])
def test_from_now_owes_nothing(after: int | None) -> None:
    window = ReplayWindow(10)
    publish(window, *chunk_of(["a", "b", "c", "d", "e"]), 100, 100)
    replay = window.replay(after)
    assert (replay.number, replay.texts) == (15, ())


def test_the_oldest_chunk_is_dropped_by_its_owner_and_no_other() -> None:
    window = ReplayWindow(0)
    old, old_size = chunk_of(["a", "b", "c"])
    new, new_size = chunk_of(["d", "e"])
    publish(window, old, old_size, 4, 100)
    publish(window, new, new_size, 4, 100)
    window.drop(new)
    assert window.replay(0).texts == ("b", "c", "d", "e")
    window.drop(old)
    assert (window.count, window.bytes) == (2, 2)
    assert window.replay(0).texts == ("d", "e")
    assert window.replay(0).number == 3


def test_dropping_from_an_empty_window_does_nothing() -> None:
    window = ReplayWindow(5)
    window.drop(chunk_of(["a"])[0])
    assert window.replay(0).texts == ()


def test_numbers_begin_at_the_clock_in_microseconds() -> None:
    assert first_number(1.5) == 1_500_000
    assert first_number(1e30) == limits.MAXIMUM_MESSAGE_NUMBER


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
