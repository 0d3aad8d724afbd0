"""When the loop makes a pass over what was published: at once, or a little later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from channelshim.contracts.clock import Clock
from channelshim.hub.pacing import Handler, Pacing

_logger: Final = logging.getLogger("channelshim.hub")

PASS_PAUSE_SECONDS: Final = 0.05
"""Longest time for which a pass waits for handlers that run."""

CallSoon = Callable[[Callable[[], None]], object]


class Passes:
    """Makes passes on the loop, put off while handlers go on sending.

    What they send meanwhile is joined into the same writes. The pause is never longer
    than the last pass was, and ends as soon as nobody sends.

    Args:
        clock: the time.
        pacing: says which handlers run.
        pause_seconds: longest time for which a pass is put off.
        make: makes a pass; it ends the pause, and says how long it took.

    Attributes:
        last_seconds: how long the last pass took.
        put_off: the timer of a pass that was put off.
    """

    def __init__(
        self,
        clock: Clock,
        pacing: Pacing,
        pause_seconds: float,
        make: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._pacing = pacing
        self._pause_seconds = pause_seconds
        self._make = make
        self._last_handler: Handler | None = None
        self.last_seconds: float = 0.0
        self.put_off: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._call_soon: CallSoon | None = None
        pacing.subscribe(self._handler_finished)

    def start(
        self, loop: asyncio.AbstractEventLoop, call_soon: CallSoon | None
    ) -> None:
        """Begin on this loop; see Hub.start."""
        self._loop = loop
        self._call_soon = call_soon or loop.call_soon_threadsafe

    def wake(self) -> None:
        """Have a pass made soon. Any thread, after `start`."""
        assert self._call_soon is not None
        self._last_handler = self._pacing.current()
        try:
            self._call_soon(self._woken)
        except RuntimeError:
            # The loop is closed: nobody is left to deliver to.
            _logger.debug("a message was sent after the stop")

    def call(self, function: Callable[[], None]) -> None:
        """Have function called on the loop. Any thread, after `start`."""
        assert self._call_soon is not None
        try:
            self._call_soon(function)
        except RuntimeError:
            _logger.debug("something was asked of the hub after the stop")

    def end_pause(self) -> None:
        """Forget a pass that was put off: it is made now."""
        if self.put_off is not None:
            self.put_off.cancel()
            self.put_off = None

    def _woken(self) -> None:
        if self.last_seconds > 0 and self._pacing.is_sending(self._last_handler):
            assert self._loop is not None
            pause = min(self.last_seconds, self._pause_seconds)
            self.put_off = self._loop.call_later(pause, self._make)
        else:
            self._make()

    def _handler_finished(self) -> None:
        """Deliver what was put off for handlers, if none of them sends any more."""
        if self.put_off is not None and not self._pacing.is_sending(self._last_handler):
            self._make()
