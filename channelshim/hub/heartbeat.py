"""The timers of connections: signs of life, and the ends of tokens.

Every connection stands in one slot of a ring, one slot for each second of the ping
interval, and is visited once in each round.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from channelshim.contracts.clock import Clock
from channelshim.hub.connections import Connection

_logger: Final = logging.getLogger("channelshim.hub")

PING_INTERVAL_SECONDS: Final = 20.0
"""Below the 30 to 60 s after which proxies cut idle connections."""

PING_TIMEOUT_SECONDS: Final = 20.0


class Heartbeat:
    """Pings connections, and ends those that are dead or whose token ends. Loop thread.

    Args:
        clock: the time.
        detach: ends delivery to a connection.
        ping_interval_seconds: between two pings of one connection.
        ping_timeout_seconds: after which an unanswered one means dead.
    """

    def __init__(
        self,
        clock: Clock,
        detach: Callable[[Connection], None],
        *,
        ping_interval_seconds: float,
        ping_timeout_seconds: float,
    ) -> None:
        self._clock = clock
        self._detach = detach
        self._ping_interval_seconds = ping_interval_seconds
        self._ping_timeout_seconds = ping_timeout_seconds
        slots = max(1, round(ping_interval_seconds))
        self._ring: list[dict[Connection, None]] = [{} for _ in range(slots)]
        self._beat_seconds = ping_interval_seconds / slots
        self._slot = 0
        self._pinged: deque[tuple[float, list[Connection]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin on this loop."""
        self._loop = loop
        self._timer = loop.call_later(self._beat_seconds, self._beat)

    def stop(self) -> None:
        """Visit nobody any more."""
        if self._timer is not None:
            self._timer.cancel()

    def add(self, connection: Connection) -> None:
        """Visit a connection from now on, until it is detached."""
        self._ring[self._slot][connection] = None
        self._arm_expiry(connection)

    def _beat(self) -> None:
        """Drop those that did not answer in time; ping the connections of a slot."""
        assert self._loop is not None
        self._timer = self._loop.call_later(self._beat_seconds, self._beat)
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
            self._arm_expiry(connection)
            # One that is still owed an answer keeps its first deadline.
            if connection.has_answered() and connection.ping():
                pinged.append(connection)
        if pinged:
            self._pinged.append((now + self._ping_timeout_seconds, pinged))

    def _drop_silent(self, pinged: list[Connection]) -> None:
        for connection in pinged:
            if connection.is_attached and not connection.has_answered():
                _logger.info("a connection is dead: no answer to a ping")
                self._detach(connection)
                connection.abort()

    def _arm_expiry(self, connection: Connection) -> None:
        """Time the end of a token that comes before the next visit."""
        assert self._loop is not None
        left = connection.expires_at - self._clock.time()
        if left <= self._ping_interval_seconds + self._beat_seconds:
            self._loop.call_later(max(0.0, left), self._expire, connection)

    def _expire(self, connection: Connection) -> None:
        if not connection.is_attached:
            return
        left = connection.expires_at - self._clock.time()
        if left > 0:
            assert self._loop is not None
            self._loop.call_later(left, self._expire, connection)
            return
        self._detach(connection)
        connection.expire()
