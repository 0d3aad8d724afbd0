"""The clock."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The two times. Injected, so that tests can step it."""

    def time(self) -> float:
        """Return Unix seconds; may jump."""

    def monotonic(self) -> float:
        """Return seconds that never go back; comparable within one process."""
