"""What a page may send, and what that may cost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim import limits
from channelshim.hub.heartbeat import PING_INTERVAL_SECONDS
from channelshim.transports import incoming
from channelshim.transports.incoming import Incoming, IncomingFrame
from tests.server.plain_site import masked

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Page:
    """A page's frames, read at a time that the test sets."""

    def __init__(self) -> None:
        self.incoming = Incoming()
        self.now = 1000.0
        self.clock_readings = 0

    def time(self) -> float:
        self.clock_readings += 1
        return self.now

    def feed(self, data: bytes) -> list[IncomingFrame]:
        return list(self.incoming.feed(data, self.time))


FRAMES = st.sampled_from(
    [
        (masked(PONG), None),
        (masked(PONG, b"x" * 125), None),
        (masked(TEXT, b"hello"), None),
        (masked(TEXT, b"x" * 300), None),
        (masked(PING, b"are you there"), IncomingFrame(PING, b"are you there")),
        (masked(CLOSE, b"\x03\xe9bye"), IncomingFrame(CLOSE, b"", 1001)),
        (masked(CLOSE), IncomingFrame(CLOSE)),
    ]
)


@given(st.lists(FRAMES, max_size=30), st.data())
def test_frames_are_the_same_in_any_cut(
    sent: list[tuple[bytes, IncomingFrame | None]], data: st.DataObject
) -> None:
    whole = b"".join(frame for frame, _ in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    page = Page()
    read: list[IncomingFrame] = []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        read += page.feed(whole[start:end])
    assert read == [answer for _, answer in sent if answer is not None]
    assert page.incoming.failure == 0


@pytest.mark.parametrize(
    "frame",
    [masked(PONG), masked(TEXT, b"a"), masked(PING)],
    # The masks are random.
    ids=["pong", "text", "ping"],
)
def test_small_frames_are_few(frame: bytes) -> None:
    page = Page()
    page.incoming._spent_at = page.now
    most = incoming.INCOMING_BURST_BYTES // (len(frame) + incoming.INCOMING_FRAME_BYTES)
    read = page.feed(frame * 2 * most)
    assert page.incoming.failure == limits.CLOSE_POLICY
    assert len(read) <= most


def test_piece_longer_than_a_burst_is_not_looked_at() -> None:
    page = Page()
    assert page.feed(masked(PING) * (incoming.INCOMING_BURST_BYTES // 6 + 1)) == []
    assert page.incoming.failure == limits.CLOSE_POLICY


@given(st.lists(st.tuples(st.integers(0, 3000), st.floats(0, 2)), max_size=200))
def test_no_more_is_read_than_a_rate_allows(steps: list[tuple[int, float]]) -> None:
    """The theory of gateways.incoming."""
    page = Page()
    began, cost = page.now, 0
    for size, seconds in steps:
        page.now += seconds
        frame = masked(TEXT, b"x" * size)
        page.feed(frame)
        if page.incoming.failure:
            break
        cost += len(frame) + incoming.INCOMING_FRAME_BYTES
        earned = (page.now - began) * incoming.INCOMING_BYTES_PER_SECOND
        assert cost <= 2 * incoming.INCOMING_BURST_BYTES + earned


def test_page_that_answers_pings_is_read_for_ever() -> None:
    page = Page()
    for _ in range(10_000):
        page.now += PING_INTERVAL_SECONDS
        assert page.feed(masked(PONG)) == []
    assert page.incoming.failure == 0
    assert page.clock_readings < 20


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x05hello", limits.CLOSE_PROTOCOL_ERROR),
        (masked(TEXT, b"x" * 5000), limits.CLOSE_TOO_BIG),
    ],
)
def test_broken_frame_has_its_code(data: bytes, code: int) -> None:
    page = Page()
    assert page.feed(masked(PING, b"first") + data) == [IncomingFrame(PING, b"first")]
    assert page.incoming.failure == code
