"""Presence, leases and the ends of tokens: what the hub does as time passes."""

from __future__ import annotations

import pytest

from tests.hub.parts import GRACE_SECONDS, House, Page

pytestmark = pytest.mark.usefixtures("brokers")


@pytest.fixture
def house() -> House:
    return House()


def test_tabs_of_one_id_are_one_presence(house: House) -> None:
    tabs = [house.attach(Page("a")) for _ in range(3)]
    for tab in tabs:
        house.hub.detach(tab)
        house.hub.detach(tab)
    assert house.reports.changes == [("connected", "a")]
    house.loop.run(GRACE_SECONDS)
    assert house.reports.changes == [("connected", "a"), ("disconnected", "a")]


def test_a_reload_within_the_grace_is_not_reported(house: House) -> None:
    page = house.attach(Page("a"))
    house.hub.detach(page)
    house.loop.run(GRACE_SECONDS - 0.1)
    house.attach(Page("a"))
    house.loop.run(100)
    assert house.reports.changes == [("connected", "a")]


def test_each_id_has_a_grace_of_its_own(house: House) -> None:
    a, b = house.attach(Page("a")), house.attach(Page("b"))
    house.hub.detach(a)
    house.loop.run(1.0)
    house.hub.detach(b)
    house.loop.run(1.0)
    assert house.reports.changes[2:] == [("disconnected", "a")]
    house.loop.run(1.0)
    assert house.reports.changes[3:] == [("disconnected", "b")]


def test_an_earlier_deadline_is_not_slept_through(house: House) -> None:
    house.hub.lease("poller", b"1", 60.0)
    page = house.attach(Page("a"))
    house.hub.detach(page)
    house.loop.run(GRACE_SECONDS)
    assert house.reports.changes[2:] == [("disconnected", "a")]
    house.loop.run(60.0)
    assert house.reports.changes[3:] == [("disconnected", "poller")]


def test_a_poller_is_connected_as_long_as_its_lease(house: House) -> None:
    for _ in range(5):
        house.hub.lease("a", b"1", 10.0)
        house.loop.run(9.0)
    assert house.reports.changes == [("connected", "a")]
    house.hub.release("a", b"1")
    house.loop.run(GRACE_SECONDS)
    assert house.reports.changes[1:] == [("disconnected", "a")]


def test_messages_in_the_grace_wait_for_the_page(house: House) -> None:
    page = house.attach(Page("a"))
    house.hub.detach(page)
    house.loop.run(1.0)
    house.send("a", "in the grace")
    assert house.attach(Page("a"), after=page.number).texts == ["in the grace"]


def test_nothing_is_kept_for_an_id_that_has_gone(house: House) -> None:
    page = house.attach(Page("a"))
    house.hub.detach(page)
    house.loop.run(GRACE_SECONDS)
    house.send("a", "to nobody")
    assert house.attach(Page("a"), after=page.number).texts == []
    assert len(house.hub._positions) == 0


def test_a_token_that_ends_ends_its_live_connection(house: House) -> None:
    ends = int(house.clock.time()) + 90
    page = house.attach(Page("a", b"short", ends))
    longer = house.attach(Page("a", b"long", ends + 3600))
    house.loop.run(89.0)
    assert page.end == ""
    house.loop.run(1.5)
    assert page.end == "expired"
    assert longer.end == ""
    house.loop.run(3600.0)
    assert longer.end == "expired"


def test_a_clock_that_is_set_back_gives_the_token_its_time(house: House) -> None:
    page = house.attach(Page("a", b"short", int(house.clock.time()) + 10))
    house.clock.set_back(30)
    house.loop.run(20.0)
    assert page.end == ""
    house.loop.run(20.0)
    assert page.end == "expired"


def test_a_page_that_has_gone_before_its_token_ends_is_left_alone(house: House) -> None:
    page = house.attach(Page("a", b"short", int(house.clock.time()) + 10))
    house.hub.detach(page)
    house.loop.run(20.0)
    assert page.end == ""


def test_ids_of_an_earlier_process_are_reported_unless_they_come_back() -> None:
    house = House(["back", "gone"])
    house.send("back", "sent meanwhile")
    house.attach(Page("back"))
    house.loop.run(5.0)
    assert house.reports.changes == [("disconnected", "gone")]
    house.loop.run(100.0)
    assert house.reports.changes == [("disconnected", "gone")]
