"""Bodies that are being received, within one bound of number and bytes.

Each longer body holds a temporary file. What is received is charged before it is kept;
over the bound the slowest go first, so that a crowd that drips holds out nobody who
sends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from channelshim.contracts.status import Status

MAXIMUM_BODIES: Final = 256
"""Being received at once; fewer where there are few descriptors."""

MAXIMUM_BODIES_BYTES: Final = 1 << 30
"""Of all that are being received: 32 of the longest."""

_LEAST_SECONDS = 1.0
"""A body that has just begun is not slow."""


class Uploader(Protocol):
    """A connection that receives a body."""

    def refuse_body(self) -> None:
        """Refuse the rest; the budget has forgotten it."""


class BodyBudget:
    """Charges bodies that have not come whole at once. Loop thread.

    Args:
        time: monotonic seconds.
        maximum_bodies: at once.
        maximum_bytes: of all together.

    Attributes:
        charged_bytes: received of them so far.
    """

    def __init__(
        self,
        time: Callable[[], float],
        *,
        maximum_bodies: int = MAXIMUM_BODIES,
        maximum_bytes: int = MAXIMUM_BODIES_BYTES,
    ) -> None:
        self._time = time
        self._maximum_bodies = maximum_bodies
        self._maximum_bytes = maximum_bytes
        self._charges: dict[Uploader, int] = {}
        self._since: dict[Uploader, float] = {}
        self.charged_bytes: int = 0

    def __len__(self) -> int:
        """Return how many are being received."""
        return len(self._charges)

    def report_to(self, status: Status) -> None:
        """Register how many bodies are being received, and how much of them is here."""
        status.counter("transports.bodies", lambda: len(self))
        status.counter("transports.body_bytes", lambda: self.charged_bytes)

    def take(self, uploader: Uploader, size: int) -> bool:
        """Charge a body with so many bytes more; others may be refused for it.

        Returns:
            False when it was refused itself.
        """
        if uploader not in self._since:
            self._since[uploader] = self._time()
        self._charges[uploader] = self._charges.get(uploader, 0) + size
        self.charged_bytes += size
        while (
            len(self._charges) > self._maximum_bodies
            or self.charged_bytes > self._maximum_bytes
        ):
            slowest = min(self._charges, key=self._rate)
            self.give_back(slowest)
            slowest.refuse_body()
        return uploader in self._charges

    def give_back(self, uploader: Uploader) -> None:
        """Charge a body no more: it is whole, or given up. Idempotent."""
        if self._since.pop(uploader, None) is not None:
            self.charged_bytes -= self._charges.pop(uploader)

    def _rate(self, uploader: Uploader) -> float:
        seconds = max(self._time() - self._since[uploader], _LEAST_SECONDS)
        return self._charges[uploader] / seconds
