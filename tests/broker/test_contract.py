"""What every broker keeps to, back end by back end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import pytest

from channelshim import errors, limits
from channelshim.broker.memory import MemoryBroker
from channelshim.contracts.broker import Broker, Replay
from tests.broker.receivers import random_lists
from tests.exploring import Cases, explored
from tests.lanes import timeout_factor
from tests.stepped_clock import SteppedClock

WINDOW_SECONDS = 60.0
PATIENCE_SECONDS = 10.0 * timeout_factor()

Open = Callable[..., Broker]


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture(params=["memory"])
def open_broker(request: pytest.FixtureRequest, clock: SteppedClock) -> Open:
    """Return a function that opens a broker of the back end, with its bounds."""

    def open_memory(**bounds: int) -> Broker:
        return MemoryBroker(clock, window_seconds=WINDOW_SECONDS, **bounds)

    return {"memory": open_memory}[request.param]


@pytest.fixture
def broker(open_broker: Open) -> Broker:
    return open_broker()


def texts_of(broker: Broker) -> dict[str, tuple[str, ...]]:
    return {
        channel.client_id: texts
        for texts, channels in broker.collect()
        for channel in channels
    }


def test_messages_are_collected_once_in_order_by_id(broker: Broker) -> None:
    first = broker.expect("a")
    broker.expect("b")
    for client_id, text in (("a", "1"), ("b", "2"), ("a", "3")):
        broker.publish(client_id, text)
    second = broker.expect("b")
    assert {
        (channel.client_id, channel.number, texts)
        for texts, channels in broker.collect()
        for channel in channels
    } == {("a", first + 2, ("1", "3")), ("b", second, ("2",))}
    assert list(broker.collect()) == []


def test_a_message_to_an_unknown_id_is_dropped(broker: Broker) -> None:
    broker.publish("nobody", "lost")
    assert texts_of(broker) == {}
    number = broker.expect("nobody")
    assert broker.replay("nobody", number - 1).texts == ()


def test_numbers_grow_by_one_and_start_at_the_clock(
    broker: Broker, clock: SteppedClock
) -> None:
    number = broker.expect("a")
    assert number == int(clock.time() * 1_000_000)
    for count in range(1, 4):
        broker.publish("a", "x")
        assert broker.expect("a") == number + count


def test_what_is_published_after_expect_has_a_higher_number(broker: Broker) -> None:
    broker.expect("a")
    broker.publish("a", "before")
    number = broker.expect("a")
    broker.publish("a", "after")
    assert broker.replay("a", number) == Replay(number, ("after",))


def test_a_replay_owes_nothing_from_now_and_what_is_left_from_long_ago(
    open_broker: Open,
) -> None:
    broker = open_broker(window_messages=2)
    number = broker.expect("a")
    for text in "1234":
        broker.publish("a", text)
    assert broker.replay("a", None) == Replay(number + 4, ())
    assert broker.replay("a", number + 99) == Replay(number + 4, ())
    # The gap shows in the number.
    assert broker.replay("a", number) == Replay(number + 2, ("3", "4"))


def test_a_replay_is_right_before_the_bookkeeping_and_after_it(broker: Broker) -> None:
    number = broker.expect("a")
    broker.publish("a", "1")
    broker.collect()
    assert broker.replay("a", number).texts == ("1",)
    broker.publish("a", "2")
    # Asked for between two collects: the message is still collected once.
    assert broker.replay("a", number).texts == ("1", "2")
    assert texts_of(broker) == {"a": ("2",)}
    broker.settle()
    assert broker.replay("a", number).texts == ("1", "2")


def test_one_wake_up_stands_for_all_that_is_published(broker: Broker) -> None:
    wakes: list[None] = []
    broker.subscribe(lambda: wakes.append(None))
    broker.expect("a")
    for number in range(1000):
        broker.publish("a", str(number))
    assert len(wakes) == 1
    broker.collect()
    broker.publish("a", "again")
    assert len(wakes) == 2


def test_what_was_published_before_the_subscription_wakes_at_once(
    broker: Broker,
) -> None:
    broker.expect("a")
    broker.publish("a", "early")
    wakes: list[None] = []
    broker.subscribe(lambda: wakes.append(None))
    assert len(wakes) == 1
    assert texts_of(broker) == {"a": ("early",)}


def test_a_message_is_kept_for_the_windows_seconds(
    broker: Broker, clock: SteppedClock
) -> None:
    broker.connect("a")
    number = broker.expect("a")
    broker.publish("a", "old")
    broker.collect()
    broker.settle()
    clock.step(WINDOW_SECONDS - 1)
    assert broker.replay("a", number).texts == ("old",)
    clock.step(2)
    broker.publish("a", "new")
    assert broker.replay("a", number) == Replay(number + 1, ("new",))


def test_an_expected_id_is_forgotten_after_the_window(
    broker: Broker, clock: SteppedClock
) -> None:
    broker.expect("a")
    clock.step(WINDOW_SECONDS + 1)
    broker.settle()
    broker.publish("a", "late")
    assert texts_of(broker) == {}


def test_expecting_again_lengthens_it(broker: Broker, clock: SteppedClock) -> None:
    number = broker.expect("a")
    clock.step(WINDOW_SECONDS - 1)
    broker.expect("a")
    clock.step(WINDOW_SECONDS - 1)
    broker.publish("a", "in time")
    assert broker.replay("a", number).texts == ("in time",)


def test_a_connected_id_stays_known_and_a_disconnected_one_does_not(
    broker: Broker, clock: SteppedClock
) -> None:
    broker.connect("a")
    broker.connect("a")
    clock.step(10 * WINDOW_SECONDS)
    broker.publish("a", "1")
    assert texts_of(broker) == {"a": ("1",)}
    broker.disconnect("a")
    broker.publish("a", "2")
    assert texts_of(broker) == {}
    broker.disconnect("never here")


def test_a_disconnected_id_that_is_expected_keeps_its_window(
    broker: Broker, clock: SteppedClock
) -> None:
    broker.connect("a")
    number = broker.expect("a")
    broker.disconnect("a")
    broker.publish("a", "while away")
    assert broker.replay("a", number).texts == ("while away",)
    clock.step(WINDOW_SECONDS)
    broker.settle()
    broker.publish("a", "too late")
    broker.collect()
    assert broker.replay("a", number).texts == ()


def test_numbers_never_go_back_when_an_id_is_forgotten(
    broker: Broker, clock: SteppedClock
) -> None:
    broker.expect("a")
    for _ in range(100):
        broker.publish("a", "x")
    last = broker.expect("a")
    clock.step(WINDOW_SECONDS + 1)
    broker.settle()
    assert broker.expect("a") > last


@pytest.mark.parametrize(
    "bounds",
    [{"window_messages": 3}, {"window_bytes": 3}, {"window_total_bytes": 1100}],
)
def test_windows_are_bounded_and_the_oldest_goes_first(
    open_broker: Open, bounds: dict[str, int]
) -> None:
    broker = open_broker(**bounds)
    number = broker.expect("a")
    for text in "123456":
        broker.publish("a", text)
        broker.collect()
        broker.settle()
    replay = broker.replay("a", number)
    assert replay.texts == ("4", "5", "6")
    assert replay.number == number + 3


def test_the_bound_over_all_ids_takes_the_oldest_of_any(open_broker: Open) -> None:
    broker = open_broker(window_total_bytes=700)
    before = {client_id: broker.expect(client_id) for client_id in "abc"}
    for client_id in "abc":
        broker.publish(client_id, f"to {client_id}")
        broker.collect()
        broker.settle()
    left = {c: broker.replay(c, number).texts for c, number in before.items()}
    assert left == {"a": (), "b": ("to b",), "c": ("to c",)}


def test_ids_that_are_sent_one_text_share_it(broker: Broker) -> None:
    before = {name: broker.expect(name) for name in map(str, range(50))}
    for name in before:
        broker.publish(name, "to all")
    for name in list(before)[:25]:
        broker.publish(name, "to half")
    shared = {texts: len(channels) for texts, channels in broker.collect()}
    assert shared == {("to all",): 25, ("to all", "to half"): 25}
    broker.settle()
    assert broker.replay("0", before["0"]).texts == ("to all", "to half")
    assert broker.replay("49", before["49"]).texts == ("to all",)


def test_windows_outlive_an_orderly_restart(
    broker: Broker, open_broker: Open, clock: SteppedClock
) -> None:
    broker.connect("a")
    number = broker.expect("a")
    broker.expect("silent")
    for text in ("1", "é中😀"):
        broker.publish("a", text)
    saved = broker.save()
    clock.step(5)
    later = open_broker()
    later.load(saved)
    assert later.replay("a", number) == Replay(number, ("1", "é中😀"))
    later.publish("a", "3")
    assert later.replay("a", number + 1).texts == ("é中😀", "3")
    # An id that is known already keeps what it has.
    later.load(saved)
    assert later.replay("a", number).texts == ("1", "é中😀", "3")


def test_windows_that_are_too_old_are_left_out(
    broker: Broker, open_broker: Open, clock: SteppedClock
) -> None:
    number = broker.expect("a")
    broker.publish("a", "1")
    saved = broker.save()
    clock.step(WINDOW_SECONDS + 1)
    later = open_broker()
    later.load(saved)
    assert later.replay("a", number).texts == ()


def test_what_many_were_sent_is_saved_once_and_shared_again(
    open_broker: Open,
) -> None:
    broker = open_broker()
    texts = tuple(f"{number} ".ljust(4000, "x") for number in range(20))
    ids = [f"id {number}" for number in range(500)]
    numbers = {client_id: broker.expect(client_id) for client_id in ids}
    for text in texts:
        for client_id in ids:
            broker.publish(client_id, text)
        broker.collect()
    saved = broker.save()
    assert len(saved) < 2 * 20 * 4000
    # Room for each text once, and for all who are owed it.
    later = open_broker(window_total_bytes=3 * 20 * 4000)
    later.load(saved)
    for client_id in ids:
        assert later.replay(client_id, numbers[client_id]).texts == texts


@pytest.mark.parametrize(
    "saved",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"at": 1, "texts": [], "windows": [[1]]}',
        b'{"at": 1, "texts": ["a"], "windows": [[[0, 7], [["id", 1]]]]}',
        b'{"at": 1, "texts": ["a"], "windows": [[[0], [["id", 1e400]]]]}',
        b'{"at": 1, "texts": ["a"], "windows": [[[0], [["id", -1]]]]}',
        b'{"at": 1, "texts": ["a"], "windows": [[[0], [["id", 1e3]]]]}',
        b'{"at": 1, "texts": ["a"], "windows": [[[0], [["id", %d]]]]}' % (1 << 80),
        b"[" * 100_000,
    ],
)
def test_damaged_windows_are_an_error_of_ours(broker: Broker, saved: bytes) -> None:
    with pytest.raises(errors.BrokerError):
        broker.load(saved)


def test_threads_that_send_at_once_lose_nothing_and_keep_their_order(
    broker: Broker,
) -> None:
    broker.connect("a")
    number = broker.expect("a")
    count = min(200, limits.WINDOW_MESSAGES // 4)

    def send(name: str) -> None:
        for one in range(count):
            broker.publish("a", f"{name}{one}")

    threads = [threading.Thread(target=send, args=(name,)) for name in "wxyz"]
    for thread in threads:
        thread.start()
    got: list[str] = []
    while any(thread.is_alive() for thread in threads):
        got += texts_of(broker).get("a", ())
    got += texts_of(broker).get("a", ())
    for name in "wxyz":
        own = [text for text in got if text.startswith(name)]
        assert own == [f"{name}{one}" for one in range(count)]
    assert broker.replay("a", number).texts == tuple(got)


def hammer(
    broker: Broker, ids: list[str], send: Callable[[str], None], count: int
) -> dict[str, list[str]]:
    """Have four threads send at once; collect only when woken, until count came.

    Returns:
        what each id was sent.
    """
    for client_id in ids:
        broker.connect(client_id)
    woken = threading.Event()
    broker.subscribe(woken.set)
    got: dict[str, list[str]] = {client_id: [] for client_id in ids}
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=send, args=(name,)) for name in "wxyz"]
    try:
        for thread in threads:
            thread.start()
        while count > 0:
            assert woken.wait(PATIENCE_SECONDS), f"{count} did not come"
            woken.clear()
            for texts, channels in broker.collect():
                count -= len(texts) * len(channels)
                for channel in channels:
                    got[channel.client_id] += texts
            broker.settle()
    finally:
        sys.setswitchinterval(usual)
        for thread in threads:
            thread.join()
    assert not broker.collect()
    return got


def test_no_message_waits_for_a_wake_up_that_has_been(broker: Broker) -> None:
    # Whoever collects only when woken misses nothing, whatever comes in between.
    ids = [f"id {number}" for number in range(5)]

    def send(name: str) -> None:
        for number in range(5000):
            broker.publish(ids[number % len(ids)], f"{name}{number}")

    got = hammer(broker, ids, send, 4 * 5000)
    for place, client_id in enumerate(ids):
        for name in "wxyz":
            own = [text for text in got[client_id] if text.startswith(name)]
            assert own == [f"{name}{number}" for number in range(place, 5000, 5)]


def test_texts_to_many_are_lost_by_none_however_threads_take_turns(
    broker: Broker,
) -> None:
    ids = [f"id {number}" for number in range(50)]
    rounds = 200

    def text(name: str, number: int) -> str:
        # A constant, now and then, as apps send: the same object each time.
        return f"{name}{number}" if number % 3 else name

    def send(name: str) -> None:
        for number in range(rounds):
            said = text(name, number)
            for client_id in ids:
                broker.publish(client_id, said)

    got = hammer(broker, ids, send, 4 * rounds * len(ids))
    for client_id in ids:
        for name in "wxyz":
            own = [said for said in got[client_id] if said.startswith(name)]
            assert own == [text(name, number) for number in range(rounds)]


@explored(200, 20_000)
def test_an_id_that_stands_twice_in_a_list_is_owed_the_text_twice(
    open_broker: Open, cases: Cases
) -> None:
    chance = cases.random()
    for _ in range(cases.count):
        broker = open_broker()
        lists = random_lists(chance)
        names = sorted(set().union(*lists))
        # The others are unknown: what they are sent is dropped.
        known = set(chance.sample(names, chance.randint(1, len(names))))
        numbers = {name: broker.expect(name) for name in known}
        sent: dict[str, list[str]] = {name: [] for name in names}
        owed: dict[str, list[str]] = {name: [] for name in names}
        for number, client_ids in enumerate(lists):
            for client_id in client_ids:
                broker.publish(client_id, f"text {number}")
                sent[client_id].append(f"text {number}")
            if chance.random() < 0.3:
                for client_id, texts in texts_of(broker).items():
                    owed[client_id] += texts
        for client_id, texts in texts_of(broker).items():
            owed[client_id] += texts
        for name in names:
            assert owed[name] == (sent[name] if name in known else []), (name, lists)
        for name, number in numbers.items():
            assert list(broker.replay(name, number).texts) == sent[name], lists


def test_an_id_that_comes_while_messages_wait_is_owed_none_of_them(
    broker: Broker,
) -> None:
    known = [f"id {number}" for number in range(10)]
    for client_id in known:
        broker.connect(client_id)
    for client_id in [*known, "late"]:
        broker.publish(client_id, "text")
    number = broker.expect("late")
    for client_id in [*known, "late"]:
        broker.publish(client_id, "another")
    assert broker.replay("late", number - 1).texts == ("another",)
    owed = texts_of(broker)
    assert owed.pop("late") == ("another",)
    assert owed == dict.fromkeys(known, ("text", "another"))
