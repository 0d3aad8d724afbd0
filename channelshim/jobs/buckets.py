"""How often the tasks of a queue may start."""

from __future__ import annotations

from typing import Final

from channelshim.appyaml.queues import Queue

CLOSED_SECONDS: Final = 60.0
"""How long a queue of rate 0 is left alone before it is asked again."""


class Bucket:
    """A queue's token bucket: `bucket_size` at once, then `per_second`.

    Args:
        queue: of queue.yaml.
        now: monotonic seconds; the bucket is full.
    """

    def __init__(self, queue: Queue, now: float) -> None:
        self._queue = queue
        self._tokens = float(queue.bucket_size)
        self._filled_at = now

    def wait_seconds(self, now: float) -> float:
        """Return how long until a task may start; 0 for now."""
        rate = self._queue.per_second
        if rate is None:
            return 0.0
        elapsed = max(0.0, now - self._filled_at)
        self._tokens = min(self._queue.bucket_size, self._tokens + elapsed * rate)
        self._filled_at = now
        if self._tokens >= 1:
            return 0.0
        return (1 - self._tokens) / rate if rate else CLOSED_SECONDS

    def spend(self) -> None:
        """Count a task that starts."""
        self._tokens -= 1
