"""What a running server says about itself, for the pages and probes that show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Status(Protocol):
    """One registry of named checks and counters. Any thread.

    Rooms register what they know; health checks, metrics and the console read. What
    is registered under a name again takes the place of what was there.
    """

    def check(self, name: str, read: Callable[[], str]) -> None:
        """Register a check.

        Args:
            name: lower case with dots, the room first: "jobs.tasks".
            read: returns "" while all is well, else a sentence about what is wrong.
                Called in any thread; quick.
        """

    def counter(self, name: str, read: Callable[[], float]) -> None:
        """Register a number that shows how much there is, or has been.

        Args:
            name: as that of a check.
            read: returns the number. Called in any thread; quick.
        """

    def problems(self) -> dict[str, str]:
        """Return the sentence of each check that is not well, by name."""

    def counters(self) -> dict[str, float]:
        """Return the number of each counter that can be read, by name."""
