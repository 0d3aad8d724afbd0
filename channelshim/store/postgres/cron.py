"""The last run of each cron job: who changes its row runs the job."""

from __future__ import annotations

import secrets
from typing import Final

from channelshim.errors import StorageError
from channelshim.store.postgres.connections import Database

_ROUNDING_SECONDS: Final = 0.001
"""Moments are sums of floats."""

_CLAIM_BYTES: Final = 12


class PostgresCronClaims:
    """The runs of cron jobs: contracts.cron.CronClaims. Any process.

    Args:
        database: the store's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, job: str, moment: float, gap_seconds: float = 0.0) -> float | None:
        """Claim the run of a job at a moment; see contracts.cron."""
        latest = moment - max(gap_seconds - _ROUNDING_SECONDS, _ROUNDING_SECONDS)
        # Where the connection breaks at the commit, nobody knows whether it took place.
        # So the row says whose claim it is, and the claim is made once more.
        claim = secrets.token_bytes(_CLAIM_BYTES)
        try:
            return self._claim(job.encode(), moment, latest, claim)
        except StorageError:
            return self._claim(job.encode(), moment, latest, claim)

    def _claim(
        self, job: bytes, moment: float, latest: float, claim: bytes
    ) -> float | None:
        # The row is locked by whoever comes first, and read again by the next.
        with self._database.write() as connection:
            has_claimed = connection.run(
                "INSERT INTO cron_run AS r VALUES (%s, %s, %s) ON CONFLICT (job) "
                "DO UPDATE SET at = excluded.at, claim = excluded.claim "
                "WHERE r.at <= %s",
                (job, moment, claim, latest),
            )
            if has_claimed:
                return None
            at, owner = connection.row(
                "SELECT at, claim FROM cron_run WHERE job = %s", (job,)
            )
        return None if owner == claim else float(at)
