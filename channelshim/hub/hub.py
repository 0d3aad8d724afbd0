"""The hub: who is attached to this process, and what each is owed.

Everything runs on the loop's thread, but for the wake-up that the broker calls. The
hub decides nothing about presence or numbers: protocol and broker do.

A connection attaches in two halves: `attach` asks the broker, `_opened` begins the
delivery once the broker has answered, which one in this process does at once. In
between the connection is *arriving*: it counts as open for limits and presence, gets
nothing, and may leave.

A page that has missed much gets it in pieces (hub.replays), and new messages only when
it has caught up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Final

from channelshim import limits
from channelshim.contracts.broker import Attachment, Broker, Replay
from channelshim.contracts.clock import Clock
from channelshim.contracts.presence import Tell
from channelshim.contracts.status import Status
from channelshim.errors import BrokerError, RemoteProtocolError
from channelshim.hub.connections import (
    MAXIMUM_CONNECTIONS,
    MAXIMUM_CONNECTIONS_PER_CLIENT,
    Connection,
    FrameCache,
    Sender,
    Subscriber,
    write_each,
)
from channelshim.hub.deliveries import Deliveries
from channelshim.hub.graces import Graces
from channelshim.hub.heartbeat import (
    PING_INTERVAL_SECONDS,
    PING_TIMEOUT_SECONDS,
    Heartbeat,
)
from channelshim.hub.pacing import Pacing
from channelshim.hub.page_log import PageLog
from channelshim.hub.passes import PASS_PAUSE_SECONDS, CallSoon
from channelshim.hub.positions import Positions
from channelshim.hub.replays import Replays

RETURN_SECONDS: Final = 5.0
"""How long pages of an earlier process may take to come back to this one: they retry
within 2 s."""

_logger: Final = logging.getLogger("channelshim.hub")


class Hub:
    """The live connections of this process.

    Args:
        broker: numbers and windows.
        clock: the time.
        tell: tells the app of a change of presence; any thread.
        sender: writes the same frames to each of many connections.
        pacing: says which handlers run, for passes that wait for them.
        grace_seconds: see PresenceBook.
        ping_interval_seconds: between two heartbeats of one connection.
        ping_timeout_seconds: after which an unanswered one means dead.
        pause_seconds: longest time for which a pass is put off.
        maximum_connections: in this process.
        maximum_connections_per_client: of one client id.
    """

    def __init__(
        self,
        broker: Broker,
        clock: Clock,
        tell: Tell,
        *,
        sender: Sender = write_each,
        pacing: Pacing | None = None,
        grace_seconds: float = limits.GRACE_SECONDS,
        ping_interval_seconds: float = PING_INTERVAL_SECONDS,
        ping_timeout_seconds: float = PING_TIMEOUT_SECONDS,
        pause_seconds: float = PASS_PAUSE_SECONDS,
        maximum_connections: int = MAXIMUM_CONNECTIONS,
        maximum_connections_per_client: int = MAXIMUM_CONNECTIONS_PER_CLIENT,
    ) -> None:
        self.frames: FrameCache = FrameCache()
        self._deliveries = Deliveries(
            broker,
            clock,
            self.frames,
            sender,
            pacing or Pacing(),
            pause_seconds=pause_seconds,
            detach=self.detach,
            end=self._end,
        )
        self._passes = self._deliveries.passes
        self._page_log = PageLog()
        self._broker = broker
        self._clock = clock
        self._tell = tell
        self._return_seconds = max(grace_seconds, RETURN_SECONDS)
        self._maximum_connections = maximum_connections
        self._maximum_per_client = maximum_connections_per_client
        # Of every client id that is connected, in grace or awaited.
        self._subscribers: dict[str, Subscriber] = {}
        # Those for which the broker has not answered yet; None while it is asked.
        self._arriving: dict[Connection, Attachment | None] = {}
        # Arriving ones included.
        self._count = 0
        self._graces = Graces(clock, grace_seconds, self._forget)
        self._positions = Positions()
        self._replays = Replays(broker, self.frames, self._end)
        self._heartbeat = Heartbeat(
            clock,
            self.detach,
            ping_interval_seconds=ping_interval_seconds,
            ping_timeout_seconds=ping_timeout_seconds,
        )
        self._is_stopped = False

    @property
    def connection_count(self) -> int:
        """Return how many connections there are, arriving ones included."""
        return self._count

    def report_to(self, status: Status) -> None:
        """Register how much is connected, and has been written."""
        status.counter("hub.connections", lambda: self._count)
        status.counter("hub.client_ids", lambda: len(self._subscribers))
        status.counter("hub.written", lambda: self.written)

    @property
    def written(self) -> int:
        """Return how many messages were written, each connection counted."""
        return self._deliveries.written

    def start(
        self, loop: asyncio.AbstractEventLoop, call_soon: CallSoon | None = None
    ) -> None:
        """Begin on this loop, in its thread.

        Args:
            loop: running.
            call_soon: has a function called on the loop, from any thread; raises
                RuntimeError when the loop is closed. None means the loop's own.
        """
        self._graces.start(loop)
        self._passes.start(loop, call_soon)
        self._heartbeat.start(loop)
        self._replays.start(loop)
        self._broker.start(self._passes.wake, self._tell, self._adopt, self._lost)

    def _adopt(self, client_ids: Sequence[str]) -> None:
        """Wait for the pages that another process has left connected."""
        for client_id in client_ids:
            self._subscribers.setdefault(client_id, Subscriber())
        self._graces.awaited(client_ids, self._return_seconds)

    def _lost(self) -> None:
        """Send every page to another process: messages may pass this one by."""
        _logger.error("this process is cut off from the others: its pages reconnect")
        for subscriber in self._subscribers.values():
            subscriber.is_known = False
        for connection in self._connections():
            self._end(connection)

    def _connections(self) -> list[Connection]:
        attached = [one for each in self._subscribers.values() for one in each.attached]
        return [*attached, *self._arriving]

    def connections_of(self, client_id: str) -> Sequence[Connection]:
        """Return the attached connections of a client id. Any thread."""
        subscriber = self._subscribers.get(client_id)
        return () if subscriber is None else subscriber.attached

    def ask(self, question: Callable[[], None]) -> None:
        """Have a question to this hub asked on its loop. Any thread."""
        self._passes.call(question)

    def expire(
        self, client_id: str, is_meant: Callable[[Connection], bool] = lambda each: True
    ) -> None:
        """End connections of a client id as if their tokens ended. Any thread.

        Args:
            client_id: whose.
            is_meant: says which; called on the loop.
        """
        self._passes.call(partial(self._expire, client_id, is_meant))

    def _expire(self, client_id: str, is_meant: Callable[[Connection], bool]) -> None:
        for connection in self.connections_of(client_id):
            if is_meant(connection):
                self.detach(connection)
                connection.expire()

    def stop(self) -> None:
        """Tell every page to come back, and forget all; the journal keeps who was."""
        self.deliver()
        self._is_stopped = True
        self._heartbeat.stop()
        self._graces.stop()
        for attachment in self._arriving.values():
            if attachment is not None:
                attachment.cancel()
        connections = self._connections()
        self._arriving.clear()
        self._replays.stop()
        for subscriber in self._subscribers.values():
            subscriber.clear()
        self._subscribers.clear()
        self._count = 0
        for connection in connections:
            was_attached, connection.is_attached = connection.is_attached, False
            connection.come_back()
            if was_attached:
                self._page_log.went(connection)

    # --- Connections --------------------------------------------------------------

    def attach(
        self, connection: Connection, token_number: int, after: int | None
    ) -> None:
        """Begin to deliver to connection, from where it left off.

        Presence first, then the hello and what it is owed, in one write.

        Args:
            connection: not attached yet.
            token_number: the number signed into its token.
            after: the last number that the page has seen, or None.

        Raises:
            RemoteProtocolError: too many connections, or the server is stopping; the
                page should come back.
        """
        client_id = connection.client_id
        subscriber = self._subscribers.get(client_id)
        self.check_room(self._count, 0 if subscriber is None else subscriber.total)
        if subscriber is None:
            subscriber = self._subscribers[client_id] = Subscriber()
        if after is None:
            after = self.position(client_id, connection.nonce, token_number)
        self._graces.opened(client_id)
        self._count += 1
        subscriber.arriving += 1
        self._arriving[connection] = None
        attachment = self._broker.attach(
            client_id,
            subscriber,
            after,
            partial(self._opened, connection),
            partial(self._failed, connection),
        )
        if connection in self._arriving:
            self._arriving[connection] = attachment

    def _opened(self, connection: Connection, replay: Replay) -> None:
        """Begin the delivery: the hello and what is owed, in one write."""
        del self._arriving[connection]
        subscriber = self._subscribers[connection.client_id]
        subscriber.arriving -= 1
        subscriber.is_known = True
        connection.is_attached = True
        connection.opened_at = self._clock.time()
        first, count = self.frames.piece(replay.texts)
        connection.number = replay.number + count
        if count == len(replay.texts):
            subscriber.append(connection)
        else:
            self._replays.begin(connection, subscriber)
        self._heartbeat.add(connection)
        connection.open(replay.number, first)
        self._page_log.came(connection)

    def _failed(self, connection: Connection, error: BrokerError) -> None:
        # The broker says so itself, once and not for each page.
        _logger.debug("a page is told to come back: %s", error)
        self.detach(connection)
        connection.refuse()

    def detach(self, connection: Connection) -> None:
        """End delivery to connection; the grace of its client id begins. Idempotent."""
        client_id = connection.client_id
        if connection.is_attached:
            connection.is_attached = False
            self._subscribers[client_id].drop(connection)
            self._replays.end(connection)
            # What is being written may not reach it, and a page that gives no number
            # of its own must rather see a text again than never.
            number = connection.number - self._deliveries.unwritten
            self.note_position(client_id, connection.nonce, number)
            self._page_log.went(connection)
        elif connection in self._arriving:
            attachment = self._arriving.pop(connection)
            if attachment is not None:
                attachment.cancel()
            self._subscribers[client_id].arriving -= 1
        else:
            return
        self._count -= 1
        self._graces.closed(client_id)

    def catch_up(self, connection: Connection) -> None:
        """Go on with what a page has missed: its reader is not behind any more."""
        self._replays.go_on(connection)

    def check_room(self, count: int, count_of_client: int) -> None:
        """Refuse one that would be too many beside count, as attach does."""
        if self._is_stopped:
            raise RemoteProtocolError(
                "the server is stopping",
                close_code=limits.CLOSE_COME_BACK,
                http_status=HTTPStatus.SERVICE_UNAVAILABLE,
            )
        if (
            count >= self._maximum_connections
            or count_of_client >= self._maximum_per_client
        ):
            raise RemoteProtocolError(
                "too many connections",
                close_code=limits.CLOSE_TOO_MANY,
                http_status=HTTPStatus.TOO_MANY_REQUESTS,
            )

    def deliver(self) -> None:
        """Write what was published since the last pass: one write per connection."""
        self._deliveries.deliver()

    def _end(self, connection: Connection) -> None:
        self.detach(connection)
        connection.come_back()

    # --- Pollers and the old wire -------------------------------------------------

    def replay(
        self,
        client_id: str,
        after: int | None,
        done: Callable[[Replay], None],
        failed: Callable[[BrokerError], None],
    ) -> None:
        """Ask what a poller is owed after that number; see contracts.Broker."""
        self._broker.replay(client_id, after, done, failed)

    def lease(
        self, client_id: str, nonce: bytes, seconds: float, transport: str = "poll"
    ) -> None:
        """Count a poller as connected for so long; nonce is its token's."""
        self._page_log.polled(client_id, nonce, transport)
        self._graces.leased(client_id, nonce, seconds)
        subscriber = self._subscribers.get(client_id)
        if subscriber is None:
            subscriber = self._subscribers[client_id] = Subscriber()
        if not subscriber.is_known:
            self._broker.attach(
                client_id, subscriber, None, subscriber.note_known, _leave_unknown
            )

    def release(self, client_id: str, nonce: bytes) -> None:
        """End a poller's lease: the page says that it goes."""
        self._graces.released(client_id, nonce)
        self._page_log.left(client_id, nonce)

    def position(self, client_id: str, nonce: bytes, token_number: int) -> int:
        """Return where a token stands that gave no number itself."""
        others = self.connections_of(client_id)
        live = [other.number for other in others if other.nonce == nonce]
        return max([token_number, self._positions.of(client_id, nonce), *live])

    def has_position(self, client_id: str, nonce: bytes) -> bool:
        """Return whether a connection of this token was given any. Any thread."""
        return self._positions.has(client_id, nonce)

    def note_position(self, client_id: str, nonce: bytes, number: int) -> None:
        """Remember the last number that a connection of this token was given."""
        if client_id in self._subscribers:
            self._positions.note(client_id, nonce, number)

    def _forget(self, client_id: str) -> None:
        """Let a client id go: its grace has ended."""
        self._positions.forget(client_id)
        self._subscribers.pop(client_id, None)
        self._broker.release(client_id)
        self._page_log.gone(client_id)


def _leave_unknown(error: BrokerError) -> None:
    """Let the poller's next request ask again."""
