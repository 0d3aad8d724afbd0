"""Tasks of pull queues: the app leases them, does them and deletes them.

A lease is an eta in the future, as it was at Google. Rows that another process is
leasing at this moment are passed over, so no two processes hold the same task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from channelshim.contracts.tasks import Added, LeaseState, PullTask, QueueStatistics
from channelshim.store.postgres import task_names
from channelshim.store.postgres.connections import Database
from channelshim.store.postgres.session import Connection

COLUMNS: Final = "queue, name, eta, body, tag, leases"
_MICROSECONDS: Final = 1_000_000


class PostgresPullTasks:
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
        """Lease tasks whose eta has come, oldest first; see contracts.tasks."""
        until = int((now + lease_seconds) * _MICROSECONDS)
        leased = []
        with self._database.write() as connection:
            name = queue.encode()
            rows = _find(connection, name, now, most, is_grouped, tag)
            for task in map(read_pull_task, rows):
                if may_lease(task):
                    leased.append(
                        replace(task, eta_microseconds=until, leases=task.leases + 1)
                    )
                else:
                    gone = [task.name.encode()]
                    task_names.remove(connection, "pull_task", name, gone, now)
            connection.run(
                "UPDATE pull_task SET eta = %s, leases = leases + 1 "
                "WHERE queue = %s AND name = ANY(%s::bytea[])",
                (until, name, [task.name.encode() for task in leased]),
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
        """Let a lease end lease_seconds from now; return what became of it, its eta."""
        until = int((now + lease_seconds) * _MICROSECONDS)
        with self._database.write() as connection:
            key = queue.encode(), name.encode()
            found = connection.row(
                "SELECT eta FROM pull_task WHERE queue = %s AND name = %s FOR UPDATE",
                key,
            )
            if found is None:
                is_resting = task_names.is_resting(connection, key, now)
                return (LeaseState.TOMBSTONED if is_resting else LeaseState.UNKNOWN), 0
            if found[0] != eta_microseconds or found[0] < now * _MICROSECONDS:
                return LeaseState.EXPIRED, 0
            connection.run(
                "UPDATE pull_task SET eta = %s WHERE queue = %s AND name = %s",
                (until, *key),
            )
        return LeaseState.HELD, until

    def delete(self, queue: str, names: Sequence[str], now: float) -> list[bool]:
        """Remove tasks, leased or not; return for each whether it was there."""
        with self._database.write() as connection:
            return task_names.remove(
                connection,
                "pull_task",
                queue.encode(),
                [name.encode() for name in names],
                now,
            )

    def purge(self, queue: str) -> None:
        """Remove all tasks of a queue; their names are free at once."""
        with self._database.once() as connection:
            connection.run("DELETE FROM pull_task WHERE queue = %s", (queue.encode(),))

    def statistics(self, queue: str, now: float) -> QueueStatistics:
        """Return what a queue holds."""
        with self._database.once() as connection:
            count, oldest, leased = connection.row(
                "SELECT count(*), min(eta), "
                "count(*) FILTER (WHERE leases > 0 AND eta > %s) "
                "FROM pull_task WHERE queue = %s",
                (int(now * _MICROSECONDS), queue.encode()),
            )
        eta = None if oldest is None else oldest / _MICROSECONDS
        return QueueStatistics(count, eta, leased)

    def listed(
        self, queue: str, after: tuple[int, str] | None, limit: int
    ) -> list[PullTask]:
        """Return a page of a queue's tasks by eta, then name; leased ones too."""
        with self._database.once() as connection:
            where = "queue = %s"
            values: list[object] = [queue.encode()]
            if after is not None:
                where += " AND (eta, name) > (%s, %s)"
                values += [after[0], after[1].encode()]
            rows = connection.rows(
                f"SELECT {COLUMNS} FROM pull_task WHERE {where} "
                "ORDER BY eta, name LIMIT %s",
                [*values, limit],
            )
        return [read_pull_task(row) for row in rows]

    def find(self, queue: str, name: str) -> PullTask | None:
        """Return one task, or None."""
        with self._database.once() as connection:
            row = connection.row(
                f"SELECT {COLUMNS} FROM pull_task WHERE queue = %s AND name = %s",
                (queue.encode(), name.encode()),
            )
        return None if row is None else read_pull_task(row)


def _find(
    connection: Connection,
    queue: bytes,
    now: float,
    most: int,
    is_grouped: bool,
    tag: bytes | None,
) -> list[Any]:
    due = "FROM pull_task WHERE queue = %s AND eta <= %s"
    order = "ORDER BY eta, name LIMIT"
    values: tuple[object, ...] = (queue, int(now * _MICROSECONDS))
    if is_grouped and tag is None:
        oldest = connection.row(f"SELECT tag {due} {order} 1", values)
        tag = oldest[0] if oldest is not None else None
    if is_grouped and tag is None:
        due = f"{due} AND tag IS NULL"
    elif is_grouped:
        due, values = f"{due} AND tag = %s", (*values, tag)
    return connection.rows(
        f"SELECT {COLUMNS} {due} {order} %s FOR UPDATE SKIP LOCKED", (*values, most)
    )


def add(connection: Connection, task: PullTask, now: float) -> Added:
    """Add one task in a transaction that writes."""
    key = task.queue.encode(), task.name.encode()
    inserted = connection.run(
        f"INSERT INTO pull_task ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        (*key, task.eta_microseconds, task.body, task.tag, task.leases),
    )
    return task_names.settle(connection, "pull_task", key, inserted, now)


def read_pull_task(row: Sequence[Any]) -> PullTask:
    """Return the task of a row of COLUMNS."""
    queue, name, eta, body, tag, leases = row
    return PullTask(
        queue=queue.decode(),
        name=name.decode(),
        eta_microseconds=eta,
        body=body,
        tag=tag,
        leases=leases,
    )
