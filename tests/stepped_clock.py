"""A clock that stands still until a test steps it, and a loop that lives by it."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any


class SteppedClock:
    """Implements contracts.Clock; both times are stepped by hand."""

    def __init__(self, unix_seconds: float = 1_700_000_000.0) -> None:
        self._unix_seconds = unix_seconds
        self._monotonic = 1000.0

    def time(self) -> float:
        """Return Unix seconds."""
        return self._unix_seconds

    def monotonic(self) -> float:
        """Return seconds that only go on."""
        return self._monotonic

    def step(self, seconds: float) -> None:
        """Let time pass."""
        self._unix_seconds += seconds
        self._monotonic += seconds

    def set_back(self, seconds: float) -> None:
        """Let somebody correct the wall clock; monotonic time does not notice."""
        self._unix_seconds -= seconds


class Timer:
    """What call_later returns."""

    def __init__(self, callback: Callable[..., None], arguments: tuple[Any, ...]):
        self.callback = callback
        self.arguments = arguments
        self.is_cancelled = False

    def cancel(self) -> None:
        """Never run it."""
        self.is_cancelled = True


class SteppedLoop:
    """As much of an event loop as the hub asks for; nothing runs by itself.

    Args:
        clock: stepped by `run`.
    """

    def __init__(self, clock: SteppedClock) -> None:
        self.wake_ups = 0
        self._clock = clock
        self._order = itertools.count()
        self._timers: list[tuple[float, int, Timer]] = []

    def time(self) -> float:
        """See asyncio."""
        return self._clock.monotonic()

    def call_later(
        self, delay: float, callback: Callable[..., None], *arguments: Any
    ) -> Timer:
        """See asyncio."""
        timer = Timer(callback, arguments)
        at = self._clock.monotonic() + delay
        heapq.heappush(self._timers, (at, next(self._order), timer))
        return timer

    def call_soon_threadsafe(
        self, callback: Callable[..., None], *arguments: Any
    ) -> Timer:
        """See asyncio."""
        self.wake_ups += 1
        return self.call_later(0.0, callback, *arguments)

    def run(self, seconds: float = 0.0) -> None:
        """Step the clock so far and run what is due on the way, in order."""
        end = self._clock.monotonic() + seconds
        while self._timers and self._timers[0][0] <= end:
            at, _, timer = heapq.heappop(self._timers)
            if not timer.is_cancelled:
                self._clock.step(max(0.0, at - self._clock.monotonic()))
                timer.callback(*timer.arguments)
        self._clock.step(max(0.0, end - self._clock.monotonic()))
