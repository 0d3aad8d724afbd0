"""Who runs a cron job at a moment, where several servers could."""

from __future__ import annotations

from typing import Protocol


class CronClaims(Protocol):
    """The last run of each job, over all servers of a store. Any thread."""

    def claim(self, job: str, moment: float, gap_seconds: float = 0.0) -> float | None:
        """Claim the run of a job at a moment, for one caller alone.

        Args:
            job: which one; the same text on every server.
            moment: Unix seconds at which it is due.
            gap_seconds: how long after the last run it is due at the earliest, for a
                job whose moments differ between servers.

        Returns:
            None for whoever is to run it; for the others the moment of the run that is
            instead of it.

        Raises:
            StorageError: the store refuses; nothing is claimed.
        """
