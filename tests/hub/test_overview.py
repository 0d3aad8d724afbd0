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
    assert overview.pages("a") == [LivePage("websocket", page.number, 1 << 40)]
    assert overview.pages("nobody") == []
    overview.disconnect("a")
    overview.disconnect("nobody")
    house.loop.run()
    assert (page.end, other.end) == ("expired", "")
    assert overview.pages("a") == []
    (a, _) = overview.known_ids()
    assert (a.client_id, a.is_connected) == ("a", True)
