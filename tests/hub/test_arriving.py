"""Connections that are being let in: the broker has not answered yet."""

from __future__ import annotations

import pytest

from channelshim import limits
from channelshim.errors import RemoteProtocolError
from tests.broker.delayed import DelayedBroker
from tests.hub.parts import GRACE_SECONDS, House, Page


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(House, "is_delayed", True)
    return House()


def arrive(house: House, page: Page, after: int | None = None) -> Page:
    """Open a page's connection; the broker is asked."""
    house.hub.attach(page, 0, after)
    assert page.opened == []
    return page


def lose(house: House) -> None:
    """Cut the broker off."""
    assert isinstance(house.broker, DelayedBroker)
    house.broker.lose()


def reach(house: House) -> None:
    """Reach the broker again."""
    assert isinstance(house.broker, DelayedBroker)
    house.broker.is_lost = False


def test_page_that_leaves_early_hears_nothing_and_leaves_nothing(house: House) -> None:
    page = arrive(house, Page("a"))
    assert house.hub.connection_count == 1
    house.hub.detach(page)
    house.hub.detach(page)
    assert house.hub.connection_count == 0
    house.loop.run(GRACE_SECONDS)
    assert (page.opened, page.texts, page.is_attached) == ([], [], False)
    # The broker had been asked: as one that came and went within the grace.
    assert house.reports.changes == [("connected", "a"), ("disconnected", "a")]
    assert house.hub._subscribers == {}
    assert house.hub._arriving == {}
    house.send("a", "to nobody")
    assert house.attach(Page("a"), after=0).texts == []


def test_page_that_leaves_early_and_comes_back_is_one_presence(house: House) -> None:
    for _ in range(3):
        house.hub.detach(arrive(house, Page("a")))
    page = house.attach(Page("a"))
    house.send("a", "1")
    house.loop.run(10 * GRACE_SECONDS)
    assert page.texts == ["1"]
    assert house.reports.changes == [("connected", "a")]


def test_stop_sends_arriving_pages_away(house: House) -> None:
    page = arrive(house, Page("a"))
    house.hub.stop()
    assert page.end == "come back"
    house.loop.run(1.0)
    assert page.opened == []
    assert house.hub.connection_count == 0


def test_arriving_pages_count_for_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(House, "is_delayed", True)
    house = House(maximum_connections=3, maximum_connections_per_client=2)
    for name in ("a", "a", "b"):
        arrive(house, Page(name))
    for name in ("a", "c"):
        with pytest.raises(RemoteProtocolError) as refused:
            house.hub.attach(Page(name), 0, None)
        assert refused.value.close_code == limits.CLOSE_TOO_MANY


def test_page_that_the_broker_cannot_let_in_is_told_to_come_back(house: House) -> None:
    assert isinstance(house.broker, DelayedBroker)
    house.broker.is_lost = True
    page = house.attach(Page("a"))
    assert (page.end, page.opened) == ("come back", [])
    assert house.hub.connection_count == 0
    reach(house)
    page = house.attach(Page("a"))
    house.send("a", "1")
    assert page.texts == ["1"]


def test_process_that_is_cut_off_sends_its_pages_away(house: House) -> None:
    page = house.attach(Page("a"))
    house.send("a", "1")
    arriving = arrive(house, Page("b"))
    lose(house)
    assert (page.end, arriving.end) == ("come back", "come back")
    assert house.hub.connection_count == 0
    # Others take the ids over: this process tells the app nothing.
    house.loop.run(10 * GRACE_SECONDS)
    assert ("disconnected", "a") not in house.reports.changes
    refused = house.attach(Page("a"), after=page.number)
    assert refused.end == "come back"
    reach(house)
    again = house.attach(Page("a"), after=page.number)
    house.send("a", "2")
    assert (again.end, again.texts) == ("", ["2"])


def test_poller_is_attached_anew_after_a_failure(house: House) -> None:
    assert isinstance(house.broker, DelayedBroker)
    house.broker.is_lost = True
    house.hub.lease("a", b"1", 10.0)
    house.loop.run()
    reach(house)
    house.hub.lease("a", b"1", 10.0)
    house.loop.run()
    assert house.reports.changes == [("connected", "a")]
    lose(house)
    reach(house)
    house.hub.lease("a", b"1", 10.0)
    house.loop.run()
    house.loop.run(20.0)
    assert house.reports.changes[-1] == ("disconnected", "a")


def test_messages_that_come_meanwhile_are_owed_once(house: House) -> None:
    number = house.broker.expect("a")
    other = house.attach(Page("a"), after=number)
    page = arrive(house, Page("a"), after=number)
    texts = [str(count) for count in range(20)]
    for text in texts:
        house.send("a", text)
    assert page.texts == other.texts == texts
    assert page.end == other.end == ""
