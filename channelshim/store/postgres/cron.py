"""The last run of each cron job: who changes its row runs the job."""

from __future__ import annotations

from typing import Final

from channelshim.store.postgres.connections import Database

_ROUNDING_SECONDS: Final = 0.001
"""Moments are sums of floats."""


class PostgresCronClaims:
    """The runs of cron jobs: contracts.cron.CronClaims. Any process.

    Args:
        database: the store's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, job: str, moment: float, gap_seconds: float = 0.0) -> float | None:
        """Claim the run of a job at a moment; see contracts.cron."""
        # The row is locked by whoever comes first, and read again by the next.
        latest = moment - max(gap_seconds - _ROUNDING_SECONDS, _ROUNDING_SECONDS)
        with self._database.write() as connection:
            has_claimed = connection.run(
                "INSERT INTO cron_run AS r VALUES (%s, %s) ON CONFLICT (job) "
                "DO UPDATE SET at = excluded.at WHERE r.at <= %s",
                (job.encode(), moment, latest),
            )
            if has_claimed:
                return None
            (at,) = connection.row(
                "SELECT at FROM cron_run WHERE job = %s", (job.encode(),)
            )
        return float(at)
