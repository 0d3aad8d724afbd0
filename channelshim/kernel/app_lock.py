"""Locks that are held while the app's code runs, however long that takes.

A handler that hangs holds its lock for ever. Nobody else may have the lock meanwhile,
since the handler may go on at any time, so whoever waits hangs too, unless it has a
deadline: then it gives up at that, or as soon as the holder has gone on beyond its own.
The log says once who holds up the others, and a status page says it for as long as that
is so.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Final, NamedTuple

from channelshim.kernel import deadlines

_logger: Final = logging.getLogger("channelshim.kernel")

HELD_SECONDS: Final = 10.0
"""A holder that others have waited for is reported after so long."""


class _Held(NamedTuple):
    """Who has the lock.

    Attributes:
        holder: its name.
        since: monotonic seconds.
        overdue_at: when it has gone on beyond its deadline; monotonic seconds.
    """

    holder: str
    since: float
    overdue_at: float


class AppLock:
    """A lock whose holder has a name. Any thread.

    Args:
        lock: that is taken; with an RLock the outermost holder gives the name.
        reason: why others wait for a holder, for the log.
    """

    def __init__(self, lock: threading.Lock | threading.RLock, reason: str) -> None:
        self._lock = lock
        self._reason = reason
        # Changed by who has the lock.
        self._depth = 0
        self._held: _Held | None = None
        # The holder that the log has named.
        self._reported: _Held | None = None

    def acquire(self, holder: str) -> None:
        """Take the lock, however long that takes.

        Args:
            holder: what is going to be run, as the log should name it.

        Raises:
            BaseException: the deadline of this thread has passed, or the holder's and
                this thread has one; the lock is not taken.
        """
        if not self._lock.acquire(blocking=False):
            self._wait()
        self._depth += 1
        if self._depth == 1:
            self._held = _Held(holder, time.monotonic(), deadlines.overdue_at())

    def release(self) -> None:
        """Give the lock back."""
        self._depth -= 1
        if not self._depth:
            self._held = None
        self._lock.release()

    def locked(self) -> bool:
        """Return whether somebody has it."""
        return self._held is not None

    def describe_fault(self) -> str:
        """Return a sentence about a holder that others have waited for, or ""."""
        held = self._held
        if held is None or held is not self._reported:
            return ""
        return self._sentence(held)

    def _wait(self) -> None:
        try:
            while not self._try():
                self._report(HELD_SECONDS)
        except BaseException:
            self._report(0.0)
            raise

    def _try(self) -> bool:
        held = self._held
        left = HELD_SECONDS
        if held is not None:
            left = min(left, held.overdue_at - time.monotonic())
        if left <= 0:
            deadlines.give_up()
            left = HELD_SECONDS
        return deadlines.acquire(self._lock, left)

    def _report(self, least_seconds: float) -> None:
        held = self._held
        if held is None or held is self._reported:
            return
        if time.monotonic() - held.since >= least_seconds:
            self._reported = held
            _logger.warning("%s", self._sentence(held))

    def _sentence(self, held: _Held) -> str:
        seconds = time.monotonic() - held.since
        return (
            f"{held.holder} has run for {seconds:.1f} s, and others wait until it "
            f"ends: {self._reason}"
        )
