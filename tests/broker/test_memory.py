"""What of the memory broker the contract of all brokers does not reach."""

from __future__ import annotations

from typing import NoReturn

import pytest

from channelshim.broker.memory import MemoryBroker
from channelshim.composition.status import StatusRegistry
from channelshim.contracts.broker import Replay
from channelshim.errors import BrokerError
from tests.stepped_clock import SteppedClock


def fail(error: BrokerError) -> None:
    raise error


def test_ids_that_nobody_expects_are_owed_nothing_among_those_who_are() -> None:
    broker = MemoryBroker(SteppedClock(), window_seconds=60.0)
    broker.expect("a")
    text = "to many"
    for client_id in ("a", *(f"unknown{number}" for number in range(8))):
        broker.publish(client_id, text)
    broker.publish("a", "to one")

    owed = [
        (texts, [receiver.client_id for receiver in receivers])
        for texts, receivers in broker.collect()
    ]

    assert owed == [(("to many", "to one"), ["a"])]


def test_a_message_that_left_the_window_by_count_ages_without_harm() -> None:
    clock = SteppedClock()
    broker = MemoryBroker(clock, window_seconds=60.0, window_messages=1)
    number = broker.expect("a")
    owed: list[Replay] = []
    broker.attach("a", (), None, lambda replay: None, fail)
    for text in ("1", "2"):
        broker.publish("a", text)
        broker.collect()
        broker.settle()
        clock.step(40.0)

    # "1" is too old now, "2" is not.
    broker.replay("a", number, owed.append, fail)
    assert [replay.texts for replay in owed] == [("2",)]


def test_a_message_that_meets_a_collect_half_way_is_sent_once_more() -> None:
    broker = MemoryBroker(SteppedClock(), window_seconds=60.0)
    broker.expect("a")
    text = "again"
    broker.publish("a", text)
    run = broker._run
    broker.collect()
    # As a thread finds it that looked at the run just before the collect took it.
    broker._run = run
    broker.publish("a", text)

    assert [texts for texts, _ in broker.collect()] == [("again",)]
    assert list(broker.collect()) == []


def test_what_comes_late_from_two_threads_is_brought_back_once() -> None:
    broker = MemoryBroker(SteppedClock(), window_seconds=60.0)
    broker.expect("a")
    broker.publish("a", "text")
    run = broker._run
    broker.collect()
    # Both append before either looks; the first to look takes both along.
    run.append("a")
    run.append("a")
    broker._bring_back(run)
    broker._bring_back(run)

    assert [texts for texts, _ in broker.collect()] == [("text", "text")]


def test_when_comparing_fails_each_message_is_looked_at_by_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(runs: object) -> NoReturn:
        raise LookupError("a fault for this test")

    monkeypatch.setattr("channelshim.broker.waiting.parts_of", break_down)
    broker = MemoryBroker(SteppedClock(), window_seconds=60.0)
    ids = [f"id {number}" for number in range(8)]
    for client_id in ids:
        broker.expect(client_id)
    for client_id in ids:
        broker.publish(client_id, "to all")

    ((texts, receivers),) = broker.collect()

    assert texts == ("to all",)
    assert [receiver.client_id for receiver in receivers] == ids
    assert "please report it" in caplog.text


def test_what_is_known_and_kept_is_counted() -> None:
    status = StatusRegistry()
    broker = MemoryBroker(SteppedClock(), window_seconds=60.0)
    broker.report_to(status)
    broker.expect("a")
    broker.publish("a", "x" * 1000)
    broker.collect()
    broker.settle()

    counters = status.counters()
    assert counters["broker.client_ids"] == 1
    assert counters["broker.window_bytes"] > 1000


def test_a_text_counts_as_the_memory_that_it_takes() -> None:
    broker = MemoryBroker(SteppedClock(), window_seconds=60.0)
    broker.expect("a")
    kept = []
    for text in ("x" * 1000, "x" * 999 + "\N{GRINNING FACE}"):
        broker.publish("a", text)
        broker.collect()
        broker.settle()
        kept.append(broker.kept_bytes - sum(kept))
    # As UTF-8 the second one is three bytes longer.
    assert 1000 < kept[0] < 1500
    assert 4000 < kept[1] < 4500


def started(told: list[tuple[str, str]], adopted: list[str]) -> MemoryBroker:
    broker = MemoryBroker(SteppedClock(), window_seconds=60.0)
    broker.start(
        lambda: None,
        lambda client_id, what: told.append((what.value, client_id)),
        adopted.extend,
        lambda: None,
    )
    return broker


def test_ids_of_another_process_are_taken_over_as_connected() -> None:
    told: list[tuple[str, str]] = []
    adopted: list[str] = []
    broker = started(told, adopted)
    broker.attach("here", (), None, lambda replay: None, fail)
    broker.take_over(["here", "gone"])
    # One that is here already stays so, and nobody waits for its page.
    assert adopted == ["gone"]
    broker.take_over(["here"])
    assert adopted == ["gone"]
    broker.release("gone")
    assert told == [("connected", "here"), ("disconnected", "gone")]


def test_connected_ids_are_told_again_and_no_others() -> None:
    told: list[tuple[str, str]] = []
    broker = started(told, [])
    broker.attach("a", (), None, lambda replay: None, fail)
    broker.expect("b")
    told.clear()
    broker.tell_again()
    assert told == [("connected", "a")]


def test_messages_of_other_processes_have_no_bound() -> None:
    broker = started([], [])
    assert broker.forwards(lambda is_full: None) is broker


def test_broker_that_was_not_started_waits_for_no_pages() -> None:
    broker = MemoryBroker(SteppedClock(), window_seconds=60.0)
    broker.take_over(["a"])
    assert broker.known_count == 1
