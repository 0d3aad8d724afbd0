"""What a running server says about itself, for the pages and probes that show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

PATH_HEALTH: Final = "/_ah/health"
"""Where load balancers ask how a server is, as they did for App Engine's instances."""

PATH_METRICS: Final = "/metrics"
"""Where Prometheus looks by itself."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many of something were how long.

    Attributes:
        bounds: seconds, ascending: the upper end of each class, included.
        counts: of each class alone, and at the end of what is longer than all bounds.
        total: seconds of all together.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


@dataclass(frozen=True, slots=True)
class Findings:
    """What checks say that are not well.

    Attributes:
        problems: the sentence of each, by name.
        vital: those of vital checks.
    """

    problems: Mapping[str, str]
    vital: Mapping[str, str]


class Status(Protocol):
    """One registry of named checks and numbers. Any thread.

    Rooms register what they know; health checks, metrics and the console read. What
    is registered under a name again takes the place of what was there. Names are lower
    case with dots, the room first: "jobs.tasks".
    """

    def check(
        self, name: str, read: Callable[[], str], *, is_vital: bool = True
    ) -> None:
        """Register a check.

        Args:
            name: see Status.
            read: returns "" while all is well, else a sentence about what is wrong.
                Called in any thread; quick.
            is_vital: whether requests should go to another server meanwhile.
        """

    def counter(self, name: str, read: Callable[[], float]) -> None:
        """Register a number that shows how much there is, or has been.

        Args:
            name: see Status.
            read: returns the number. Called in any thread; quick.
        """

    def table(
        self, name: str, label: str, read: Callable[[], Mapping[str, float]]
    ) -> None:
        """Register a number for each of a few things.

        Args:
            name: see Status.
            label: what the things are: "job".
            read: returns the numbers by thing. Called in any thread; quick.
        """

    def histogram(self, name: str, read: Callable[[], Histogram]) -> None:
        """Register how long something took.

        Args:
            name: see Status.
            read: returns all so far. Called in any thread; quick.
        """

    def findings(self) -> Findings:
        """Return what is not well: each check is asked once.

        A check that hangs is a problem after a few seconds, and hides no other for
        longer. Any thread but the loop's, which would wait.
        """

    def problems(self) -> dict[str, str]:
        """Return the problems of `findings` alone."""

    def vital_problems(self) -> dict[str, str]:
        """Return the vital ones; no other check is asked. Waits for one that hangs."""

    def counters(self) -> dict[str, float]:
        """Return the number of each counter that can be read, by name."""

    def tables(self) -> dict[str, tuple[str, Mapping[str, float]]]:
        """Return label and numbers of each table that can be read, by name."""

    def histograms(self) -> dict[str, Histogram]:
        """Return each histogram that can be read, by name."""
