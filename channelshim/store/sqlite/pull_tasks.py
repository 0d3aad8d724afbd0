"""Tasks of pull queues: the app leases them, does them and deletes them.

A lease is an eta in the future, as it was at Google: it stands in the file, so it
outlives the process, and no two processes hold the same task.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from channelshim.contracts.tasks import Added, LeaseState, PullTask, QueueStatistics
from channelshim.store.sqlite import task_names
from channelshim.store.sqlite.database import Database

COLUMNS: Final = "queue, name, eta, body, tag, leases"
_MICROSECONDS: Final = 1_000_000


class SqlitePullTasks:
    """The pull tasks of one store: contracts.tasks.PullTasks. Any process.

    Args:
        database: the store's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def lease(
        self,
        queue: str,
        now: float,
        lease_seconds: float,
        most: int,
        *,
        is_grouped: bool = False,
        tag: bytes | None = None,
        may_lease: Callable[[PullTask], bool] = lambda task: True,
    ) -> list[PullTask]:
        """Lease tasks whose eta has come, oldest first.

        Args:
            queue: its name.
            now: Unix seconds.
            lease_seconds: for which nobody else gets them.
            most: how many at most.
            is_grouped: whether all have one tag: `tag`, else that of the oldest.
            tag: None for that of the oldest, which may be none.
            may_lease: a task for which it says False is removed instead.

        Returns:
            the tasks as they stand now.
        """
        until = int((now + lease_seconds) * _MICROSECONDS)
        leased = []
        with self._database.write() as connection:
            rows = _find(connection, queue, now, most, is_grouped, tag)
            for task in map(read_pull_task, rows):
                if may_lease(task):
                    leased.append(
                        replace(task, eta_microseconds=until, leases=task.leases + 1)
                    )
                else:
                    _remove(connection, queue, [task.name], now)
            connection.executemany(
                "UPDATE pull_task SET eta = ?, leases = ? WHERE queue = ? AND name = ?",
                [(until, task.leases, queue, task.name) for task in leased],
            )
        return leased

    def renew(
        self,
        queue: str,
        name: str,
        eta_microseconds: int,
        now: float,
        lease_seconds: float,
    ) -> tuple[LeaseState, int]:
        """Let a lease end lease_seconds from now; return what became of it, its eta.

        Args:
            queue: its name.
            name: the task's.
            eta_microseconds: as the lease said it; another means another's lease.
            now: Unix seconds.
            lease_seconds: 0 gives the task up for others.
        """
        until = int((now + lease_seconds) * _MICROSECONDS)
        with self._database.write() as connection:
            found = connection.execute(
                "SELECT eta FROM pull_task WHERE queue = ? AND name = ?", (queue, name)
            ).fetchone()
            if found is None:
                is_resting = task_names.is_resting(connection, queue, name)
                return (LeaseState.TOMBSTONED if is_resting else LeaseState.UNKNOWN), 0
            if found[0] != eta_microseconds or found[0] < now * _MICROSECONDS:
                return LeaseState.EXPIRED, 0
            connection.execute(
                "UPDATE pull_task SET eta = ? WHERE queue = ? AND name = ?",
                (until, queue, name),
            )
        return LeaseState.HELD, until

    def delete(self, queue: str, names: Sequence[str], now: float) -> list[bool]:
        """Remove tasks, leased or not; return for each whether it was there."""
        with self._database.write() as connection:
            return _remove(connection, queue, names, now)

    def purge(self, queue: str) -> None:
        """Remove all tasks of a queue; their names are free at once."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM pull_task WHERE queue = ?", (queue,))

    def statistics(self, queue: str, now: float) -> QueueStatistics:
        """Return what a queue holds."""
        with self._database.read() as connection:
            count, oldest, leased = connection.execute(
                "SELECT count(*), min(eta), total(leases > 0 AND eta > ?) "
                "FROM pull_task WHERE queue = ?",
                (int(now * _MICROSECONDS), queue),
            ).fetchone()
        eta = None if oldest is None else oldest / _MICROSECONDS
        return QueueStatistics(count, eta, int(leased))

    def listed(
        self, queue: str, after: tuple[int, str] | None, limit: int
    ) -> list[PullTask]:
        """Return a page of a queue's tasks by eta, then name; leased ones too."""
        where: str = "queue = ?"
        values: tuple[object, ...] = (queue,)
        if after is not None:
            where, values = f"{where} AND (eta, name) > (?, ?)", (queue, *after)
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM pull_task WHERE {where} "
                "ORDER BY eta, name LIMIT ?",
                (*values, limit),
            ).fetchall()
        return [read_pull_task(row) for row in rows]

    def find(self, queue: str, name: str) -> PullTask | None:
        """Return one task, or None."""
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT {COLUMNS} FROM pull_task WHERE queue = ? AND name = ?",
                (queue, name),
            ).fetchone()
        return None if row is None else read_pull_task(row)


def _find(
    connection: sqlite3.Connection,
    queue: str,
    now: float,
    most: int,
    is_grouped: bool,
    tag: bytes | None,
) -> list[Sequence[Any]]:
    due = "FROM pull_task WHERE queue = ? AND eta <= ?"
    order = "ORDER BY eta, name LIMIT"
    values: tuple[object, ...] = (queue, int(now * _MICROSECONDS))
    if is_grouped and tag is None:
        oldest = connection.execute(f"SELECT tag {due} {order} 1", values).fetchone()
        tag = oldest[0] if oldest is not None else None
    if is_grouped:
        due, values = f"{due} AND tag IS ?", (*values, tag)
    return connection.execute(
        f"SELECT {COLUMNS} {due} {order} ?", (*values, most)
    ).fetchall()


def _remove(
    connection: sqlite3.Connection, queue: str, names: Sequence[str], now: float
) -> list[bool]:
    return task_names.remove(connection, "pull_task", queue, names, now)


def add(connection: sqlite3.Connection, task: PullTask) -> Added:
    """Add one task in a write transaction."""
    added = task_names.look_up(connection, "pull_task", task.queue, task.name)
    if added is not Added.DONE:
        return added
    connection.execute(
        f"INSERT INTO pull_task ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
        (
            task.queue,
            task.name,
            task.eta_microseconds,
            task.body,
            task.tag,
            task.leases,
        ),
    )
    return added


def read_pull_task(row: Sequence[Any]) -> PullTask:
    """Return the task of a row of COLUMNS."""
    queue, name, eta, body, tag, leases = row
    return PullTask(
        queue=queue,
        name=name,
        eta_microseconds=eta,
        body=body,
        tag=tag,
        leases=leases,
    )
