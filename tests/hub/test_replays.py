"""What a page has missed comes in pieces, as it takes them, and new messages behind."""

from __future__ import annotations

import pytest

from channelshim.hub import connections
from tests.hub.parts import WINDOW_SECONDS, House, Page

pytestmark = pytest.mark.usefixtures("brokers")


class SlowPage(Page):
    """A page whose reader is behind for as long as the test says."""

    is_slow = True

    def takes_more(self) -> bool:
        """See Connection."""
        return not self.is_slow


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two texts of ten characters, with their heads.
    monkeypatch.setattr(connections, "REPLAY_PIECE_BYTES", 24)


@pytest.fixture
def house() -> House:
    return House()


def texts(count: int, start: int = 0) -> list[str]:
    return [f"{number:010d}" for number in range(start, start + count)]


def missed(house: House, count: int) -> int:
    """Send so much to a page that is not there yet; return the number before it."""
    number = house.broker.expect("ann")
    for text in texts(count):
        house.broker.publish("ann", text)
    house.loop.run()
    return number


def go_on(house: House, page: SlowPage) -> None:
    page.is_slow = False
    house.hub.catch_up(page)
    house.loop.run()


def test_replay_comes_piece_by_piece_in_turns(house: House) -> None:
    number = missed(house, 7)
    page = house.attach(Page("ann"), number)
    house.loop.run()
    assert page.opened == [number]
    assert page.texts == texts(7)
    assert page.writes == 4


def test_page_that_is_behind_holds_one_piece_and_no_more(house: House) -> None:
    number = missed(house, 7)
    page = SlowPage("ann")
    house.attach(page, number)
    house.send("ann", *texts(3, 7))
    house.loop.run()
    assert page.texts == texts(2)
    assert page.number == number + 2
    go_on(house, page)
    assert page.texts == texts(10)
    house.send("ann", "now")
    assert page.texts[-1] == "now"
    assert page.opened == [number]


def test_calls_while_there_is_nothing_to_catch_up_do_nothing(house: House) -> None:
    page = house.attach(Page("ann"))
    house.hub.catch_up(page)
    house.send("ann", "once")
    house.hub.catch_up(page)
    house.loop.run()
    assert page.texts == ["once"]


def test_page_that_is_slower_than_its_window_comes_back(house: House) -> None:
    number = missed(house, 7)
    page = SlowPage("ann")
    house.attach(page, number)
    house.loop.run(WINDOW_SECONDS + 1)
    house.send("ann", "new")
    go_on(house, page)
    assert page.end == "come back"
    assert page.texts == texts(2)
    back = house.attach(Page("ann"), page.number)
    house.loop.run()
    assert back.texts == ["new"]
    # The gap shows.
    assert back.opened == [number + 7]


def test_page_that_leaves_meanwhile_is_forgotten(house: House) -> None:
    number = missed(house, 7)
    page = SlowPage("ann")
    house.attach(page, number)
    assert house.hub.connections_of("ann") == (page,)
    house.hub.detach(page)
    go_on(house, page)
    assert page.texts == texts(2)
    assert house.hub.connections_of("ann") == ()
    assert house.hub.connection_count == 0


def test_one_that_catches_up_counts_and_holds_up_no_other(house: House) -> None:
    number = missed(house, 7)
    slow = SlowPage("ann")
    house.attach(slow, number)
    quick = house.attach(Page("ann"), number)
    house.loop.run()
    house.send("ann", "to both")
    assert quick.texts == [*texts(7), "to both"]
    assert house.hub.connection_count == 2
    assert set(house.hub.connections_of("ann")) == {slow, quick}
    go_on(house, slow)
    assert slow.texts == quick.texts


def test_stop_tells_those_that_catch_up_too(house: House) -> None:
    number = missed(house, 7)
    page = SlowPage("ann")
    house.attach(page, number)
    house.hub.stop()
    assert page.end == "come back"
    go_on(house, page)
    assert page.texts == texts(2)


def test_position_of_its_token_is_what_it_was_given(house: House) -> None:
    number = missed(house, 7)
    page = SlowPage("ann", nonce=b"same")
    house.attach(page, number)
    assert house.hub.position("ann", b"same", number) == number + 2
    house.hub.detach(page)
    assert house.hub.position("ann", b"same", number) == number + 2
