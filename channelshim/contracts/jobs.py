"""What a person can have the platform do by hand: tasks and cron jobs, now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CronResult:
    """How the last run of a cron job went.

    Attributes:
        started_at: Unix seconds.
        seconds: how long it took; None while it runs.
        status: what the app answered; None while it runs, and where it never did.
    """

    started_at: float
    seconds: float | None = None
    status: int | None = None


class JobControls(Protocol):
    """Tasks and cron jobs, steered by a person. Any thread but the loop's."""

    def run_task(self, queue: str, name: str) -> bool:
        """Run a task of a push queue now, whatever its eta and its queue's rate.

        Returns at once. Works where tasks do not run by themselves, too.

        Returns:
            False for a task that is gone, or in hand already; and where no app runs.

        Raises:
            StorageError: the store refuses.
        """

    def pause(self, queue: str, *, is_paused: bool) -> None:
        """Have a push queue's tasks wait until it is resumed, over restarts too.

        Raises:
            StorageError: the store refuses.
        """

    def paused(self) -> Collection[str]:
        """Return the names of the queues that were paused.

        Raises:
            StorageError: the store refuses.
        """

    def run_cron(self, number: int) -> bool:
        """Run a job of cron.yaml now. Returns at once.

        Args:
            number: its place in cron.yaml, from 0.

        Returns:
            False for one that runs already; and where no app runs.
        """

    def cron_results(self) -> Mapping[int, CronResult]:
        """Return how the last run of each job went, since the server's start."""
