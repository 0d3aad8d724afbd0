"""A hub without sockets: stepped time, and connections that write down what comes."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, cast

from channelshim.broker.memory import MemoryBroker
from channelshim.contracts.broker import Broker, Replay
from channelshim.contracts.presence import Change
from channelshim.hub.connections import Connection
from channelshim.hub.hub import Hub
from tests.broker.delayed import DelayedBroker
from tests.stepped_clock import SteppedClock, SteppedLoop

WINDOW_SECONDS = 42.0
GRACE_SECONDS = 2.0


class RecordedReports:
    """Takes the place of PresenceReports and writes down."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, str]] = []

    def tell(self, client_id: str, what: Change) -> None:
        """See PresenceReports."""
        self.changes.append((what.value, client_id))


class Connected:
    """The journal of an earlier process, as far as it is read."""

    def __init__(self, client_ids: Sequence[str]) -> None:
        self._client_ids = client_ids

    def connected_client_ids(self) -> Sequence[str]:
        """See contracts.store.Journal."""
        return self._client_ids

    def note(self, connected: Iterable[str], disconnected: Iterable[str]) -> None:
        """See contracts.store.Journal."""


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
    """Broker, hub and time, joined.

    Args:
        connected: the client ids that an earlier process left connected.
        **settings: of the hub.

    Attributes:
        is_delayed: whether the broker answers later; the fixture `brokers` sets it.
    """

    is_delayed: ClassVar[bool] = False

    def __init__(self, connected: Sequence[str] = (), **settings: Any) -> None:
        self.clock = SteppedClock()
        self.loop = SteppedLoop(self.clock)
        self.reports = RecordedReports()
        self.broker: Broker = MemoryBroker(
            self.clock, journal=Connected(connected), window_seconds=WINDOW_SECONDS
        )
        if self.is_delayed:
            self.broker = DelayedBroker(self.broker, self._later, random.Random(0))
        self.hub = Hub(
            self.broker,
            self.clock,
            self.reports.tell,
            grace_seconds=GRACE_SECONDS,
            **settings,
        )
        self.hub.start(cast(Any, self.loop))

    def _later(self, call: Any) -> None:
        self.loop.call_later(0.0, call)

    def turn(self) -> None:
        """Let a broker that answers later do so."""
        if self.is_delayed:
            self.loop.run()

    def attach(
        self, page: Page, after: int | None = None, token_number: int = 0
    ) -> Page:
        """Open a page's connection and return it."""
        self.hub.attach(page, token_number, after)
        self.turn()
        return page

    def replay(self, client_id: str, after: int | None) -> Replay:
        """Return what the broker says."""
        found: list[Replay] = []
        self.hub.replay(client_id, after, found.append, lambda error: None)
        self.turn()
        return found[0]

    def send(self, client_id: str, *texts: str) -> None:
        """Send and let the loop turn."""
        for text in texts:
            self.broker.publish(client_id, text)
        self.loop.run()
