"""Messages in an app process: each is taken once, in order, whoever sends meanwhile."""

from __future__ import annotations

import threading
from collections import defaultdict

import pytest

from channelshim.broker.pipe import PipeSender
from channelshim.errors import BrokerError


def never(*texts: str) -> str:
    raise AssertionError(texts)


def test_messages_are_taken_once_in_order() -> None:
    signals: list[None] = []
    sender = PipeSender(never, lambda: signals.append(None))
    text = "hello"
    for client_id in ("a", "b"):
        sender.publish(client_id, text)
    sender.publish("a", "again")
    assert sender.is_pending
    assert sender.take() == [("hello", ["a", "b"]), ("again", ["a"])]
    assert not sender.is_pending
    assert sender.take() == []
    assert len(signals) == 1


def test_message_after_a_take_is_signalled_again() -> None:
    signals: list[None] = []
    sender = PipeSender(never, lambda: signals.append(None))
    text = "hello"
    sender.publish("a", text)
    sender.take()
    sender.publish("b", text)
    assert sender.take() == [("hello", ["b"])]
    assert len(signals) == 2


def test_message_that_comes_during_a_take_is_in_the_next() -> None:
    sender = PipeSender(never, lambda: None)
    sender.publish("a", "hello")
    run = sender._run
    sender.take()
    # As a thread that has looked at the run a moment before.
    run.append("late")
    sender._bring_back(run)
    assert sender.is_pending
    assert sender.take() == [("hello", ["late"])]


def test_bringing_back_what_was_in_time_brings_nothing() -> None:
    sender = PipeSender(never, lambda: None)
    sender.publish("a", "hello")
    run = sender._run
    sender.take()
    sender._bring_back(run)
    assert sender.take() == []


def test_nothing_is_lost_or_doubled_while_others_take() -> None:
    sender = PipeSender(never, lambda: None)
    count, senders = 3000, 4
    # One object for all, so that they append to the same run.
    text = "the same"

    def send(name: str) -> None:
        for number in range(count):
            sender.publish(f"{name}:{number}", text)

    threads = [threading.Thread(target=send, args=(f"s{n}",)) for n in range(senders)]
    for thread in threads:
        thread.start()
    taken: list[tuple[str, list[str]]] = []
    while any(thread.is_alive() for thread in threads):
        taken += sender.take()
    taken += sender.take()
    by_sender: defaultdict[str, list[int]] = defaultdict(list)
    for _, client_ids in taken:
        for client_id in client_ids:
            name, _, number = client_id.partition(":")
            by_sender[name].append(int(number))
    assert {name: sorted(numbers) for name, numbers in by_sender.items()} == {
        f"s{number}": list(range(count)) for number in range(senders)
    }


def test_number_is_the_fronts() -> None:
    asked: list[tuple[str, ...]] = []

    def ask(*texts: str) -> str:
        asked.append(texts)
        return "1700000000000000"

    assert PipeSender(ask, lambda: None).expect("a") == 1_700_000_000_000_000
    assert asked == [("expect", "a")]


def test_answer_that_is_no_number_is_an_error() -> None:
    with pytest.raises(BrokerError):
        PipeSender(lambda *_: "", lambda: None).expect("a")


def test_message_is_refused_while_the_front_says_so() -> None:
    sender = PipeSender(never, lambda: None)
    text = "hello"
    sender.publish("a", text)
    sender.refuse(True)
    for again in (text, "another"):
        with pytest.raises(BrokerError, match="too many messages wait for Redis"):
            sender.publish("a", again)
    # What was taken before is sent all the same.
    assert sender.take() == [("hello", ["a"])]
    sender.refuse(False)
    sender.publish("b", text)
    assert sender.take() == [("hello", ["b"])]
