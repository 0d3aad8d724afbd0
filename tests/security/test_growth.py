"""What a peer can repeat for hours makes nothing grow."""

from __future__ import annotations

from channelshim.protocol.presence import PresenceBook


def test_polls_of_one_id_leave_one_deadline() -> None:
    book = PresenceBook(2.0)
    for tick in range(10_000):
        now = tick / 10
        assert book.due(now) == []
        book.leased("a", b"1", now + 2.0)
        book.opened("a")
        book.closed("a", now)
    assert len(book._deadlines) == 1
    assert book.due(2000.0) == ["a"]


def test_leases_that_end_early_leave_few_deadlines() -> None:
    book = PresenceBook(2.0)
    for tick in range(10_000):
        now = tick / 10
        assert book.due(now) == []
        book.leased("a", b"1", now + 75.0)
        book.released("a", b"1", now)
    assert len(book._deadlines) < 50
    assert book.due(2000.0) == ["a"]
