"""What the pages that show the channels are told."""

from __future__ import annotations

from typing import cast

import pytest

from channelshim.contracts.overview import KnownChannels, LivePage, Overview
from channelshim.hub.overview import LiveOverview
from tests.hub.parts import House, Page

pytestmark = pytest.mark.usefixtures("brokers")


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def overview(house: House) -> Overview:
    return LiveOverview(cast(KnownChannels, house.broker), house.hub)


def test_counts_say_what_is_known_and_what_was_written(
    house: House, overview: Overview
) -> None:
    for name in ("a", "a", "b"):
        house.attach(Page(name))
    house.broker.expect("c")
    for name in "abc":
        house.send(name, "text", "text")
    counts = overview.counts()
    assert (counts.known_ids, counts.connections) == (3, 3)
    assert counts.written == 6
    assert counts.kept_bytes > 8


def test_pages_of_an_id_are_listed_and_can_be_ended(
    house: House, overview: Overview
) -> None:
    page = house.attach(Page("a", b"nonce", 1 << 40))
    other = house.attach(Page("b"))
    house.send("a", "1")
    (shown,) = overview.pages("a")
    assert shown == LivePage(
        shown.key,
        "websocket",
        page.number,
        1 << 40,
        opened_at=house.clock.time(),
        user_agent="",
        sent_bytes=None,
        waiting_bytes=0,
    )
    assert overview.pages("nobody") == []
    overview.disconnect("a")
    overview.disconnect("nobody")
    house.loop.run()
    assert (page.end, other.end) == ("expired", "")
    assert overview.pages("a") == []
    (a, _) = overview.known_ids()
    assert (a.client_id, a.is_connected) == ("a", True)


def test_one_page_of_an_id_can_be_ended(house: House, overview: Overview) -> None:
    first, second = house.attach(Page("a")), house.attach(Page("a"))
    one, two = overview.pages("a")
    assert one.key != two.key
    overview.disconnect("a", two.key)
    overview.disconnect("a", "nothing")
    house.loop.run()
    assert (first.end, second.end) == ("", "expired")
    assert [page.key for page in overview.pages("a")] == [one.key]


def test_one_id_is_found(house: House, overview: Overview) -> None:
    house.attach(Page("a"))
    house.send("a", "text")
    found = overview.find("a")
    assert found is not None
    assert (found.client_id, found.kept_messages, found.kept_bytes) == ("a", 1, 4)
    assert found == next(iter(overview.known_ids()))
    assert overview.find("b") is None
