"""Who counts as connected: connections, leases and the grace after both."""

from __future__ import annotations

from channelshim.protocol.presence import MAXIMUM_TOKEN_POSITIONS, PresenceBook


def test_only_the_first_connection_makes_an_id_connected() -> None:
    book = PresenceBook(2.0)
    assert book.opened("a")
    assert not book.opened("a")
    assert "a" in book
    assert len(book) == 1


def test_an_id_goes_when_the_grace_after_its_last_connection_is_over() -> None:
    book = PresenceBook(2.0)
    book.opened("a")
    book.opened("a")
    book.closed("a", 10.0)
    assert book.next_deadline() is None
    assert book.due(100.0) == []
    book.closed("a", 100.0)
    assert book.next_deadline() == 102.0
    assert book.due(101.9) == []
    assert book.due(102.0) == ["a"]
    assert "a" not in book
    assert book.next_deadline() is None


def test_who_comes_back_within_the_grace_was_never_gone() -> None:
    book = PresenceBook(2.0)
    book.opened("a")
    book.closed("a", 10.0)
    assert not book.opened("a")
    assert book.due(12.0) == []
    book.closed("a", 13.0)
    assert book.due(14.9) == []
    assert book.due(15.0) == ["a"]


def test_a_stale_deadline_gives_way_to_the_later_one() -> None:
    book = PresenceBook(2.0)
    book.opened("a")
    book.closed("a", 10.0)
    book.opened("a")
    book.closed("a", 11.0)
    assert book.due(12.5) == []
    assert book.next_deadline() == 13.0
    assert book.due(13.0) == ["a"]
    # The second entry for the same id finds nobody.
    assert book.due(20.0) == []


def test_ids_go_in_the_order_of_their_deadlines() -> None:
    book = PresenceBook(2.0)
    for client_id, at in (("b", 11.0), ("a", 10.0), ("c", 12.0)):
        book.opened(client_id)
        book.closed(client_id, at)
    assert book.due(50.0) == ["a", "b", "c"]


def test_a_lease_counts_as_connected_until_it_ends() -> None:
    book = PresenceBook(2.0)
    assert book.leased("a", b"1", 20.0)
    assert not book.leased("a", b"1", 25.0)
    assert book.due(20.0) == []
    assert book.due(25.0) == ["a"]


def test_a_lease_outlasts_a_connection_and_a_connection_a_lease() -> None:
    book = PresenceBook(2.0)
    book.opened("a")
    assert not book.leased("a", b"1", 20.0)
    book.closed("a", 10.0)
    assert book.due(19.0) == []
    book.opened("a")
    assert book.due(30.0) == []
    book.closed("a", 30.0)
    assert book.due(32.0) == ["a"]


def test_a_poller_that_leaves_has_the_grace_and_others_keep_the_id() -> None:
    book = PresenceBook(2.0)
    book.leased("a", b"1", 50.0)
    book.leased("a", b"2", 40.0)
    book.released("a", b"1", 10.0)
    assert book.due(39.0) == []
    book.released("a", b"2", 39.0)
    # A lease that is not held changes nothing, nor does an id that is not here.
    book.released("a", b"2", 45.0)
    book.released("b", b"1", 45.0)
    assert book.due(41.0) == ["a"]


def test_the_leases_of_one_id_are_bounded_and_none_is_cut_short() -> None:
    book = PresenceBook(2.0)
    count = 10 * MAXIMUM_TOKEN_POSITIONS
    for number in range(count):
        book.leased("a", b"%d" % number, 1000.0 - number)
    leases = book._present["a"].leases
    assert leases is not None
    assert len(leases) <= MAXIMUM_TOKEN_POSITIONS
    assert book.due(999.0) == []
    assert book.due(1000.0) == ["a"]


def test_ids_of_an_earlier_process_are_awaited_and_reported_when_they_stay_away() -> (
    None
):
    book = PresenceBook(2.0)
    book.awaited("a", 5.0)
    book.awaited("b", 5.0)
    assert not book.opened("a")
    book.awaited("a", 1.0)
    assert book.due(5.0) == ["b"]
    assert "a" in book


def test_an_entry_that_an_earlier_one_has_overtaken_is_passed_over() -> None:
    book = PresenceBook(2.0)
    book.leased("a", b"1", 50.0)
    book.released("a", b"1", 10.0)
    assert book.due(12.0) == ["a"]
    book.leased("a", b"2", 80.0)
    assert book.due(50.0) == []
    assert book.due(80.0) == ["a"]
