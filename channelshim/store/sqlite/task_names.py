"""What push and pull tasks share: each name once per queue, and its rest afterwards.

Source: taskqueue.Task, the paragraph on names; the rest is taskqueue's tombstone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Literal

from channelshim import limits
from channelshim.contracts.tasks import Added

Table = Literal["task", "pull_task"]


def look_up(connection: sqlite3.Connection, table: Table, *key: str) -> Added:
    """Return whether a task may be added under key: its queue and its name."""
    where = "WHERE queue = ? AND name = ?"
    if connection.execute(f"SELECT 1 FROM {table} {where}", key).fetchone():
        return Added.EXISTS
    if is_resting(connection, *key):
        return Added.TOMBSTONED
    return Added.DONE


def is_resting(connection: sqlite3.Connection, *key: str) -> bool:
    """Return whether the name has been used lately."""
    rows = connection.execute(
        "SELECT 1 FROM task_tombstone WHERE queue = ? AND name = ?", key
    )
    return rows.fetchone() is not None


def forget_rested(connection: sqlite3.Connection, now: float) -> None:
    """Free the names that have rested long enough."""
    connection.execute("DELETE FROM task_tombstone WHERE ends_at <= ?", (now,))


def remove(
    connection: sqlite3.Connection,
    table: Table,
    queue: str,
    names: Sequence[str],
    now: float,
) -> list[bool]:
    """Remove tasks and let their names rest; return for each whether it was there."""
    removed = []
    for name in names:
        cursor = connection.execute(
            f"DELETE FROM {table} WHERE queue = ? AND name = ?", (queue, name)
        )
        removed.append(cursor.rowcount > 0)
        if cursor.rowcount:
            connection.execute(
                "INSERT OR REPLACE INTO task_tombstone VALUES (?, ?, ?)",
                (queue, name, now + limits.TASK_TOMBSTONE_SECONDS),
            )
    return removed
