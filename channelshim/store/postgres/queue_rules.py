"""The rates of queues and what runs at once, over all processes of a store.

Each queue has a row with its token bucket. Whoever takes tasks holds the rows of the
queues with rules until the commit, in the order of their names, so what it counts
cannot change meanwhile. The database's clock fills the buckets: those of machines may
differ.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from channelshim.contracts.tasks import QueueRule
from channelshim.store.postgres.session import Connection

_PAUSED_SECONDS: Final = 60.0
_FULL_SECONDS: Final = 1.0
"""Somebody else's task may end at any moment, and nobody tells us."""

_CLOCK: Final = "extract(epoch FROM clock_timestamp())::double precision"


@dataclass(slots=True)
class Bucket:
    """What a queue may start now.

    Attributes:
        rule: the queue's.
        tokens: tasks that may start.
        filled_at: seconds of the database's clock.
        in_hand: tasks that run anywhere.
    """

    rule: QueueRule
    tokens: float
    filled_at: float
    in_hand: int = 0

    def fill(self, now: float) -> None:
        """Add what has come since it was filled last."""
        rate = self.rule.per_second
        if rate is None:
            return
        elapsed = max(0.0, now - self.filled_at)
        self.tokens = min(float(self.rule.bucket_size), self.tokens + elapsed * rate)
        self.filled_at = max(now, self.filled_at)

    @property
    def wait_seconds(self) -> float:
        """Seconds until a task may start; 0 for now."""
        most, rate = self.rule.max_concurrent, self.rule.per_second
        if most is not None and self.in_hand >= most:
            return _FULL_SECONDS
        if rate is None or self.tokens >= 1:
            return 0.0
        return (1 - self.tokens) / rate if rate else _PAUSED_SECONDS

    def spend(self) -> None:
        """Count a task that starts."""
        self.in_hand += 1
        if self.rule.per_second is not None:
            self.tokens -= 1


def read_buckets(
    connection: Connection, rules: Collection[QueueRule], now: float, *, is_taking: bool
) -> dict[bytes, Bucket]:
    """Return the bucket of each queue with a rule, filled.

    Args:
        connection: within a transaction that writes, if is_taking.
        rules: of the queues.
        now: Unix seconds, for leases that have ended.
        is_taking: whether the rows are held until the commit.
    """
    by_queue = {rule.queue.encode(): rule for rule in rules}
    names = sorted(by_queue)
    hold = "FOR UPDATE" if is_taking else ""
    select = (
        f"SELECT queue, tokens, filled_at, {_CLOCK} FROM task_queue "
        f"WHERE queue = ANY(%s::bytea[]) ORDER BY queue {hold}"
    )
    rows = connection.rows(select, (names,))
    if len(rows) < len(names) and is_taking:
        connection.run(
            f"INSERT INTO task_queue SELECT queue, tokens, {_CLOCK} "
            "FROM unnest(%s::bytea[], %s::double precision[]) AS new (queue, tokens) "
            "ON CONFLICT DO NOTHING",
            (names, [float(by_queue[name].bucket_size) for name in names]),
        )
        rows = connection.rows(select, (names,))
    buckets = {
        name: Bucket(rule, float(rule.bucket_size), 0.0)
        for name, rule in by_queue.items()
    }
    for queue, tokens, filled_at, clock in rows:
        bucket = Bucket(by_queue[queue], tokens, filled_at)
        bucket.fill(clock)
        buckets[queue] = bucket
    _count_in_hand(connection, buckets, now)
    return buckets


def write_buckets(connection: Connection, buckets: Collection[Bucket]) -> None:
    """Store buckets of which something was spent."""
    connection.run_many(
        "UPDATE task_queue SET tokens = %s, filled_at = %s WHERE queue = %s",
        [
            (bucket.tokens, bucket.filled_at, bucket.rule.queue.encode())
            for bucket in buckets
        ],
    )


def _count_in_hand(
    connection: Connection, buckets: dict[bytes, Bucket], now: float
) -> None:
    bounded = [
        queue
        for queue, bucket in buckets.items()
        if bucket.rule.max_concurrent is not None
    ]
    if not bounded:
        return
    for queue, count in connection.rows(
        "SELECT queue, count(*) FROM task WHERE leased_until > greatest(%s, 0) "
        "AND queue = ANY(%s::bytea[]) GROUP BY queue",
        (now, bounded),
    ):
        buckets[queue].in_hand = count
