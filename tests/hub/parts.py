"""A hub without sockets: stepped time, and connections that write down what comes."""

from __future__ import annotations

from typing import Any, cast

from channelshim.broker.memory import MemoryBroker
from channelshim.hub.connections import Connection
from channelshim.hub.hub import Hub
from channelshim.hub.reports import PresenceReports
from tests.stepped_clock import SteppedClock, SteppedLoop

WINDOW_SECONDS = 42.0
GRACE_SECONDS = 2.0


class RecordedReports:
    """Takes the place of PresenceReports and writes down."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, str]] = []

    def connected(self, client_id: str) -> None:
        """See PresenceReports."""
        self.changes.append(("connected", client_id))

    def disconnected(self, client_id: str) -> None:
        """See PresenceReports."""
        self.changes.append(("disconnected", client_id))


class Page(Connection):
    """A connection that writes down what it is told.

    Attributes:
        opened: the number of each hello.
        texts: every text, in order.
        writes: how many writes carried them.
        end: how the hub ended it, "" while it is open.
        answers: whether it answers pings.
    """

    def __init__(
        self, client_id: str, nonce: bytes = b"token", expires_at: int = 1 << 40
    ) -> None:
        super().__init__(client_id, nonce, expires_at, self.take)
        self.opened: list[int] = []
        self.texts: list[str] = []
        self.frames = b""
        self.writes = 0
        self.end = ""
        self.answers = True
        self.pings = 0

    def open(self, number: int, owed: bytes) -> None:
        """See Connection."""
        self.opened.append(number)
        if owed:
            self.take(owed)

    def take(self, frames: bytes) -> None:
        """Stand in for the transport's write."""
        self.frames += frames
        self.writes += 1
        while frames:
            text, frames = cut_text(frames)
            self.texts.append(text)

    def expire(self) -> None:
        """See Connection."""
        self.end = "expired"

    def come_back(self) -> None:
        """See Connection."""
        self.end = "come back"

    def ping(self) -> bool:
        """See Connection."""
        self.pings += 1
        return True

    def has_answered(self) -> bool:
        """See Connection."""
        return self.answers

    def abort(self) -> None:
        """See Connection."""
        self.end = "dead"


def cut_text(frames: bytes) -> tuple[str, bytes]:
    """Return the text of the first frame, and what comes behind it."""
    assert frames[0] == 0x81
    length, start = frames[1], 2
    if length == 126:
        length, start = int.from_bytes(frames[2:4], "big"), 4
    elif length == 127:
        length, start = int.from_bytes(frames[2:10], "big"), 10
    return frames[start : start + length].decode("utf-8"), frames[start + length :]


class House:
    """Broker, hub and time, joined."""

    def __init__(self, **settings: Any) -> None:
        self.clock = SteppedClock()
        self.loop = SteppedLoop(self.clock)
        self.reports = RecordedReports()
        self.broker = MemoryBroker(self.clock, window_seconds=WINDOW_SECONDS)
        self.hub = Hub(
            self.broker,
            self.clock,
            cast(PresenceReports, self.reports),
            grace_seconds=GRACE_SECONDS,
            **settings,
        )
        self.hub.start(cast(Any, self.loop))

    def attach(
        self, page: Page, after: int | None = None, token_number: int = 0
    ) -> Page:
        """Open a page's connection and return it."""
        self.hub.attach(page, token_number, after)
        return page

    def send(self, client_id: str, *texts: str) -> None:
        """Send and let the loop turn."""
        for text in texts:
            self.broker.publish(client_id, text)
        self.loop.run()
