"""Bodies of requests, from their first bytes until the app is done with them.

Theory. A body is charged before it is kept: while it is received to its connection, and
once it is whole to whoever has the app answer it, until the app is done with it. So the
bytes of all bodies, in memory and in temporary files, are within one bound, whether
their peers are slow, or the app is. Each longer body holds a descriptor too: their
number has a bound of its own.

Over a bound somebody goes. Of bodies that are received and of those that wait for the
app, the kind that holds more gives: the slowest of those that are received, so that a
crowd that drips holds out nobody who sends, or the largest of those that wait, and of
equals the one that has come last. What the app has begun with is left to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from channelshim.contracts.status import Status

MAXIMUM_BODIES: Final = 256
"""Being received or in files at once; fewer where there are few descriptors."""

MAXIMUM_BODIES_BYTES: Final = 1 << 30
"""Of all: 32 of the longest."""

_LEAST_SECONDS = 1.0
"""A body that has just begun is not slow."""

_LEAST_BYTES = 64
"""Fewer count as as many: who has sent a head and no body yet is no slower than who
drips, and of equals the oldest goes."""


class Uploader(Protocol):
    """A connection that receives a body."""

    def refuse_body(self) -> None:
        """Refuse the rest; the budget has forgotten it."""


class Holder(Protocol):
    """Has a whole body.

    Attributes:
        size: of the body, in bytes.
        is_on_disk: whether it is in a file.
    """

    @property
    def size(self) -> int: ...

    @property
    def is_on_disk(self) -> bool: ...

    def withdraw(self) -> bool:
        """Refuse the request and let go of its body, if the app has not begun with it.

        Returns:
            False when it has.
        """


class BodyBudget:
    """Charges bodies. Loop thread.

    Args:
        time: monotonic seconds.
        maximum_bodies: that are received or in files at once.
        maximum_bytes: of all together.

    Attributes:
        charged_bytes: of all that are received or held.
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
        self._held: set[Holder] = set()
        self._held_bytes = 0
        self._held_files = 0
        # Of those that are held, what may still wait for the app; in their order.
        self._waiting: dict[Holder, None] = {}
        self.charged_bytes: int = 0

    def __len__(self) -> int:
        """Return how many are being received."""
        return len(self._charges)

    @property
    def held(self) -> int:
        """Return how many are whole, and the app is not done with."""
        return len(self._held)

    def report_to(self, status: Status) -> None:
        """Register how many bodies there are, and how much of them is here."""
        status.counter("transports.bodies", lambda: len(self))
        status.counter("transports.bodies_held", lambda: self.held)
        status.counter("transports.body_bytes", lambda: self.charged_bytes)

    # --- While a body is received -----------------------------------------------------

    def take(self, uploader: Uploader, size: int, expected_bytes: int = 0) -> bool:
        """Charge a body with so many bytes more; others may be refused for it.

        Args:
            uploader: receives the body.
            size: what has come since the last call.
            expected_bytes: of the whole body, as its head says; 0 for not known.

        Returns:
            False when it was refused itself.
        """
        if uploader not in self._since:
            self._since[uploader] = self._time()
        self._charges[uploader] = self._charges.get(uploader, 0) + size
        self.charged_bytes += size
        whole = max(self._charges[uploader], expected_bytes)
        while self._charges and self._is_over():
            if not (self._is_more_held() and self._withdraw_one(whole)):
                self._refuse_slowest()
        return uploader in self._charges

    def give_back(self, uploader: Uploader) -> None:
        """Charge a body no more: it is whole, or given up. Idempotent."""
        if self._since.pop(uploader, None) is not None:
            self.charged_bytes -= self._charges.pop(uploader)

    def _refuse_slowest(self, more_bytes: int = 0) -> None:
        candidates = list(self._charges)
        if self.charged_bytes + more_bytes > self._maximum_bytes:
            # Whoever has sent a head alone makes no room for bytes.
            candidates = [each for each in candidates if self._charges[each]]
        slowest = min(candidates, key=self._rate)
        self.give_back(slowest)
        slowest.refuse_body()

    def _rate(self, uploader: Uploader) -> float:
        seconds = max(self._time() - self._since[uploader], _LEAST_SECONDS)
        return max(self._charges[uploader], _LEAST_BYTES) / seconds

    # --- Once it is whole -------------------------------------------------------------

    def hold(self, holder: Holder) -> bool:
        """Charge a whole body until `let_go`; others may be refused for it.

        Returns:
            False when there is no room: it is not charged, and is to be refused.
        """
        size, files = holder.size, int(holder.is_on_disk)
        while self._is_over(size, files):
            if self._is_more_held(size, files) or not self._charges:
                if not self._withdraw_one(size, size):
                    return False
            else:
                self._refuse_slowest(size)
        self._held.add(holder)
        self._waiting[holder] = None
        self._held_bytes += size
        self._held_files += files
        self.charged_bytes += size
        return True

    def let_go(self, holder: Holder) -> None:
        """Charge a whole body no more. Idempotent."""
        if holder in self._held:
            self._held.discard(holder)
            self._waiting.pop(holder, None)
            self._held_bytes -= holder.size
            self._held_files -= holder.is_on_disk
            self.charged_bytes -= holder.size

    def _withdraw_one(self, newcomer_bytes: int, more_bytes: int = 0) -> bool:
        """Have the largest body go that waits for the app.

        Args:
            newcomer_bytes: of a body that has come after all of them, and is the one to
                go where it is as large.
            more_bytes: of it, that are not charged yet.

        Returns:
            False when none goes that would make room.
        """
        is_over_bytes = self.charged_bytes + more_bytes > self._maximum_bytes
        while self._waiting:
            # Of equals max takes the first.
            largest = max(reversed(self._waiting), key=_size)
            if largest.size <= newcomer_bytes:
                return False
            if not (is_over_bytes or largest.is_on_disk):
                # Nor is any other: the larger ones are.
                return False
            del self._waiting[largest]
            if largest.withdraw():
                self.let_go(largest)
                return True
        return False

    # --- The bounds -------------------------------------------------------------------

    def _is_over(self, more_bytes: int = 0, more_files: int = 0) -> bool:
        files = len(self._charges) + self._held_files + more_files
        return (
            files > self._maximum_bodies
            or self.charged_bytes + more_bytes > self._maximum_bytes
        )

    def _is_more_held(self, more_bytes: int = 0, more_files: int = 0) -> bool:
        """Return whether more is held than received, of what there is too much of."""
        received_bytes = self.charged_bytes - self._held_bytes
        if self.charged_bytes + more_bytes > self._maximum_bytes:
            return self._held_bytes + more_bytes > received_bytes
        return self._held_files + more_files > len(self._charges)


def _size(holder: Holder) -> int:
    return holder.size
