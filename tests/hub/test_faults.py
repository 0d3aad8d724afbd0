"""A fault of our own in a pass: it is logged, and no page misses a message."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NoReturn

import pytest

from channelshim.hub.connections import Connection, write_each
from tests.broker.receivers import random_lists
from tests.exploring import Cases, explored
from tests.hub.parts import House, Page

pytestmark = pytest.mark.usefixtures("brokers")


def fail(*args: object) -> NoReturn:
    raise LookupError("a fault for this test")


def errors_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]


@explored(100, 10_000)
def test_pages_get_what_lists_of_receivers_were_sent(cases: Cases) -> None:
    chance = cases.random()
    for _ in range(cases.count):
        lists = random_lists(chance)
        names = sorted(set().union(*lists))
        house = House()
        # Some have two pages, some a token and no page yet, some are not known at all.
        counts = [(name, chance.choice((0, 1, 1, 2))) for name in names]
        pages = [Page(name) for name, count in counts for _ in range(count)]
        for page in pages:
            house.attach(page)
        waiting = {name: house.broker.expect(name) for name in names[::3]}
        sent: dict[str, list[str]] = {name: [] for name in names}
        for number, client_ids in enumerate(lists):
            text = f"text {number}"
            for client_id in client_ids:
                house.broker.publish(client_id, text)
                sent[client_id].append(text)
            if chance.random() < 0.2:
                house.loop.run()
        house.loop.run()
        for page in pages:
            assert page.texts == sent[page.client_id], (page.client_id, lists)
        for name, number in waiting.items():
            assert list(house.replay(name, number).texts) == sent[name], lists


def test_when_comparing_fails_each_message_is_delivered_by_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house = House()
    pages = [house.attach(Page(name)) for name in "abcdef"]
    monkeypatch.setattr("channelshim.broker.waiting.parts_of", fail)
    for text in ("1", "2"):
        for page in pages:
            house.broker.publish(page.client_id, text)
    house.loop.run()
    assert [page.texts for page in pages] == [["1", "2"]] * 6
    assert len(errors_of(caplog)) == 1
    assert "please report it" in errors_of(caplog)[0]
    monkeypatch.undo()
    house.send("a", "3")
    assert pages[0].texts == ["1", "2", "3"]


@pytest.mark.parametrize("written", [0, 1, 3])
def test_pages_that_could_not_be_written_to_come_back_and_resume(
    written: int, caplog: pytest.LogCaptureFixture
) -> None:
    is_failing = True

    def write_some(
        connections: Sequence[Connection], frames: bytes
    ) -> Sequence[Connection]:
        if not is_failing:
            return write_each(connections, frames)
        for connection in connections[:written]:
            connection.write(frames)
        return fail()

    house = House(sender=write_some)
    pages = [house.attach(Page(name)) for name in ("a", "b", "c")]
    other = house.attach(Page("d"))
    for page in pages:
        house.broker.publish(page.client_id, "1")
    house.loop.run()
    assert len(errors_of(caplog)) == 1
    assert [page.end for page in pages] == ["come back"] * 3
    assert (other.end, other.is_attached) == ("", True)
    is_failing = False
    for page in pages[1:]:
        # What channel.js counts: each text that came.
        count = page.opened[-1] + len(page.texts)
        again = house.attach(Page(page.client_id, page.nonce), after=count)
        assert page.texts + again.texts == ["1"]
    # A page that is loaded anew has no number, and sees what may be lacking.
    reloaded = house.attach(Page("a", pages[0].nonce))
    assert reloaded.texts == ["1"]


def test_a_page_whose_write_fails_disturbs_no_other_delivery(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Page):
        def take(self, frames: bytes) -> None:
            fail()

        def come_back(self) -> None:
            fail()

    house = House()
    pages = [house.attach(page) for page in (Page("a"), Broken("b"), Page("c"))]
    for number, page in enumerate(pages):
        house.broker.publish(page.client_id, f"for {number}")
    house.loop.run()
    assert (pages[0].texts, pages[2].texts) == (["for 0"], ["for 2"])
    assert not pages[1].is_attached
    assert len(errors_of(caplog)) == 2
    number = house.broker.expect("b")
    assert house.replay("b", number - 1).texts == ("for 1",)
