"""Who is in the table, in what state, and for how long: by a stepped clock."""

from __future__ import annotations

import random

import pytest

from channelshim.composition.status import StatusRegistry
from channelshim.transports.connection_table import (
    LEAST,
    SECONDS,
    ConnectionTable,
    State,
    Watched,
)


class Peer(Watched):
    """A connection that is in the state that a test says.

    Attributes:
        ended: the state in which the table ended it, or None.
    """

    def __init__(self, state: State = State.HEAD) -> None:
        self.now = state
        self.done = 0
        self.ended: State | None = None
        self.is_dropped = False
        self.held = 0.0

    def state(self) -> State:
        return self.now

    def progress(self) -> int:
        return self.done

    def held_seconds(self) -> float:
        return self.held

    def end(self, state: State) -> None:
        self.ended = state

    def drop(self) -> None:
        self.is_dropped = True

    def abandon(self) -> None:
        raise AssertionError("only the end of all does that")


BOUNDED = [state for state in State if state is not State.OPEN]


def beats(table: ConnectionTable, begin: float, seconds: float) -> float:
    """Let the table beat once a second; return the time."""
    end = begin + seconds
    while begin < end:
        begin += min(1.0, end - begin)
        table.beat(begin)
    return begin


def step_of(state: State) -> float:
    return min(SECONDS[state], 1000.0)


@pytest.fixture(autouse=True)
def short_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler's day takes too many beats."""
    monkeypatch.setitem(SECONDS, State.HANDLER, 100.0)


@pytest.mark.parametrize("state", BOUNDED)
def test_every_state_but_an_attached_page_has_a_bound(state: State) -> None:
    table = ConnectionTable()
    peer = Peer(state)
    table.add(peer)
    now = beats(table, 0.0, SECONDS[state])
    assert peer.ended is None
    beats(table, now, 3)
    assert peer.ended is state


@pytest.mark.parametrize("state", BOUNDED)
def test_who_does_its_part_may_stay(state: State) -> None:
    table = ConnectionTable()
    peer = Peer(state)
    table.add(peer)
    now = 0.0
    for _ in range(5):
        now = beats(table, now, SECONDS[state] * 0.9)
        peer.done += LEAST.get(state, 1)
    assert peer.ended is None


@pytest.mark.parametrize("state", [*LEAST])
def test_who_does_less_than_its_part_may_not(state: State) -> None:
    table = ConnectionTable()
    peer = Peer(state)
    table.add(peer)
    now = 0.0
    for _ in range(5):
        now = beats(table, now, SECONDS[state] * 0.3)
        peer.done += LEAST[state] // 4
    assert peer.ended is state


@pytest.mark.parametrize("state", BOUNDED)
def test_time_for_which_it_is_held_back_does_not_count(state: State) -> None:
    table = ConnectionTable()
    peer = Peer(state)
    peer.held = 7.0
    table.add(peer)
    now = beats(table, 0.0, 1.0)
    peer.held += SECONDS[state] - 1
    now = beats(table, now, 2 * SECONDS[state] - 1)
    assert peer.ended is None
    beats(table, now, 3)
    assert peer.ended is state


def test_who_comes_before_the_first_beat_has_its_time_too() -> None:
    table = ConnectionTable()
    peer = Peer()
    table.add(peer)
    now = beats(table, 1_000_000.0, SECONDS[State.HEAD])
    assert peer.ended is None
    beats(table, now, 3)
    assert peer.ended is State.HEAD


def test_another_state_begins_anew() -> None:
    table = ConnectionTable()
    peer = Peer()
    table.add(peer)
    now = 0.0
    for state in BOUNDED * 3:
        peer.now = state
        now = beats(table, now, SECONDS[state] * 0.9)
    assert peer.ended is None


def test_one_that_does_not_go_is_ended_again() -> None:
    table = ConnectionTable()
    peer = Peer(State.REFUSED)
    table.add(peer)
    now = beats(table, 0.0, 100)
    assert peer.ended is State.REFUSED
    peer.ended = None
    beats(table, now, 3)
    assert peer.ended is State.REFUSED


def test_page_that_stops_being_attached_without_a_word_is_found() -> None:
    table = ConnectionTable()
    pages = [Peer(State.OPEN) for _ in range(100)]
    for page in pages:
        table.add(page, State.UPGRADE)
    now = beats(table, 0.0, 1000)
    assert not any(page.ended for page in pages)
    for page in pages:
        page.now = State.CLOSING
    beats(table, now, 40)
    assert all(page.ended is State.CLOSING for page in pages)


def test_page_that_says_so_is_visited_at_once() -> None:
    table = ConnectionTable()
    page = Peer(State.OPEN)
    table.add(page, State.UPGRADE)
    now = beats(table, 0.0, 1)
    page.now = State.CLOSING
    table.hasten(page, State.CLOSING)
    beats(table, now, SECONDS[State.CLOSING] + 2)
    assert page.ended is State.CLOSING


def test_upgrade_is_one_step() -> None:
    table = ConnectionTable()
    http, page = Peer(), Peer(State.UPGRADE)
    table.add(http)
    table.replace(http, page)
    assert list(table) == [page]
    assert (table.count(State.HEAD), table.count(State.UPGRADE)) == (0, 1)


def test_those_who_ask_for_nothing_go_when_there_are_too_many() -> None:
    # 96 are for others, and a head may become an answer from a file.
    table = ConnectionTable(descriptors=101)
    states = [State.POLL, State.HEAD, State.IDLE, State.OPEN]
    peers = [Peer(state) for state in states]
    for peer in peers:
        table.add(peer, State.UPGRADE if peer.now is State.OPEN else peer.now)
    table.beat(1.0)
    new = Peer()
    table.add(new)
    dropped = [peer.is_dropped for peer in (*peers, new)]
    assert dropped == [False, False, True, False, False]


def test_new_one_goes_when_all_are_of_use() -> None:
    table = ConnectionTable(descriptors=98)
    peers = [Peer(State.POLL), Peer(State.OPEN)]
    for peer in peers:
        table.add(peer, State.POLL)
    table.beat(1.0)
    new = Peer()
    table.add(new)
    assert new.is_dropped
    assert not any(peer.is_dropped for peer in peers)


def test_answer_may_hold_a_file() -> None:
    table = ConnectionTable(descriptors=98)
    slow = Peer(State.ANSWER)
    table.add(slow, State.ANSWER)
    table.add(Peer(State.HANDLER), State.HANDLER)
    assert slow.is_dropped


def test_one_that_fails_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(Peer):
        def end(self, state: State) -> None:
            raise ValueError("on purpose")

    table = ConnectionTable()
    for peer in (Faulty(), good := Peer()):
        table.add(peer)
    beats(table, 0.0, SECONDS[State.HEAD] + 3)
    assert good.ended is State.HEAD
    assert "could not be looked after" in caplog.text


def test_counts_are_those_of_the_states_whatever_happens() -> None:
    chance = random.Random(1)
    table = ConnectionTable()
    status = StatusRegistry()
    table.report_to(status)
    here: list[Peer] = []
    for beat in range(300):
        for _ in range(chance.randrange(4)):
            here.append(Peer(chance.choice([*State])))
            table.add(here[-1], chance.choice(BOUNDED))
        for peer in here:
            if chance.random() < 0.3:
                was, peer.now = peer.now, chance.choice([*State])
                if was is State.OPEN and peer.now is not State.OPEN:
                    table.hasten(peer, peer.now)
        if here and chance.random() < 0.5:
            table.remove(here.pop(chance.randrange(len(here))))
        table.beat(float(beat))
        counters = status.counters()
        for state in State:
            there = sum(peer.now is state for peer in here)
            counted = counters[f"transports.connections.{state.value}"]
            assert table.count(state) == counted == there
        assert len(table) == len(here)
