"""Many sends in one call of the kernel: what it takes, and what it leaves."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import cast

import pytest
from websockets.sync.client import ClientConnection

from channelshim.kernel import io_uring
from channelshim.kernel.io_uring import SendRing, send_word
from channelshim.transports.ring_sender import RingSender
from tests.hub.parts import House, Page
from tests.lines import connect
from tests.server.plain_site import PATIENCE_SECONDS, PlainSite

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def ring() -> Iterator[SendRing]:
    try:
        ring = SendRing(8)
    except OSError as error:
        pytest.skip(f"this kernel lets us have no io_uring: {error}")
    yield ring
    ring.close()


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    with ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(21)]
        for ours, theirs in pairs:
            ours.setblocking(False)
            stack.enter_context(ours)
            stack.enter_context(theirs)
        yield pairs


def words(pairs: list[Pair]) -> list[int]:
    return [send_word(ours.fileno()) for ours, _ in pairs]


def test_all_get_all_however_often_the_queue_begins_anew(
    ring: SendRing, pairs: list[Pair]
) -> None:
    chance = random.Random(1)
    for turn in range(500):
        chosen = chance.sample(pairs, chance.randrange(1, len(pairs)))
        data = b"turn %d" % turn
        assert ring.send(words(chosen), data) == []
        for _, theirs in chosen:
            assert theirs.recv(100) == data
    for _, theirs in pairs:
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)


def test_what_a_full_socket_does_not_take_is_told(
    ring: SendRing, pairs: list[Pair]
) -> None:
    full = pairs[9][0]
    with suppress(BlockingIOError):
        while True:
            full.send(b"x" * 65536)
    assert ring.send(words(pairs), b"text") == [(9, 0)]

    long = b"y" * 1_000_000
    short = ring.send(words(pairs), long)
    assert [index for index, _ in short] == list(range(21))
    for index, taken in short:
        assert 0 <= taken < len(long)
        if index != 9:
            received = b""
            while len(received) < 4 + taken:
                received += pairs[index][1].recv(1 << 20)
            assert received == b"text" + long[:taken]


def test_a_broken_or_closed_socket_disturbs_no_other(
    ring: SendRing, pairs: list[Pair]
) -> None:
    given = words(pairs)
    pairs[3][1].close()
    pairs[12][0].close()
    assert ring.send(given, b"text") == [(3, 0), (12, 0)]
    others = [pair for index, pair in enumerate(pairs) if index not in (3, 12)]
    assert {theirs.recv(10) for _, theirs in others} == {b"text"}


def test_kernel_that_has_none_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(io_uring, "_SYS_SETUP", 99_999)
    with pytest.raises(OSError, match="not implemented"):
        SendRing()


# --- Pages ----------------------------------------------------------------------------


class RingPage(Page):
    """A page as the acceptor sees it: with a socket that nothing waits for."""

    def __init__(self, client_id: str) -> None:
        super().__init__(client_id)
        self.send_word = send_word(7)


class BrokenRing:
    """A ring of which nobody knows who has got what."""

    def send(self, words: list[int], data: bytes) -> list[tuple[int, int]]:
        """Fail."""
        raise OSError("sends without an answer")

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def sender() -> RingSender:
    return RingSender()


@pytest.fixture
def house(sender: RingSender) -> House:
    return House(sender=sender)


def test_without_it_each_page_is_written_to(
    house: House, sender: RingSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(io_uring, "_SYS_SETUP", 99_999)
    sender.open()
    assert not sender.is_open
    pages = [house.attach(RingPage("a")) for _ in range(5)]
    house.send("a", "text")
    assert [page.texts for page in pages] == [["text"]] * 5
    sender.close()


def test_who_has_no_socket_is_written_to(house: House, sender: RingSender) -> None:
    sent: list[tuple[list[int], bytes]] = []

    class Ring(BrokenRing):
        def send(self, words: list[int], data: bytes) -> list[tuple[int, int]]:
            sent.append((words, data))
            return [(1, 2)]

    sender._ring = cast(SendRing, Ring())
    polls = [house.attach(Page("a")) for _ in range(3)]
    pages = [house.attach(RingPage("a")) for _ in range(3)]
    wrote: list[bytes] = []
    pages[1].write = wrote.append
    house.send("a", "text")
    assert [poll.texts for poll in polls] == [["text"]] * 3
    assert sent == [([send_word(7)] * 3, polls[0].frames)]
    # One took two bytes: the rest goes through its transport.
    assert wrote == [polls[0].frames[2:]]


def test_when_it_fails_the_pages_come_back_and_it_is_used_no_more(
    house: House, sender: RingSender
) -> None:
    sender._ring = cast(SendRing, BrokenRing())
    pages = [house.attach(RingPage("a")) for _ in range(4)]
    others = [house.attach(RingPage("b")) for _ in range(2)]
    house.send("a", "text")
    assert [page.end for page in pages] == ["dead"] * 4
    house.send("b", "text")
    again = [house.attach(RingPage("a"), after=page.number - 1) for page in pages]
    house.send("a", "next")
    assert [page.texts for page in others] == [["text"]] * 2
    assert [page.texts for page in again] == [["text", "next"]] * 4


def test_no_page_gets_what_was_for_one_that_has_gone(site: PlainSite) -> None:
    # Descriptors are used again at once: a stale one would be a page of another id.
    chance = random.Random(2)
    groups = [f"group {number}" for number in range(3)]
    with ExitStack() as stack:

        def opened(group: str) -> tuple[str, ClientConnection]:
            line = connect(site.socket_url(site.token(group)))
            page = stack.enter_context(line)
            page.recv(PATIENCE_SECONDS)
            return group, page

        pages = [opened(group) for group in groups for _ in range(3)]
        for turn in range(60):
            _, left = pages.pop(chance.randrange(len(pages)))
            if chance.random() < 0.5:
                left.close()
            else:
                left.socket.shutdown(socket.SHUT_RDWR)
            pages.append(opened(chance.choice(groups)))
            for group in groups:
                site.send(group, f"{group}, turn {turn}")
            for group, page in pages:
                assert page.recv(PATIENCE_SECONDS) == f"{group}, turn {turn}"
