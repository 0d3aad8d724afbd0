"""What every broker keeps to, back end by back end."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from channelshim.broker.kept import WINDOW_MESSAGES
from channelshim.broker.memory import MemoryBroker
from channelshim.contracts.broker import Delivery, Replay
from channelshim.contracts.presence import Change
from channelshim.errors import BrokerError, StorageError
from tests.broker.delayed import Call, DelayedBroker
from tests.broker.receivers import random_lists
from tests.exploring import Cases, explored
from tests.lanes import timeout_factor
from tests.stepped_clock import SteppedClock

WINDOW_SECONDS = 60.0
PATIENCE_SECONDS = 10.0 * timeout_factor()


class Turns:
    """As much of a loop as a broker asks for: calls that wait for their turn."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque()

    def later(self, call: Call) -> None:
        """Have call called when the loop turns. Any thread."""
        self._calls.append(call)

    def turn(self) -> None:
        """Turn once."""
        if self._calls:
            self._calls.popleft()()

    def run(self) -> None:
        """Turn until nothing waits."""
        while self._calls:
            self._calls.popleft()()


class KeptWindows:
    """Implements contracts.Windows."""

    def __init__(self) -> None:
        self.saved: bytes | None = None
        self.is_broken = False

    def save_windows(self, saved: bytes | None) -> None:
        """See contracts.Windows."""
        if self.is_broken:
            raise StorageError("the disk is full")
        self.saved = saved

    def load_windows(self) -> bytes | None:
        """See contracts.Windows."""
        if self.is_broken:
            raise StorageError("the disk is full")
        return self.saved


class Side:
    """A broker with the process that it serves.

    Attributes:
        broker: started.
        wakes: how often it asked for a pass; `woken` is set by each.
        told: what it asked to tell the app.
        adopted: the ids of a process that had died.
    """

    def __init__(self, broker: Any, turns: Turns) -> None:
        self.broker = broker
        self.turns = turns
        self.wakes = 0
        self.woken = threading.Event()
        self.told: list[tuple[str, str]] = []
        self.adopted: list[str] = []

    def start(self) -> None:
        """Take part from now on."""
        self.broker.start(self._wake, self._tell, self.adopted.extend, self._lost)

    def _wake(self) -> None:
        self.wakes += 1
        self.woken.set()

    def _tell(self, client_id: str, what: Change) -> None:
        self.told.append((what.value, client_id))
        self.broker.told(client_id, what)

    def _lost(self) -> None:
        raise AssertionError("nothing was lost")

    def publish(self, client_id: str, text: str) -> None:
        self.broker.publish(client_id, text)

    def expect(self, client_id: str) -> int:
        number: int = self.broker.expect(client_id)
        return number

    def attach(
        self, client_id: str, after: int | None = None, subscriber: Any = ("page",)
    ) -> Replay:
        opened: list[Replay] = []
        self.broker.attach(client_id, subscriber, after, opened.append, fail)
        self.turns.run()
        (replay,) = opened
        return replay

    def replay(self, client_id: str, after: int | None) -> Replay:
        done: list[Replay] = []
        self.broker.replay(client_id, after, done.append, fail)
        self.turns.run()
        (replay,) = done
        return replay

    def release(self, client_id: str) -> None:
        self.broker.release(client_id)
        self.turns.run()

    def collect(self) -> Sequence[Delivery]:
        self.turns.run()
        deliveries: Sequence[Delivery] = self.broker.collect()
        return deliveries

    def settle(self) -> None:
        self.broker.settle()

    def stop(self) -> None:
        self.broker.stop()


def fail(error: BrokerError) -> None:
    raise error


class Open:
    """Opens brokers of one back end.

    Args:
        make: returns a broker with the options that it is given, and its turns.
        is_slow: whether property tests try fewer cases.
    """

    def __init__(
        self, make: Callable[..., tuple[Any, Any]], *, is_slow: bool = False
    ) -> None:
        self._make = make
        self._is_slow = is_slow

    def __call__(self, *, is_started: bool = True, **options: Any) -> Side:
        """Return a broker, started or not."""
        side = Side(*self._make(window_seconds=WINDOW_SECONDS, **options))
        if is_started:
            side.start()
        return side

    def count(self, cases: Cases) -> int:
        """Return how many cases to try."""
        return max(cases.count // 20, 1) if self._is_slow else cases.count


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def windows() -> KeptWindows:
    return KeptWindows()


def open_local(kind: str, clock: SteppedClock) -> Open:
    """Return what opens brokers of one process, which answer at once or later."""

    def make(**options: Any) -> tuple[Any, Any]:
        turns = Turns()
        broker: Any = MemoryBroker(clock, **options)
        if kind == "delayed":
            broker = DelayedBroker(broker, turns.later, random.Random(0))
        return broker, turns

    return Open(make)


@pytest.fixture(
    params=["memory", "delayed", pytest.param("redis", marks=pytest.mark.redis)]
)
def open_broker(
    request: pytest.FixtureRequest,
    clock: SteppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Open]:
    """Return what opens brokers of each back end, with its bounds."""
    if request.param != "redis":
        yield open_local(request.param, clock)
        return
    from tests.broker import over_redis

    over_redis.step_time_in_redis(monkeypatch)
    opener = over_redis.Opener(request.getfixturevalue("redis_server"), clock)

    def make(**options: Any) -> tuple[Any, Any]:
        broker = opener.open(**options)
        return broker, broker.turns

    yield Open(make, is_slow=True)
    opener.close()
    over_redis.let_time_be(monkeypatch)


@pytest.fixture(params=["memory", "delayed"])
def open_alone(request: pytest.FixtureRequest, clock: SteppedClock) -> Open:
    """Return what opens brokers whose windows and presence the store keeps."""
    return open_local(request.param, clock)


@pytest.fixture
def broker(open_broker: Open) -> Side:
    return open_broker()


def texts_of(broker: Side) -> dict[str, tuple[str, ...]]:
    return {
        receiver.client_id: texts
        for texts, receivers in broker.collect()
        for receiver in receivers
    }


def test_messages_are_collected_once_in_order_by_id(broker: Side) -> None:
    first = broker.attach("a").number
    broker.attach("b")
    for client_id, text in (("a", "1"), ("b", "2"), ("a", "3")):
        broker.publish(client_id, text)
    second = broker.expect("b")
    assert {
        (receiver.client_id, receiver.number, texts)
        for texts, receivers in broker.collect()
        for receiver in receivers
    } == {("a", first + 2, ("1", "3")), ("b", second, ("2",))}
    assert list(broker.collect()) == []


def test_a_message_to_an_unknown_id_is_dropped(broker: Side) -> None:
    broker.publish("nobody", "lost")
    assert texts_of(broker) == {}
    number = broker.expect("nobody")
    assert broker.replay("nobody", number - 1).texts == ()


def test_numbers_grow_by_one_and_start_at_the_clock(
    broker: Side, clock: SteppedClock
) -> None:
    number = broker.expect("a")
    assert number == int(clock.time() * 1_000_000)
    for count in range(1, 4):
        broker.publish("a", "x")
        assert broker.expect("a") == number + count


def test_what_is_published_after_expect_has_a_higher_number(broker: Side) -> None:
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


def test_a_replay_is_right_before_the_bookkeeping_and_after_it(broker: Side) -> None:
    broker.attach("a")
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


def test_one_wake_up_stands_for_all_that_is_published(broker: Side) -> None:
    broker.attach("a")
    for number in range(1000):
        broker.publish("a", str(number))
    broker.turns.run()
    assert broker.wakes == 1
    broker.collect()
    broker.publish("a", "again")
    broker.turns.run()
    assert broker.wakes == 2


def test_what_was_published_before_the_start_wakes_at_once(open_alone: Open) -> None:
    broker = open_alone(is_started=False)
    broker.expect("a")
    broker.publish("a", "early")
    broker.start()
    assert broker.wakes == 1
    assert texts_of(broker) == {"a": ("early",)}


def test_what_was_published_before_the_start_is_kept(open_broker: Open) -> None:
    broker = open_broker(is_started=False)
    number = broker.expect("a")
    broker.publish("a", "early")
    assert broker.expect("a") == number + 1
    broker.publish("a", "and later")
    broker.start()
    assert broker.attach("a", number).texts == ("early", "and later")


def test_a_message_is_kept_for_the_windows_seconds(
    broker: Side, clock: SteppedClock
) -> None:
    broker.attach("a")
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
    broker: Side, clock: SteppedClock
) -> None:
    broker.expect("a")
    clock.step(WINDOW_SECONDS + 1)
    broker.settle()
    broker.publish("a", "late")
    assert texts_of(broker) == {}


def test_expecting_again_lengthens_it(broker: Side, clock: SteppedClock) -> None:
    number = broker.expect("a")
    clock.step(WINDOW_SECONDS - 1)
    broker.expect("a")
    clock.step(WINDOW_SECONDS - 1)
    broker.publish("a", "in time")
    assert broker.replay("a", number).texts == ("in time",)


def test_a_connected_id_stays_known_and_a_disconnected_one_does_not(
    broker: Side, clock: SteppedClock
) -> None:
    broker.attach("a")
    broker.attach("a")
    clock.step(10 * WINDOW_SECONDS)
    broker.publish("a", "1")
    assert texts_of(broker) == {"a": ("1",)}
    broker.release("a")
    broker.publish("a", "2")
    assert texts_of(broker) == {}
    broker.release("never here")


def test_a_disconnected_id_that_is_expected_keeps_its_window(
    broker: Side, clock: SteppedClock
) -> None:
    broker.attach("a")
    number = broker.expect("a")
    broker.release("a")
    broker.publish("a", "while away")
    assert broker.replay("a", number).texts == ("while away",)
    clock.step(WINDOW_SECONDS)
    broker.settle()
    broker.publish("a", "too late")
    broker.collect()
    assert broker.replay("a", number).texts == ()


def test_numbers_never_go_back_when_an_id_is_forgotten(
    broker: Side, clock: SteppedClock
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
    open_broker: Open, bounds: dict[str, Any]
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


def test_ids_that_are_sent_one_text_share_it(broker: Side) -> None:
    before = {name: broker.attach(name).number for name in map(str, range(50))}
    for name in before:
        broker.publish(name, "to all")
    for name in list(before)[:25]:
        broker.publish(name, "to half")
    shared = {texts: len(receivers) for texts, receivers in broker.collect()}
    assert shared == {("to all",): 25, ("to all", "to half"): 25}
    broker.settle()
    assert broker.replay("0", before["0"]).texts == ("to all", "to half")
    assert broker.replay("49", before["49"]).texts == ("to all",)


def test_windows_outlive_an_orderly_restart(
    open_alone: Open, windows: KeptWindows, clock: SteppedClock
) -> None:
    broker = open_alone(windows=windows)
    broker.attach("a")
    number = broker.expect("a")
    broker.expect("silent")
    for text in ("1", "é中😀"):
        broker.publish("a", text)
    broker.stop()
    clock.step(5)
    later = open_alone(windows=windows, is_started=False)
    # An id that is known already keeps what it has.
    known = later.expect("silent")
    later.publish("silent", "before the start")
    later.start()
    assert windows.saved is None
    assert later.replay("silent", known).texts == ("before the start",)
    assert later.replay("a", number) == Replay(number, ("1", "é中😀"))
    later.publish("a", "3")
    assert later.replay("a", number + 1).texts == ("é中😀", "3")


def test_a_broker_that_never_started_leaves_the_windows_alone(
    open_alone: Open, windows: KeptWindows
) -> None:
    windows.saved = b"of the last process"
    broker = open_alone(windows=windows, is_started=False)
    broker.expect("a")
    broker.stop()
    assert windows.saved == b"of the last process"


def test_windows_that_are_too_old_are_left_out(
    open_alone: Open, windows: KeptWindows, clock: SteppedClock
) -> None:
    broker = open_alone(windows=windows)
    number = broker.expect("a")
    broker.publish("a", "1")
    broker.stop()
    clock.step(WINDOW_SECONDS + 1)
    later = open_alone(windows=windows)
    assert later.replay("a", number).texts == ()


def test_what_many_were_sent_is_saved_once_and_shared_again(
    open_alone: Open, windows: KeptWindows
) -> None:
    broker = open_alone(windows=windows)
    texts = tuple(f"{number} ".ljust(4000, "x") for number in range(20))
    ids = [f"id {number}" for number in range(500)]
    numbers = {client_id: broker.expect(client_id) for client_id in ids}
    for text in texts:
        for client_id in ids:
            broker.publish(client_id, text)
        broker.collect()
    broker.stop()
    assert windows.saved is not None
    assert len(windows.saved) < 2 * 20 * 4000
    # Room for each text once, and for all who are owed it.
    later = open_alone(windows=windows, window_total_bytes=3 * 20 * 4000)
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
def test_damaged_windows_stop_no_start_and_are_forgotten(
    open_alone: Open,
    windows: KeptWindows,
    saved: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    windows.saved = saved
    broker = open_alone(windows=windows)
    assert "cannot be read" in caplog.text
    assert windows.saved is None
    assert broker.expect("a")


def test_a_store_that_is_broken_costs_the_windows_alone(
    open_alone: Open, windows: KeptWindows, caplog: pytest.LogCaptureFixture
) -> None:
    windows.is_broken = True
    broker = open_alone(windows=windows)
    broker.stop()
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]


# --- Presence -------------------------------------------------------------------------


def test_the_app_is_told_once_however_many_pages_attach(broker: Side) -> None:
    broker.attach("a")
    broker.attach("a")
    assert broker.told == [("connected", "a")]
    broker.release("a")
    broker.release("a")
    broker.release("never here")
    broker.attach("a")
    assert broker.told[1:] == [("disconnected", "a"), ("connected", "a")]


def test_the_app_is_told_before_the_page_is_opened(broker: Side) -> None:
    order: list[object] = []
    broker.told = order  # type: ignore[assignment]
    broker.broker.attach("a", (), None, order.append, fail)
    broker.turns.run()
    assert order[0] == ("connected", "a")
    assert len(order) == 2


def test_an_id_that_is_only_expected_is_told_to_nobody(broker: Side) -> None:
    broker.expect("a")
    broker.release("a")
    assert broker.told == []


class Journal:
    """Who an earlier process left connected."""

    def __init__(self, *client_ids: str) -> None:
        self._client_ids = client_ids

    def connected_client_ids(self) -> Sequence[str]:
        """See contracts.store.Journal."""
        if not self._client_ids:
            raise StorageError("the disk is gone")
        return self._client_ids


def test_ids_of_a_process_that_died_are_handed_over_and_known(
    open_alone: Open, caplog: pytest.LogCaptureFixture
) -> None:
    broker = open_alone(journal=Journal("a", "b"))
    assert broker.adopted == ["a", "b"]
    broker.publish("a", "while away")
    assert texts_of(broker) == {"a": ("while away",)}
    # Told as connected by the process that died.
    broker.attach("a")
    assert broker.told == []
    broker.release("b")
    assert broker.told == [("disconnected", "b")]
    assert open_alone(journal=Journal()).adopted == []
    assert "the app is not told" in caplog.text


# --- Attaching ------------------------------------------------------------------------


def test_deliveries_carry_what_the_latest_attach_handed_over(broker: Side) -> None:
    def subscriber() -> object:
        broker.publish("a", "text")
        for _, (receiver,) in broker.collect():
            return receiver.subscriber
        # Nobody here is owed it.
        return ()

    broker.expect("a")
    assert subscriber() == ()
    first, second = ["first"], ["second"]
    broker.attach("a", subscriber=first)
    assert subscriber() is first
    broker.attach("a", subscriber=second)
    assert subscriber() is second
    broker.release("a")
    assert subscriber() == ()


def test_an_attach_owes_what_came_after_the_number(broker: Side) -> None:
    number = broker.expect("a")
    broker.publish("a", "1")
    broker.publish("a", "2")
    assert broker.attach("a", number + 1) == Replay(number + 1, ("2",))
    assert broker.attach("a", None) == Replay(number + 2, ())


def test_a_page_that_left_hears_nothing_of_its_attach(broker: Side) -> None:
    opened: list[Replay] = []
    attachment = broker.broker.attach("a", (), None, opened.append, fail)
    was_opened = len(opened)
    attachment.cancel()
    attachment.cancel()
    broker.turns.run()
    assert len(opened) == was_opened
    # It is connected to this process until it is released.
    assert broker.told == [("connected", "a")]


@explored(300, 20_000)
def test_replays_and_deliveries_join_without_a_gap(
    open_broker: Open, cases: Cases
) -> None:
    chance = cases.random()
    for _ in range(open_broker.count(cases)):
        broker = open_broker()
        number = broker.expect("a")
        sent: list[str] = []
        got: list[str] = []
        at: list[int] = []

        def opened(replay: Replay, at: list[int] = at, got: list[str] = got) -> None:
            at.append(replay.last_number)
            got += replay.texts

        for step in range(12):
            if chance.random() < 0.5:
                sent.append(str(step))
                broker.publish("a", sent[-1])
            if step == 4:
                broker.broker.attach("a", (), number, opened, fail)
            if chance.random() < 0.4:
                broker.turns.turn()
            if step == 11:
                broker.turns.run()
            if chance.random() < 0.4 or step == 11:
                for texts, (receiver,) in broker.broker.collect():
                    if at:
                        missing = receiver.number - at[0]
                        assert missing <= len(texts)
                        got += texts[len(texts) - missing :] if missing > 0 else ()
                        at[0] = max(at[0], receiver.number)
        broker.turns.run()
        for texts, _ in broker.broker.collect():
            got += texts
        assert got == sent


def test_an_answer_is_safe_once_what_was_published_before_is_there(
    broker: Side,
) -> None:
    number = broker.expect("a")
    safe: list[Replay] = []
    broker.publish("a", "1")
    # A process that asks once it is safe finds it.
    broker.broker.when_safe(
        lambda: broker.broker.replay("a", number, safe.append, fail)
    )
    broker.turns.run()
    assert safe == [Replay(number, ("1",))]


# --- What can be seen -----------------------------------------------------------------


def test_known_ids_come_page_by_page_with_their_windows(
    broker: Side, clock: SteppedClock
) -> None:
    for name in ("c", "a", "b"):
        broker.expect(name)
    broker.attach("b")
    for text in ("é", "two"):
        broker.publish("b", text)
    broker.collect()
    clock.step(10)
    first = broker.broker.known_ids("", 2)
    assert [known.client_id for known in first] == ["a", "b"]
    a, b = first
    assert (a.is_connected, a.expected_seconds) == (False, WINDOW_SECONDS - 10)
    assert (b.is_connected, b.kept_messages, b.kept_bytes) == (True, 2, 5)
    (c,) = broker.broker.known_ids("b", 2)
    assert c.client_id == "c"
    assert broker.broker.find("b") == b
    assert broker.broker.find("nobody") is None
    assert broker.broker.known_count == 3
    assert broker.broker.kept_bytes > 5


# --- Threads --------------------------------------------------------------------------


def test_threads_that_send_at_once_lose_nothing_and_keep_their_order(
    broker: Side,
) -> None:
    broker.attach("a")
    number = broker.expect("a")
    count = min(200, WINDOW_MESSAGES // 4)

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
    broker: Side, ids: list[str], send: Callable[[str], None], count: int
) -> dict[str, list[str]]:
    """Have four threads send at once; collect only when woken, until count came.

    Returns:
        what each id was sent.
    """
    for client_id in ids:
        broker.attach(client_id)
    woken = broker.woken
    got: dict[str, list[str]] = {client_id: [] for client_id in ids}
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=send, args=(name,)) for name in "wxyz"]
    try:
        for thread in threads:
            thread.start()
        while count > 0:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not woken.wait(0.001):
                broker.turns.run()
                assert time.monotonic() < deadline, f"{count} did not come"
            woken.clear()
            for texts, receivers in broker.broker.collect():
                count -= len(texts) * len(receivers)
                for receiver in receivers:
                    got[receiver.client_id] += texts
            broker.settle()
    finally:
        sys.setswitchinterval(usual)
        for thread in threads:
            thread.join()
    assert not broker.collect()
    return got


def test_no_message_waits_for_a_wake_up_that_has_been(broker: Side) -> None:
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
    broker: Side,
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
    for _ in range(open_broker.count(cases)):
        broker = open_broker()
        lists = random_lists(chance)
        names = sorted(set().union(*lists))
        # The others are unknown: what they are sent is dropped.
        known = set(chance.sample(names, chance.randint(1, len(names))))
        numbers = {name: broker.attach(name).number for name in known}
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
    broker: Side,
) -> None:
    known = [f"id {number}" for number in range(10)]
    for client_id in known:
        broker.attach(client_id)
    for client_id in [*known, "late"]:
        broker.publish(client_id, "text")
    number = broker.attach("late").number
    for client_id in [*known, "late"]:
        broker.publish(client_id, "another")
    assert broker.replay("late", number - 1).texts == ("another",)
    owed = texts_of(broker)
    assert owed.pop("late") == ("another",)
    assert owed == dict.fromkeys(known, ("text", "another"))
