"""The log says which pages come and go."""

from __future__ import annotations

import logging

import pytest

from tests.hub.parts import House, Page

pytestmark = pytest.mark.usefixtures("brokers")


@pytest.fixture
def house() -> House:
    return House()


class Poll(Page):
    """One request of a poller."""

    transport_name = ""


def test_page_is_one_line_when_it_comes_and_one_when_it_goes(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "channelshim.hub")
    first, second = house.attach(Page("ann")), house.attach(Page("ann"))
    house.hub.detach(second)
    house.hub.detach(second)
    house.hub.detach(first)
    assert caplog.messages == [
        "page 1: ann connected by websocket",
        "page 2: ann connected by websocket",
        "page 2: ann disconnected, by websocket",
        "page 1: ann disconnected, by websocket",
    ]


def test_poller_is_one_page_however_often_it_polls(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "channelshim.hub")
    for nonce in (b"one", b"two"):
        for _ in range(3):
            poll = house.attach(Poll("ann", nonce))
            house.hub.lease("ann", nonce, 10.0)
            house.hub.detach(poll)
    house.hub.lease("bob", b"three", 2.0, "dev")
    house.hub.release("ann", b"one")
    house.hub.release("ann", b"one")
    house.loop.run(20.0)
    assert caplog.messages == [
        "page 1: ann connected by poll",
        "page 2: ann connected by poll",
        "page 3: bob connected by dev",
        "page 1: ann disconnected, by poll",
        "page 3: bob disconnected, by dev",
        "page 2: ann disconnected, by poll",
    ]


def test_stop_sends_pages_away(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "channelshim.hub")
    house.attach(Page("ann"))
    house.hub.stop()
    assert caplog.messages[1:] == ["page 1: ann disconnected, by websocket"]


@pytest.mark.parametrize(
    "hostile", ["\n", "\r", "\x1b[31m", "\u2028", "\u202e", "\x9b", "\ud800"]
)
def test_ids_make_no_lines_and_speak_to_no_terminal(
    house: House, caplog: pytest.LogCaptureFixture, hostile: str
) -> None:
    caplog.set_level(logging.INFO, "channelshim.hub")
    house.attach(Page(f"ann{hostile}CRITICAL forged"))
    (line,) = caplog.messages
    assert line.isprintable()
    line.encode("utf-8")


def test_nothing_is_kept_for_lines_that_nobody_reads(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "channelshim.hub")
    page = house.attach(Page("ann"))
    house.hub.lease("ann", b"one", 10.0)
    caplog.set_level(logging.INFO, "channelshim.hub")
    house.hub.detach(page)
    house.hub.release("ann", b"one")
    assert caplog.messages == []


def test_pollers_that_are_remembered_are_bounded(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "channelshim.hub")
    for number in range(1000):
        house.hub.lease("ann", b"%d" % number, 10.0)
        assert len(house.hub._page_log._pollers["ann"]) <= 64
    house.loop.run(20.0)
    assert sum(map(len, house.hub._page_log._pollers.values())) == 0
    assert caplog.text.count("disconnected") == 1000
