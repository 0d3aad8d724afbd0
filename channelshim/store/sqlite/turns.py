"""Turns at writing, for the threads of one process.

SQLite has one writer, and makes those that wait sleep for up to 0.1 s each time. So the
threads of a process queue here, and only processes meet in SQLite.

Theory: a turn that ends is free, and wakes the thread that has waited longest; whoever
asks first has it. Most often that is the thread which has just had it, and no thread
is switched. A thread that has waited for TURN_PATIENCE_SECONDS is handed the turn
instead, in the order of coming, so that nobody is overtaken for longer than that by
each writer before it. tests/store/sqlite/test_turns.py explores it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Final

TURN_PATIENCE_SECONDS: Final = 0.05
"""Many commits fit into it, and no visitor notices it."""


class _Waiter:
    """A thread in the queue."""

    __slots__ = ("alarm", "is_served", "since")

    def __init__(self) -> None:
        self.alarm = threading.Lock()
        self.alarm.acquire()
        self.since = time.monotonic()
        self.is_served = False


class Turns:
    """A lock that is waited for with a bound, and given fairly. Any thread.

    Args:
        patience_seconds: after which a thread that waits is overtaken no more.
    """

    def __init__(self, patience_seconds: float = TURN_PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._holder = 0
        self._waiting: deque[_Waiter] = deque()

    def take(self, seconds: float) -> bool:
        """Wait for a turn; return False when it has not come after so long."""
        with self._lock:
            if not self._holder:
                self._holder = threading.get_ident()
                return True
            waiter = _Waiter()
            self._waiting.append(waiter)
        has_turn = False
        try:
            has_turn = self._wait(waiter, waiter.since + seconds)
        finally:
            self._leave(waiter, has_turn=has_turn)
        return has_turn

    def _wait(self, waiter: _Waiter, deadline: float) -> bool:
        while True:
            left = max(0.0, deadline - time.monotonic())
            is_woken = waiter.alarm.acquire(timeout=left)
            with self._lock:
                if waiter.is_served or not self._holder:
                    self._holder = threading.get_ident()
                    return True
            if not is_woken:
                return False

    def _leave(self, waiter: _Waiter, *, has_turn: bool) -> None:
        with self._lock:
            if not waiter.is_served:
                self._waiting.remove(waiter)
            elif not has_turn and self._holder == _SERVED:
                self._pass_on()

    def give_back(self) -> None:
        """End this thread's turn; without one, nothing happens."""
        with self._lock:
            if self._holder == threading.get_ident():
                self._pass_on()

    def _pass_on(self) -> None:
        self._holder = 0
        if not self._waiting:
            return
        first = self._waiting[0]
        if time.monotonic() - first.since > self._patience_seconds:
            self._waiting.popleft()
            first.is_served = True
            self._holder = _SERVED
        if first.alarm.locked():
            first.alarm.release()


_SERVED: Final = -1
"""Holds the turn until the thread that it is handed to has woken up."""
