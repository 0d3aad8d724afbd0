"""The hub: who is attached to this process, and what each is owed.

Everything runs on the loop's thread, but for the wake-up that the broker calls. The
hub decides nothing about presence or numbers: protocol and broker do.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from channelshim import limits
from channelshim.contracts.broker import Broker, Channel, Delivery, Replay
from channelshim.contracts.clock import Clock
from channelshim.contracts.status import Status
from channelshim.errors import RemoteProtocolError
from channelshim.hub.connections import (
    Connection,
    FrameCache,
    Sender,
    write_each,
)
from channelshim.hub.pacing import Handler, Pacing
from channelshim.hub.page_log import PageLog
from channelshim.hub.reports import PresenceReports
from channelshim.protocol.presence import PresenceBook

_logger: Final = logging.getLogger("channelshim.hub")

CallSoon = Callable[[Callable[[], None]], object]


class Hub:
    """The live connections of this process.

    Args:
        broker: numbers and windows.
        clock: the time.
        reports: told of each change of presence.
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
        reports: PresenceReports,
        *,
        sender: Sender = write_each,
        pacing: Pacing | None = None,
        grace_seconds: float = limits.GRACE_SECONDS,
        ping_interval_seconds: float = limits.PING_INTERVAL_SECONDS,
        ping_timeout_seconds: float = limits.PING_TIMEOUT_SECONDS,
        pause_seconds: float = limits.PASS_PAUSE_SECONDS,
        maximum_connections: int = limits.MAXIMUM_CONNECTIONS,
        maximum_connections_per_client: int = limits.MAXIMUM_CONNECTIONS_PER_CLIENT,
    ) -> None:
        self.frames: FrameCache = FrameCache()
        self._send = sender
        self._pacing = pacing or Pacing()
        self._pacing.subscribe(self._handler_finished)
        self._call_soon: CallSoon | None = None
        self._last_handler: Handler | None = None
        self._page_log = PageLog()
        self._broker = broker
        self._clock = clock
        self._reports = reports
        self._ping_interval_seconds = ping_interval_seconds
        self._ping_timeout_seconds = ping_timeout_seconds
        self._maximum_connections = maximum_connections
        self._maximum_per_client = maximum_connections_per_client
        self._pause_seconds = pause_seconds
        self._last_pass_seconds = 0.0
        self._put_off: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        # Of every client id that is connected, in grace or awaited.
        self._channels: dict[str, Channel] = {}
        self._count = 0
        self._presence = PresenceBook(grace_seconds)
        self._presence_timer: asyncio.TimerHandle | None = None
        self._armed_for = 0.0
        # What was last written to a connection of a token that is closed now.
        self._positions: dict[str, dict[bytes, int]] = {}
        # One slot for each second of the ping interval.
        slots = max(1, round(ping_interval_seconds))
        self._ring: list[dict[Connection, None]] = [{} for _ in range(slots)]
        self._slot = 0
        self._pinged: deque[tuple[float, list[Connection]]] = deque()
        self._beat_timer: asyncio.TimerHandle | None = None
        self._is_stopped = False

    @property
    def connection_count(self) -> int:
        """Return how many connections are attached."""
        return self._count

    def report_to(self, status: Status) -> None:
        """Register how much is connected."""
        status.counter("hub.connections", lambda: self._count)
        status.counter("hub.client_ids", lambda: len(self._channels))

    def start(
        self, loop: asyncio.AbstractEventLoop, call_soon: CallSoon | None = None
    ) -> None:
        """Begin on this loop, in its thread.

        Args:
            loop: running.
            call_soon: has a function called on the loop, from any thread; raises
                RuntimeError when the loop is closed. None means the loop's own.
        """
        self._loop = loop
        self._call_soon = call_soon or loop.call_soon_threadsafe
        self._broker.subscribe(self._wake)
        self._beat_timer = loop.call_later(self._beat_seconds, self._beat)

    def expect_reconnect(self, client_ids: list[str], seconds: float) -> None:
        """Report each as disconnected unless it connects within seconds.

        For the ids that an earlier process left connected.
        """
        until = self._clock.monotonic() + seconds
        for client_id in client_ids:
            self._channels[client_id] = self._broker.connect(client_id)
            self._presence.awaited(client_id, until)
        self._arm_presence()

    def stop(self) -> None:
        """Tell every page to come back, and forget all; the journal keeps who was."""
        self.deliver()
        self._is_stopped = True
        for timer in (self._beat_timer, self._presence_timer):
            if timer is not None:
                timer.cancel()
        for channel in self._channels.values():
            connections, channel.connections = channel.connections, ()
            for connection in connections:
                connection.is_attached = False
                connection.come_back()
                self._page_log.went(connection)
        self._channels.clear()
        self._count = 0

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
        self.check_room(self._count, len(self._connections(client_id)))
        channel = self._present(client_id, is_new=self._presence.opened(client_id))
        if after is None:
            after = self.position(client_id, connection.nonce, token_number)
        replay = self._broker.replay(client_id, after)
        connection.number = replay.last_number
        connection.is_attached = True
        channel.connections = (*channel.connections, connection)
        self._count += 1
        self._ring[self._slot][connection] = None
        self._arm_expiry(connection, self._ping_interval_seconds)
        connection.open(replay.number, self.frames.joined(replay.texts))
        self._page_log.came(connection)

    def detach(self, connection: Connection) -> None:
        """End delivery to connection; the grace of its client id begins. Idempotent."""
        if not connection.is_attached:
            return
        connection.is_attached = False
        client_id = connection.client_id
        channel = self._channels[client_id]
        channel.connections = tuple(
            other for other in channel.connections if other is not connection
        )
        self._count -= 1
        self.note_position(client_id, connection.nonce, connection.number)
        self._presence.closed(client_id, self._clock.monotonic())
        self._arm_presence()
        self._page_log.went(connection)

    def _connections(self, client_id: str) -> tuple[Connection, ...]:
        channel = self._channels.get(client_id)
        return () if channel is None else channel.connections

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

    # --- Delivery -----------------------------------------------------------------

    def _wake(self) -> None:
        assert self._call_soon is not None
        self._last_handler = self._pacing.current()
        try:
            self._call_soon(self._woken)
        except RuntimeError:
            # The loop is closed: nobody is left to deliver to.
            _logger.debug("a message was sent after the stop")

    def _woken(self) -> None:
        """Deliver now, or a little later when handlers go on sending.

        What they send meanwhile is joined into the same writes. The pause is never
        longer than the last pass was, and ends as soon as nobody sends.
        """
        assert self._loop is not None
        if self._last_pass_seconds > 0 and self._pacing.is_sending(self._last_handler):
            pause = min(self._last_pass_seconds, self._pause_seconds)
            self._put_off = self._loop.call_later(pause, self.deliver)
        else:
            self.deliver()

    def _handler_finished(self) -> None:
        """Deliver what was put off for handlers, if none of them sends any more."""
        if self._put_off is not None and not self._pacing.is_sending(
            self._last_handler
        ):
            self.deliver()

    def deliver(self) -> None:
        """Write what was published since the last pass: one write per connection."""
        if self._put_off is not None:
            self._put_off.cancel()
            self._put_off = None
        begun = self._clock.monotonic()
        for delivery in self._broker.collect():
            owed: list[Connection] = []
            try:
                self._write(delivery, owed)
            except Exception:
                _logger.exception(
                    "a fault of channelshim, please report it: a message could not be "
                    "written; its pages reconnect for it"
                )
                self._end_unwritten(delivery, owed)
        self._broker.settle()
        self._last_pass_seconds = self._clock.monotonic() - begun

    def _write(self, delivery: Delivery, owed: list[Connection]) -> None:
        """Write to every connection of a delivery.

        Args:
            delivery: numbered by the broker.
            owed: takes those that are written to together.
        """
        texts, channels = delivery
        count = len(texts)
        for channel in channels:
            last_number = channel.number
            for connection in channel.connections:
                if connection.number + count == last_number:
                    connection.number = last_number
                    owed.append(connection)
                elif connection.number < last_number:
                    self._write_rest(connection, last_number, texts)
        if owed:
            for connection in self._send(owed, self.frames.joined(texts)):
                # What it has is unknown: it comes back and resumes.
                self.detach(connection)
                connection.abort()

    def _end_unwritten(self, delivery: Delivery, owed: list[Connection]) -> None:
        """End those that may lack texts: a page knows its number, and resumes there."""
        for connection in owed:
            # What was written of it is unknown; a page that gives no number of its own
            # must rather see a text again than never.
            connection.number -= len(delivery.texts)
        for channel in delivery.channels:
            for connection in channel.connections:
                if connection.number < channel.number:
                    try:
                        self._end(connection)
                    except Exception:
                        _logger.exception("a connection could not be ended")

    def _write_rest(
        self, connection: Connection, last_number: int, texts: tuple[str, ...]
    ) -> None:
        """Write to a connection that attached while these were being published."""
        owed = last_number - connection.number
        if owed > len(texts):
            # A number was skipped: only a resume can tell the page so.
            self._end(connection)
            return
        connection.write(self.frames.joined(texts[-owed:]))
        connection.number = last_number

    def _end(self, connection: Connection) -> None:
        self.detach(connection)
        connection.come_back()

    # --- Pollers and the old wire -------------------------------------------------

    def replay(self, client_id: str, after: int | None) -> Replay:
        """Return what a poller is owed after that number."""
        return self._broker.replay(client_id, after)

    def lease(
        self, client_id: str, nonce: bytes, seconds: float, transport: str = "poll"
    ) -> None:
        """Count a poller as connected for so long; nonce is its token's."""
        self._page_log.polled(client_id, nonce, transport)
        until = self._clock.monotonic() + seconds
        is_new = self._presence.leased(client_id, nonce, until)
        self._present(client_id, is_new=is_new)
        self._arm_presence()

    def release(self, client_id: str, nonce: bytes) -> None:
        """End a poller's lease: the page says that it goes."""
        self._presence.released(client_id, nonce, self._clock.monotonic())
        self._arm_presence()
        self._page_log.left(client_id, nonce)

    def position(self, client_id: str, nonce: bytes, token_number: int) -> int:
        """Return where a token stands that gave no number itself."""
        others = self._connections(client_id)
        live = [other.number for other in others if other.nonce == nonce]
        known = self._positions.get(client_id, {}).get(nonce, 0)
        return max([token_number, known, *live])

    def note_position(self, client_id: str, nonce: bytes, number: int) -> None:
        """Remember the last number that a connection of this token was given."""
        positions = self._positions.setdefault(client_id, {})
        positions[nonce] = max(number, positions.pop(nonce, 0))
        if len(positions) > limits.MAXIMUM_TOKEN_POSITIONS:
            del positions[next(iter(positions))]

    # --- Presence and timers ------------------------------------------------------

    def _present(self, client_id: str, *, is_new: bool) -> Channel:
        if not is_new:
            return self._channels[client_id]
        # The window first, then the POST: handlers send to the id at once.
        channel = self._channels[client_id] = self._broker.connect(client_id)
        self._reports.connected(client_id)
        return channel

    def _arm_presence(self) -> None:
        deadline = self._presence.next_deadline()
        if deadline is None or self._loop is None or self._is_stopped:
            return
        if self._presence_timer is not None:
            if self._armed_for <= deadline:
                return
            self._presence_timer.cancel()
        self._armed_for = deadline
        delay = max(0.0, deadline - self._clock.monotonic())
        self._presence_timer = self._loop.call_later(delay, self._presence_due)

    def _presence_due(self) -> None:
        self._presence_timer = None
        for client_id in self._presence.due(self._clock.monotonic()):
            self._positions.pop(client_id, None)
            self._channels.pop(client_id, None)
            self._broker.disconnect(client_id)
            self._reports.disconnected(client_id)
            self._page_log.gone(client_id)
        self._arm_presence()

    @property
    def _beat_seconds(self) -> float:
        return self._ping_interval_seconds / len(self._ring)

    def _beat(self) -> None:
        """Drop those that did not answer in time; ping the connections of a slot."""
        assert self._loop is not None
        self._beat_timer = self._loop.call_later(self._beat_seconds, self._beat)
        now = self._clock.monotonic()
        # Before the new pings: one sent now is not answered yet.
        while self._pinged and self._pinged[0][0] <= now:
            self._drop_silent(self._pinged.popleft()[1])
        self._slot = (self._slot + 1) % len(self._ring)
        slot = self._ring[self._slot]
        pinged = []
        for connection in list(slot):
            if not connection.is_attached:
                del slot[connection]
                continue
            self._arm_expiry(connection, self._ping_interval_seconds)
            # One that is still owed an answer keeps its first deadline.
            if connection.has_answered() and connection.ping():
                pinged.append(connection)
        if pinged:
            self._pinged.append((now + self._ping_timeout_seconds, pinged))

    def _drop_silent(self, pinged: list[Connection]) -> None:
        for connection in pinged:
            if connection.is_attached and not connection.has_answered():
                _logger.info("a connection is dead: no answer to a ping")
                self.detach(connection)
                connection.abort()

    def _arm_expiry(self, connection: Connection, within_seconds: float) -> None:
        """Time the end of a token that comes before the next visit."""
        assert self._loop is not None
        left = connection.expires_at - self._clock.time()
        if left <= within_seconds + self._beat_seconds:
            self._loop.call_later(max(0.0, left), self._expire, connection)

    def _expire(self, connection: Connection) -> None:
        if not connection.is_attached:
            return
        left = connection.expires_at - self._clock.time()
        if left > 0:
            assert self._loop is not None
            self._loop.call_later(left, self._expire, connection)
            return
        self.detach(connection)
        connection.expire()
