"""The broker: messages between processes, their numbers and windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Replay:
    """What a connection is owed when it attaches.

    Attributes:
        number: the number of the last message before `texts`.
        texts: the messages after it, oldest first.
    """

    number: int
    texts: tuple[str, ...]

    @property
    def last_number(self) -> int:
        """Return the number of the last of texts, or number when there is none."""
        return self.number + len(self.texts)


class Channel:
    """A known client id, as broker and hub share it: one look-up serves both.

    Attributes:
        client_id: whose messages these are.
        number: the number of the last message collected; the broker's.
        connections: this process's connections, in the order of their coming; the
            hub's, and nobody else looks at them.
    """

    __slots__ = ("client_id", "connections", "number")

    def __init__(self, client_id: str, number: int) -> None:
        self.client_id = client_id
        self.number = number
        self.connections: tuple[Any, ...] = ()


class Delivery(NamedTuple):
    """New messages, and every channel that they are for.

    Attributes:
        texts: at least one, oldest first.
        channels: each was sent just these since the last collect; the number of each
            is that of the last of texts.
    """

    texts: tuple[str, ...]
    channels: Sequence[Channel]


class Broker(Protocol):
    """Messages between processes, their numbers and windows, who is connected where.

    Numbers are per client id, one more for each message, and never go back: they
    start at the clock in microseconds when the id becomes known. A message is numbered
    and put in the window at once, whether or not anyone is connected, as long as the id
    is *known*: expected, connected or in grace. For an unknown id it is dropped.
    """

    def publish(self, client_id: str, text: str) -> None:
        """Send text to every connection of client_id.

        Any thread. Never blocks on a reader, never raises for an absent one. Messages
        of one thread keep their order.
        """

    def expect(self, client_id: str) -> int:
        """Make client_id known for a window's length; return its current number.

        Any thread. Messages published before this call have numbers up to the one
        returned, messages published after it have higher ones.
        """

    def connect(self, client_id: str) -> Channel:
        """Keep client_id known until `disconnect`; return its channel, until then.

        Idempotent per process.
        """

    def disconnect(self, client_id: str) -> None:
        """End what `connect` began: client_id's window is dropped unless expected."""

    def replay(self, client_id: str, after: int | None) -> Replay:
        """Return what comes after message number `after`.

        None, or a number ahead of the counter, means from now: no texts. A number
        older than the window means what is left, and `number` shows the gap.
        """

    def collect(self) -> Sequence[Delivery]:
        """Return what was published since the last call, one delivery for equal texts.

        Loop thread only. Each message is returned once, and each channel stands in one
        delivery; order within a channel is kept.
        """

    def settle(self) -> None:
        """Do the bookkeeping that `collect` has put off. Loop thread.

        Called once the deliveries are written; a replay that is asked for earlier
        is right all the same.
        """

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Have `wake` called, from any thread, when `collect` has something.

        At most one call between two `collect` calls, however much was published.
        """

    def save(self) -> bytes:
        """Return the windows as bytes that `load` of a later process takes."""

    def load(self, saved: bytes) -> None:
        """Take over the windows of an earlier process; expired ones are left out."""
