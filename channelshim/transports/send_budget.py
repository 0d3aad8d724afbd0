"""Bytes that wait for slow readers, HTTP's and WebSockets', within one bound.

Theory. A reader that falls behind is charged with all that waits for it, before more is
written to it; what it takes meanwhile is not noticed, so a charge is too high at most.
When the charges exceed the bound, all are measured anew. If there really is too much,
those that hold the most for the longest go first, until there is some room: between two
such measurements a tenth of the bound is written at least, so the sum of all costs
stays linear in what is written. The first write to a reader is charged right behind it,
since only the transport knows what the kernel took: the bound is exceeded by one write.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from channelshim.contracts.status import Status

SEND_TOTAL_BYTES: Final = 256 << 20
"""That may wait for all slow readers together."""

_MUCH = 0.9
"""Of the bound: what is more, when measured, is too much."""

_LEFT = 0.75
"""Of the bound: as much may stay when there was too much."""

_LEAST_SECONDS: Final = 0.05
"""Bytes count even for those that have just fallen behind."""


class Reader(Protocol):
    """A connection that may fall behind."""

    def waiting_bytes(self) -> int:
        """Return how many bytes wait in this process now."""

    def cut(self) -> None:
        """End it at once, what waits included; the budget has forgotten it."""


class SendBudget:
    """Charges readers that are behind. Loop thread.

    Args:
        total_bytes: bound for all together. One alone may exceed it.
        time: monotonic seconds.

    Attributes:
        charged_bytes: what all are charged with; what waits is that or less.
        cut_count: readers that were cut as too slow, by whomever.
    """

    def __init__(self, total_bytes: int, time: Callable[[], float]) -> None:
        self._total_bytes = total_bytes
        self._time = time
        self._charges: dict[Reader, int] = {}
        self._since: dict[Reader, float] = {}
        self.charged_bytes: int = 0
        self.cut_count: int = 0

    def __len__(self) -> int:
        """Return how many are behind."""
        return len(self._charges)

    def report_to(self, status: Status) -> None:
        """Register how many readers are behind or were cut, and what waits."""
        status.counter("transports.slow_readers", lambda: len(self))
        status.counter("transports.waiting_bytes", lambda: self.charged_bytes)
        status.counter("transports.readers_cut", lambda: self.cut_count)

    def take(self, reader: Reader, size: int) -> bool:
        """Charge a reader with all that waits for it now, or will at once.

        Others may be cut for it, and so may the reader.

        Returns:
            False when it was cut.
        """
        if reader not in self._since:
            self._since[reader] = self._time()
        self._charge(reader, size)
        if self.charged_bytes > self._total_bytes:
            self._make_room(reader, size)
        return reader in self._charges

    def give_back(self, reader: Reader) -> None:
        """Charge a reader no more: it has caught up, or is gone. Idempotent."""
        if self._since.pop(reader, None) is not None:
            self.charged_bytes -= self._charges.pop(reader)

    def note_cut(self) -> None:
        """Count a reader that is cut as too slow."""
        self.cut_count += 1

    def _charge(self, reader: Reader, size: int) -> None:
        self.charged_bytes += size - self._charges.get(reader, 0)
        self._charges[reader] = size

    def _make_room(self, taking: Reader, size: int) -> None:
        for reader in self._charges:
            self._charge(reader, size if reader is taking else reader.waiting_bytes())
        if self.charged_bytes <= self._total_bytes * _MUCH:
            return
        now = self._time()

        def guilt(reader: Reader) -> float:
            seconds = now - self._since[reader] + _LEAST_SECONDS
            return self._charges[reader] * seconds

        # One alone is what this process can always bear.
        for reader in sorted(self._charges, key=guilt, reverse=True)[: len(self) - 1]:
            if self.charged_bytes <= self._total_bytes * _LEFT:
                break
            self.give_back(reader)
            reader.cut()
