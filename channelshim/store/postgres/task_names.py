"""What push and pull tasks share: each name once per queue, and its rest afterwards.

Source: taskqueue.Task, the paragraph on names; the rest is taskqueue's tombstone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from channelshim import limits
from channelshim.contracts.tasks import Added
from channelshim.store.postgres.session import Connection

Table = Literal["task", "pull_task"]


def settle(
    connection: Connection,
    table: Table,
    key: tuple[bytes, bytes],
    inserted: int,
    now: float,
) -> Added:
    """Return what became of a row that was just inserted, ON CONFLICT DO NOTHING.

    Looked up afterwards: an insert waits for whoever is removing a task of that name,
    and only then can the name be seen to rest.

    Args:
        connection: within a transaction that writes.
        table: of the row.
        key: queue and name.
        inserted: how many rows the insert has made.
        now: Unix seconds.
    """
    if not inserted:
        return Added.EXISTS
    if not is_resting(connection, key, now):
        return Added.DONE
    connection.run(f"DELETE FROM {table} WHERE queue = %s AND name = %s", key)
    return Added.TOMBSTONED


def is_resting(connection: Connection, key: tuple[bytes, bytes], now: float) -> bool:
    """Return whether the name has been used lately."""
    row = connection.row(
        "SELECT 1 FROM task_tombstone WHERE queue = %s AND name = %s AND ends_at > %s",
        (*key, now),
    )
    return row is not None


def forget_rested(connection: Connection, now: float) -> None:
    """Free the names that have rested long enough."""
    # What another process is removing too is left to it.
    connection.run(
        "DELETE FROM task_tombstone WHERE (queue, name) IN (SELECT queue, name "
        "FROM task_tombstone WHERE ends_at <= %s FOR UPDATE SKIP LOCKED)",
        (now,),
    )


def remove(
    connection: Connection,
    table: Table,
    queue: bytes,
    names: Sequence[bytes],
    now: float,
) -> list[bool]:
    """Remove tasks and let their names rest; return for each whether it was there."""
    # Locked in one order, so that no two wait for each other.
    connection.rows(
        f"SELECT 1 FROM {table} WHERE queue = %s AND name = ANY(%s::bytea[]) "
        "ORDER BY name FOR UPDATE",
        (queue, list(names)),
    )
    rows = connection.rows(
        f"WITH gone AS (DELETE FROM {table} WHERE queue = %s "
        "AND name = ANY(%s::bytea[]) RETURNING queue, name) "
        "INSERT INTO task_tombstone SELECT queue, name, %s FROM gone ORDER BY name "
        "ON CONFLICT (queue, name) DO UPDATE SET ends_at = excluded.ends_at "
        "RETURNING name",
        (queue, list(names), now + limits.TASK_TOMBSTONE_SECONDS),
    )
    removed = {bytes(name) for (name,) in rows}
    answers = []
    for name in names:
        answers.append(name in removed)
        # Named twice, it was there once.
        removed.discard(name)
    return answers
