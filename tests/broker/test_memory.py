"""What of the memory broker the contract of all brokers does not reach."""

from __future__ import annotations

from channelshim.broker.memory import MemoryBroker
from tests.stepped_clock import SteppedClock


def test_ids_that_nobody_expects_are_owed_nothing_among_those_who_are() -> None:
    broker = MemoryBroker(SteppedClock(), window_seconds=60.0)
    broker.expect("a")
    text = "to many"
    for client_id in ("a", *(f"unknown{number}" for number in range(8))):
        broker.publish(client_id, text)
    broker.publish("a", "to one")

    owed = [
        (texts, [channel.client_id for channel in channels])
        for texts, channels in broker.collect()
    ]

    assert owed == [(("to many", "to one"), ["a"])]


def test_a_message_that_left_the_window_by_count_ages_without_harm() -> None:
    clock = SteppedClock()
    broker = MemoryBroker(clock, window_seconds=60.0, window_messages=1)
    number = broker.expect("a")
    broker.connect("a")
    for text in ("1", "2"):
        broker.publish("a", text)
        broker.collect()
        broker.settle()
        clock.step(40.0)

    # "1" is too old now, "2" is not.
    assert broker.replay("a", number).texts == ("2",)


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
