"""Heartbeats: who answers stays, who is silent is dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from channelshim.broker.memory import MemoryBroker
from channelshim.hub.connections import Connection
from channelshim.hub.hub import Hub


class SteppedClock:
    """Both times, stepped by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    monotonic = time


class SteppedLoop:
    """Keeps timers and runs them when the clock has passed them."""

    def __init__(self, clock: SteppedClock) -> None:
        self._clock = clock
        self._timers: list[tuple[float, Callable[..., None], tuple[Any, ...]]] = []

    def time(self) -> float:
        return self._clock.now

    def call_later(
        self, delay: float, callback: Callable[..., None], *args: Any
    ) -> SteppedLoop:
        self._timers.append((self._clock.now + delay, callback, args))
        return self

    def cancel(self) -> None:
        """Stand in for TimerHandle.cancel."""

    def run_until(self, end: float) -> None:
        while True:
            due = [timer for timer in self._timers if timer[0] <= end]
            if not due:
                break
            first = min(due, key=lambda timer: timer[0])
            self._timers.remove(first)
            self._clock.now = first[0]
            first[1](*first[2])
        self._clock.now = end


class Page(Connection):
    """A connection that answers each ping a tenth of a second later, or never."""

    def __init__(self, client_id: str, loop: SteppedLoop, *, answers: bool) -> None:
        super().__init__(client_id, b"nonce", 10**9, lambda frames: None)
        self._loop = loop
        self._answers = answers
        self._is_owed = False
        self.pings = 0
        self.is_aborted = False

    def open(self, number: int, owed: bytes) -> None:
        pass

    def expire(self) -> None:
        pass

    def come_back(self) -> None:
        pass

    def ping(self) -> bool:
        self.pings += 1
        self._is_owed = True
        if self._answers:
            self._loop.call_later(0.1, self._answer)
        return True

    def _answer(self) -> None:
        self._is_owed = False

    def has_answered(self) -> bool:
        return not self._is_owed

    def abort(self) -> None:
        self.is_aborted = True


@pytest.mark.parametrize(("interval", "timeout"), [(20, 20), (20, 7), (5, 20)])
def test_who_answers_stays_and_who_is_silent_is_dropped_in_time(
    interval: float, timeout: float
) -> None:
    clock = SteppedClock()
    loop = SteppedLoop(clock)
    hub = Hub(
        MemoryBroker(clock, window_seconds=60),
        clock,
        lambda client_id, what: None,
        ping_interval_seconds=interval,
        ping_timeout_seconds=timeout,
    )
    hub.start(cast(Any, loop), lambda call: None)
    lively = Page("lively", loop, answers=True)
    silent = Page("silent", loop, answers=False)
    for page in (lively, silent):
        hub.attach(page, 0, None)
    # One ping, one timeout, and a beat of a second for each of the two.
    loop.run_until(clock.now + interval + timeout + 2)
    assert silent.is_aborted
    assert silent.pings == 1
    assert not silent.is_attached
    loop.run_until(clock.now + 10 * interval)
    assert lively.is_attached
    assert not lively.is_aborted
    assert lively.pings >= 10
