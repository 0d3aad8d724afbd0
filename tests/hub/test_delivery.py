"""Who gets what, from which number on, and in how many writes."""

from __future__ import annotations

import sys
from typing import Any, cast

import pytest

from channelshim import limits
from channelshim.errors import RemoteProtocolError
from channelshim.hub.connections import FrameCache
from channelshim.hub.pacing import Pacing
from channelshim.protocol.presence import MAXIMUM_TOKEN_POSITIONS
from tests.hub.parts import House, Page

pytestmark = pytest.mark.usefixtures("brokers")


@pytest.fixture
def house() -> House:
    return House()


def test_every_connection_of_an_id_gets_every_message(house: House) -> None:
    tabs = [house.attach(Page("a", nonce)) for nonce in (b"1", b"1", b"2")]
    other = house.attach(Page("b"))
    house.send("a", "1", "2")
    assert [tab.texts for tab in tabs] == [["1", "2"]] * 3
    assert other.texts == []


def test_a_page_that_comes_back_gets_what_it_missed_once_and_in_order(
    house: House,
) -> None:
    page = house.attach(Page("a"))
    house.send("a", "1")
    house.hub.detach(page)
    house.send("a", "2", "3")
    again = house.attach(Page("a"), after=page.number)
    house.send("a", "4")
    assert page.texts + again.texts == ["1", "2", "3", "4"]
    assert again.opened == [page.number]


def test_an_after_ahead_of_the_counter_means_from_now(house: House) -> None:
    page = house.attach(Page("a"))
    house.send("a", "1")
    ahead = house.attach(Page("a"), after=page.number + 1000)
    assert (ahead.opened, ahead.texts) == ([page.number], [])
    house.send("a", "2")
    assert ahead.texts == ["2"]


def test_an_after_older_than_the_window_shows_the_gap(house: House) -> None:
    page = house.attach(Page("a"))
    start = page.number
    house.send("a", "1", "2")
    house.loop.run(100)
    house.send("a", "3")
    again = house.attach(Page("a"), after=start)
    assert (again.opened, again.texts) == ([start + 2], ["3"])


def test_messages_between_create_channel_and_connect_arrive(house: House) -> None:
    number = house.broker.expect("a")
    house.send("a", "early")
    page = house.attach(Page("a"), token_number=number)
    assert page.texts == ["early"]
    assert page.opened == [number]


def test_a_token_that_was_written_to_already_goes_on_from_there(house: House) -> None:
    number = house.broker.expect("a")
    page = house.attach(Page("a", b"same"), token_number=number)
    house.send("a", "1")
    # A second tab of the page, with the same token and no number of its own.
    second = house.attach(Page("a", b"same"), token_number=number)
    assert second.texts == []
    for one in (page, second):
        house.hub.detach(one)
    house.send("a", "2")
    again = house.attach(Page("a", b"same"), token_number=number)
    assert again.texts == ["2"]
    fresh = house.attach(Page("a", b"other"), token_number=number)
    assert fresh.texts == ["1", "2"]


def test_remembered_tokens_are_bounded_newest_kept(house: House) -> None:
    house.attach(Page("a"))
    for number in range(MAXIMUM_TOKEN_POSITIONS + 5):
        house.hub.note_position("a", b"%d" % number, number + 1)
    assert house.hub.position("a", b"0", 0) == 0
    last = MAXIMUM_TOKEN_POSITIONS + 4
    assert house.hub.position("a", b"%d" % last, 0) == last + 1


def test_one_wake_up_however_many_are_sent_to(house: House) -> None:
    pages = [house.attach(Page(f"id{n}")) for n in range(200)]
    for page in pages:
        house.broker.publish(page.client_id, "text")
    house.loop.run()
    assert house.loop.wake_ups == 1
    assert all(page.texts == ["text"] for page in pages)


def test_one_write_per_connection_per_pass(house: House) -> None:
    pages = [house.attach(Page(f"id{n % 50}")) for n in range(100)]
    for number in range(10):
        for client in range(50):
            house.broker.publish(f"id{client}", str(number))
    house.loop.run()
    assert {page.writes for page in pages} == {1}
    assert all(page.texts == [str(n) for n in range(10)] for page in pages)


def test_one_frame_for_equal_texts_also_of_pages_that_have_just_resumed(
    house: House,
) -> None:
    pages = [house.attach(Page(f"id{n}")) for n in range(100)]
    for page in pages[:30]:
        house.hub.detach(page)
    for page in pages:
        house.broker.publish(page.client_id, "equal text")
    house.loop.run()
    resumed = [house.attach(Page(p.client_id), after=p.number) for p in pages[:30]]
    assert all(page.texts == ["equal text"] for page in [*resumed, *pages[30:]])
    assert house.hub.frames.built == 1


def test_who_attaches_while_a_message_is_on_its_way_gets_it_once(house: House) -> None:
    number = house.broker.expect("a")
    early = house.attach(Page("a"), after=number)
    house.broker.publish("a", "1")
    late = house.attach(Page("a"), after=number)
    house.broker.publish("a", "2")
    house.loop.run()
    assert early.texts == late.texts == ["1", "2"]


def test_a_number_that_was_skipped_is_never_passed_over_in_silence(
    house: House,
) -> None:
    page = house.attach(Page("a"))
    house.broker.publish("a", "1")
    # As after a loss in the broker: the hub must not hide it from the page.
    page.number -= 5
    house.loop.run()
    assert page.end == "come back"
    assert not page.is_attached


def test_a_reader_that_is_dropped_in_a_pass_disturbs_no_other(house: House) -> None:
    class Slow(Page):
        def take(self, frames: bytes) -> None:
            house.hub.detach(self)

    pages = [Page("a"), Slow("a"), Page("a")]
    for page in pages:
        house.attach(page)
    house.send("a", "1", "2")
    assert pages[0].texts == pages[2].texts == ["1", "2"]
    assert not pages[1].is_attached


def test_a_reader_that_could_not_take_a_write_is_owed_it_again(house: House) -> None:
    class Slow(Page):
        def take(self, frames: bytes) -> None:
            house.hub.detach(self)

    number = house.broker.expect("a")
    slow = house.attach(Slow("a", b"token"), after=number)
    other = house.attach(Page("a", b"other"), after=number)
    house.send("a", "1", "2")
    assert not slow.is_attached
    # Loaded anew, with the same token and without a number of its own.
    again = house.attach(Page("a", b"token"), token_number=number)
    assert again.texts == other.texts


class Handlers(Pacing):
    """Says what a test wants about the handlers that run."""

    def __init__(self) -> None:
        super().__init__()
        self.sender: Any = "handler"
        self.in_hand = {"handler"}

    def current(self) -> Any:
        return self.sender

    def is_sending(self, handler: Any) -> bool:
        return handler in self.in_hand


def house_with(handlers: Handlers, last_pass_seconds: float) -> House:
    house = House(pacing=handlers)
    house.hub._passes.last_seconds = last_pass_seconds
    return house


def test_a_pass_is_put_off_while_its_sender_runs_but_no_message_is() -> None:
    house = house_with(Handlers(), last_pass_seconds=0.03)
    page = house.attach(Page("a"))
    house.broker.publish("a", "1")
    house.loop.run()
    house.broker.publish("a", "2")
    house.loop.run(0.02)
    assert page.texts == []
    house.loop.run(0.02)
    assert page.texts == ["1", "2"]
    assert page.writes == 1
    assert house.loop.wake_ups == 1


def test_a_pass_is_put_off_no_longer_than_its_sender_runs() -> None:
    handlers = Handlers()
    house = house_with(handlers, last_pass_seconds=0.03)
    page = house.attach(Page("a"))
    house.broker.publish("a", "1")
    house.loop.run()
    handlers.in_hand.add("another")
    handlers.finish(cast(Any, "handler"))
    assert page.texts == []
    handlers.in_hand.remove("handler")
    handlers.finish(cast(Any, "handler"))
    assert page.texts == ["1"]
    handlers.finish(cast(Any, "handler"))
    house.send("a", "2")
    house.loop.run(1)
    assert (page.texts, page.writes) == (["1", "2"], 2)


def test_a_message_from_outside_of_handlers_waits_for_none() -> None:
    handlers = Handlers()
    house = house_with(handlers, last_pass_seconds=0.03)
    page = house.attach(Page("a"))
    handlers.sender = None
    house.send("a", "1")
    assert page.texts == ["1"]


def test_a_pass_is_put_off_within_the_bound_of_the_setting() -> None:
    house = House(pause_seconds=0.01, pacing=Handlers())
    house.hub._passes.last_seconds = 30
    page = house.attach(Page("a"))
    house.broker.publish("a", "1")
    house.loop.run(0.011)
    assert page.texts == ["1"]


def test_a_long_pass_gives_the_interpreter_back(house: House) -> None:
    usual = sys.getswitchinterval()
    pages = [house.attach(Page(f"id{n}")) for n in range(300)]
    for page in pages:
        house.broker.publish(page.client_id, "text")
    house.loop.run()
    assert all(page.texts == ["text"] for page in pages)
    assert sys.getswitchinterval() == usual


def test_too_many_connections_are_refused_and_told_how(house: House) -> None:
    house = House(maximum_connections=3, maximum_connections_per_client=2)
    house.attach(Page("a"))
    kept = house.attach(Page("a"))
    with pytest.raises(RemoteProtocolError) as refused:
        house.attach(Page("a"))
    assert refused.value.close_code == limits.CLOSE_TOO_MANY
    house.attach(Page("b"))
    with pytest.raises(RemoteProtocolError):
        house.attach(Page("c"))
    assert house.hub.connection_count == 3
    assert ("connected", "c") not in house.reports.changes
    house.hub.detach(kept)
    house.attach(Page("c"))


def test_stop_delivers_first_and_sends_everyone_to_come_back(house: House) -> None:
    page = house.attach(Page("a"))
    house.broker.publish("a", "last")
    house.turn()
    house.hub.stop()
    assert page.texts == ["last"]
    assert page.end == "come back"
    assert house.hub.connection_count == 0
    with pytest.raises(RemoteProtocolError) as refused:
        house.attach(Page("b"))
    assert refused.value.close_code == limits.CLOSE_COME_BACK
    # Nobody is reported gone: the pages are on their way back.
    house.hub.detach(page)
    house.loop.run(1000)
    assert house.reports.changes == [("connected", "a")]


def test_frames_are_cached_within_bounds() -> None:
    cache = FrameCache()
    for number in range(5000):
        cache.frame(str(number))
    assert len(cache._frames) <= 1024
    for number in range(500):
        cache.frame(f"{number} " + "x" * limits.MAXIMUM_MESSAGE_LENGTH)
    assert cache._bytes <= (4 << 20) + 2 * limits.MAXIMUM_MESSAGE_LENGTH


def test_sending_after_the_loop_has_gone_is_no_error(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise RuntimeError("Event loop is closed")

    house.attach(Page("a"))
    monkeypatch.setattr(house.loop, "call_soon_threadsafe", closed)
    house.broker.publish("a", "too late")
