"""The broker: messages between processes, their numbers and windows, and presence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from channelshim.contracts.presence import Change, Tell
from channelshim.errors import BrokerError


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


Subscriber = Collection[Any]
"""What a process hands to `attach` for a client id: its connections. The broker keeps
it and hands it back with each delivery, and does not look inside."""


class Receiver(Protocol):
    """A client id in a delivery. Valid until the next call of the broker."""

    @property
    def client_id(self) -> str:
        """Return whose messages these are."""

    @property
    def number(self) -> int:
        """Return the number of the last text of the delivery."""

    @property
    def subscriber(self) -> Subscriber:
        """Return what the latest `attach` handed over; empty while none has."""


class Delivery(NamedTuple):
    """New messages, and every client id that they are for.

    Attributes:
        texts: oldest first. None where messages are lost for good, as when a broker's
            server lost them: the number then goes on without them.
        receivers: each was sent just these since the last collect.
    """

    texts: tuple[str, ...]
    receivers: Sequence[Receiver]


class Attachment(Protocol):
    """An `attach` that has been asked for."""

    def cancel(self) -> None:
        """Have neither `opened` nor `failed` called: the page has left. Idempotent."""


class MessageSender(Protocol):
    """What the Channel service asks of a broker, wherever that is."""

    def publish(self, client_id: str, text: str) -> None:
        """See Broker."""

    def expect(self, client_id: str) -> int:
        """See Broker."""


class Broker(Protocol):
    """Messages between processes, their numbers and windows, who is connected where.

    Numbers are per client id, one more for each message, and never go back: they
    start at the clock in microseconds when the id becomes known. A message is numbered
    and put in the window at once, whether or not anyone is connected, as long as the id
    is *known*: expected, or connected to a process. For an unknown id it is dropped.

    Answers come as calls on the loop's thread: before the question returns where the
    answer is in this process, later where it is elsewhere. Questions about one client
    id are answered in the order in which they were asked; one that cannot be answered
    fails within seconds. After `stop` nothing is called any more.
    """

    def start(
        self,
        deliver: Callable[[], None],
        tell: Tell,
        adopt: Callable[[Sequence[str]], None],
        lost: Callable[[], None],
    ) -> None:
        """Begin. Once, on the running loop's thread, before the first `attach`.

        `publish` and `expect` may come earlier.

        Args:
            deliver: called, from any thread, when `collect` has something; at most once
                between two collects, however much was published.
            tell: tells the app of a change, and `told` answers. Called in one process
                alone for each change, in order for each id; any thread.
            adopt: called with ids of a process that has died. They are connected to
                this one, which releases those that do not come back. Loop thread.
            lost: called when this process is cut off from the others, which take its
                ids over: its pages must connect again. Each `attach` fails until the
                others are reached again. Loop thread.
        """

    def publish(self, client_id: str, text: str) -> None:
        """Send text to every connection of client_id.

        Any thread. An append: never blocks on a reader, never raises for an absent one.
        Messages of one thread keep their order.

        Raises:
            BrokerError: too many messages wait for a back end that is away.
        """

    def expect(self, client_id: str) -> int:
        """Make client_id known for a window's length; return its current number.

        Any thread but the loop's; may wait for the back end. Messages published before
        this call have numbers up to the one returned, messages published after it have
        higher ones.

        Raises:
            BrokerError: the back end is away.
        """

    def attach(
        self,
        client_id: str,
        subscriber: Subscriber,
        after: int | None,
        opened: Callable[[Replay], None],
        failed: Callable[[BrokerError], None],
    ) -> Attachment:
        """Connect client_id to this process until `release`, for one more connection.

        The app is told of an id that was connected nowhere before `opened` is called.
        What is delivered before `opened` is in its replay or before it; what is
        delivered afterwards follows the replay or overlaps it, without a gap.

        Loop thread.

        Args:
            client_id: whose page it is.
            subscriber: takes the place of what an earlier attach handed over.
            after: the number of the last message that the page has; see `replay`.
            opened: called with what the page is owed.
            failed: called instead when the back end is away.
        """

    def replay(
        self,
        client_id: str,
        after: int | None,
        done: Callable[[Replay], None],
        failed: Callable[[BrokerError], None],
    ) -> None:
        """Ask for what comes after message number `after`.

        None, or a number ahead of the counter, means from now: no texts. A number
        older than the window means what is left, and `number` shows the gap. Loop
        thread.
        """

    def release(self, client_id: str) -> None:
        """End what `attach` began: no page of this process is left, its grace is over.

        Where no other process has one, the window is dropped unless expected, and the
        app is told. Nothing for an id that is not attached. Loop thread.
        """

    def when_safe(self, done: Callable[[], None]) -> None:
        """Call done when all that was published before cannot be lost any more.

        After some seconds without the back end it is called all the same. Any thread;
        done is called in this one before it returns, or on the loop's later.
        """

    def told(self, client_id: str, what: Change) -> None:
        """Note that the app has been told what `tell` asked for. Any thread."""

    def collect(self) -> Sequence[Delivery]:
        """Return what has come since the last call, one delivery for equal texts.

        Loop thread. Each message is returned once, and each client id stands in one
        delivery; order within an id is kept. What came for ids that are connected
        nowhere in this process may be left out.
        """

    def settle(self) -> None:
        """Do the bookkeeping that `collect` has put off. Loop thread.

        Called once the deliveries are written; a replay that is asked for earlier
        is right all the same.
        """

    def stop(self) -> None:
        """Keep what a later process needs, and end. After the loop's last turn."""


class Windows(Protocol):
    """Keeps the windows of a broker of one process over an orderly restart."""

    def save_windows(self, saved: bytes | None) -> None:
        """Keep saved until the next start; None forgets.

        Raises:
            StorageError: it cannot be kept.
        """

    def load_windows(self) -> bytes | None:
        """Return what save_windows kept, or None.

        Raises:
            StorageError: it cannot be read.
        """
