"""Which client ids are present in this process, and the timer that lets them go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from channelshim.contracts.clock import Clock
from channelshim.protocol.presence import PresenceBook

_logger: Final = logging.getLogger("channelshim.hub")


class Graces:
    """A PresenceBook with its timer. Loop thread.

    Args:
        clock: the time.
        grace_seconds: see PresenceBook.
        gone: called with each client id whose grace has ended.
    """

    def __init__(
        self, clock: Clock, grace_seconds: float, gone: Callable[[str], None]
    ) -> None:
        self._clock = clock
        self._gone = gone
        self._book = PresenceBook(grace_seconds)
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin on this loop."""
        self._loop = loop

    def stop(self) -> None:
        """Let nobody go any more."""
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()

    def opened(self, client_id: str) -> None:
        """Note a new connection."""
        self._book.opened(client_id)

    def closed(self, client_id: str) -> None:
        """Note that a connection has ended: the grace begins."""
        self._book.closed(client_id, self._clock.monotonic())
        self._arm()

    def leased(self, client_id: str, key: bytes, seconds: float) -> None:
        """Count a poller as present for so long; see PresenceBook."""
        self._book.leased(client_id, key, self._clock.monotonic() + seconds)
        self._arm()

    def released(self, client_id: str, key: bytes) -> None:
        """End the lease of a poller; the grace begins."""
        self._book.released(client_id, key, self._clock.monotonic())
        self._arm()

    def awaited(self, client_ids: Sequence[str], seconds: float) -> None:
        """Count ids as present for so long: another process says that they were."""
        until = self._clock.monotonic() + seconds
        for client_id in client_ids:
            self._book.awaited(client_id, until)
        self._arm()

    def _arm(self) -> None:
        deadline = self._book.next_deadline()
        if deadline is None or self._loop is None:
            return
        if self._timer is not None:
            if self._armed_for <= deadline:
                return
            self._timer.cancel()
        self._armed_for = deadline
        delay = max(0.0, deadline - self._clock.monotonic())
        self._timer = self._loop.call_later(delay, self._due)

    def _due(self) -> None:
        self._timer = None
        try:
            for client_id in self._book.due(self._clock.monotonic()):
                try:
                    self._gone(client_id)
                except Exception:
                    _logger.exception("a client id could not be let go")
        finally:
            # Whatever happens: without it nobody is ever let go again.
            self._arm()
