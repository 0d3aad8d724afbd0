"""How many tasks of each queue were begun in the last minute, for statistics."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from typing import Final

from channelshim.contracts.clock import Clock

_SECONDS: Final = 60


class Executions:
    """Counts, second by second, in this process. Any thread.

    Args:
        clock: says now.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # At most a minute's seconds each, however many tasks there are.
        self._counts: defaultdict[str, Counter[int]] = defaultdict(Counter)

    def count(self, queue: str, tasks: int = 1) -> None:
        """Note that tasks of a queue begin now."""
        with self._lock:
            self._recent(queue)[int(self._clock.monotonic())] += tasks

    def last_minute(self, queue: str) -> int:
        """Return how many tasks of a queue were begun within 60 s."""
        with self._lock:
            return self._recent(queue).total()

    def _recent(self, queue: str) -> Counter[int]:
        oldest = int(self._clock.monotonic()) - _SECONDS
        counts = self._counts[queue]
        for second in [each for each in counts if each <= oldest]:
            del counts[second]
        return counts
