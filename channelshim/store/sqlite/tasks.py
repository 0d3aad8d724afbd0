"""Tasks of the task queues: kept until they have run, leased while they run.

A task that a worker had in hand when it died is free again when that worker starts
again (`release`), or for another one when its lease ends, so each runs at least once.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from channelshim.contracts.tasks import (
    Added,
    ListedTask,
    NewTask,
    PullTask,
    QueueRule,
    QueueStatistics,
    Task,
)
from channelshim.store.sqlite import pull_tasks, task_names
from channelshim.store.sqlite.database import Database
from channelshim.store.task_rows import (
    COLUMNS,
    UNREADABLE,
    read_task,
    readable_task,
    task_values,
)

_TEXTS: Final = frozenset({"queue", "name", "method", "path", "headers", "retry"})

RAW_COLUMNS: Final = ", ".join(
    f"CAST({column} AS BLOB)" if column in _TEXTS else column
    for column in COLUMNS.split(", ")
)
"""Text that is not UTF-8, in a damaged file, would be an error of the whole query."""

WORKER_ID: Final = "main"
"""Of the one process that serves a store."""

PAUSED: Final = "paused queues"

_NEVER: Final = 1e18

_IS_FREE: Final = "(leased_until = 0 OR leased_until <= ? AND leased_by <> ?)"
"""At a time, for a worker: what that one has itself is not free by time."""


class SqliteTasks:
    """The push tasks of one store: contracts.tasks.Tasks. Any process.

    Args:
        database: the store's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def worker_id(self) -> str:
        """Who takes tasks: the one process that serves the store."""
        return WORKER_ID

    @property
    def is_shared(self) -> bool:
        """Whether servers that know nothing of each other take tasks here."""
        return False

    def add(self, tasks: Sequence[NewTask], now: float) -> list[Added]:
        """Add tasks, to pull queues too, in one commit; one refused stops no other."""
        with self._database.write() as connection:
            return add_tasks(connection, tasks, now)

    def take(
        self,
        worker_id: str,
        now: float,
        *,
        limit: int,
        lease_seconds: float,
        excluded_queues: Collection[str] = (),
        rules: Collection[QueueRule] = (),
    ) -> list[Task]:
        """Lease tasks that are due, longest due first; rules are its one worker's.

        One that cannot be read, of a damaged file, is put aside until the worker
        starts again; the log names it.
        """
        marks = ",".join("?" * len(excluded_queues))
        with self._database.write() as connection:
            rows = connection.execute(
                f"SELECT {RAW_COLUMNS} FROM task WHERE eta <= ? AND {_IS_FREE} "
                f"AND queue NOT IN ({marks}) ORDER BY eta LIMIT ?",
                (now, now, worker_id, *excluded_queues, limit),
            ).fetchall()
            tasks = [
                replace(task, lease=secrets.randbits(62) + 1)
                for row in rows
                if (task := _read(connection, row, worker_id))
            ]
            _lease(connection, tasks, worker_id, now, lease_seconds)
        return tasks

    def waits(self, rules: Collection[QueueRule], now: float) -> dict[str, float]:
        """Return 0 for each queue: the one worker counts for itself."""
        return {rule.queue: 0.0 for rule in rules}

    def count_others(self, worker_id: str) -> int:
        """Return 0: one process has the lease."""
        return 0

    def beat(self, worker_id: str) -> None:
        """Do nothing: the lease of the store says who lives."""

    def renew(self, worker_id: str, until: float) -> None:
        """Keep what this worker has in hand from the others for longer."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE task SET leased_until = ? "
                "WHERE leased_by = ? AND leased_until > 0 AND leased_until < ?",
                (until, worker_id, until),
            )

    def give_back(self, task: Task, eta: float, *, counts_as_try: bool = True) -> None:
        """Free a task to run again at eta, if this lease of it still holds."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE task SET leased_until = 0, eta = ?, retries = retries + ? "
                "WHERE queue = ? AND name = ? AND lease = ?",
                (eta, int(counts_as_try), *_key(task), task.lease),
            )

    def finish(self, task: Task, now: float) -> None:
        """Remove a task that has run, or is given up; its name rests for a while."""
        with self._database.write() as connection:
            holds = connection.execute(
                "SELECT 1 FROM task WHERE queue = ? AND name = ? AND lease = ?",
                (*_key(task), task.lease),
            ).fetchone()
            if holds:
                task_names.remove(connection, "task", task.queue, [task.name], now)

    def delete(self, queue: str, names: Sequence[str], now: float) -> list[bool]:
        """Remove tasks; return for each whether it was there."""
        with self._database.write() as connection:
            return task_names.remove(connection, "task", queue, names, now)

    def purge(self, queue: str) -> None:
        """Remove all tasks of a queue; their names are free at once."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM task WHERE queue = ?", (queue,))

    def release(self, worker_id: str) -> None:
        """Free what this worker had leased before it died; others keep theirs."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE task SET leased_until = 0 WHERE leased_by = ?", (worker_id,)
            )

    def next_eta(
        self, worker_id: str, excluded_queues: Collection[str] = ()
    ) -> float | None:
        """Return when the next task will be free for this worker, or None."""
        marks = ",".join("?" * len(excluded_queues))
        with self._database.read() as connection:
            (eta,) = connection.execute(
                "SELECT min(max(eta, leased_until)) FROM task WHERE "
                f"(leased_until = 0 OR leased_by <> ?) AND queue NOT IN ({marks})",
                (worker_id, *excluded_queues),
            ).fetchone()
        # What else stands there, in a damaged file, is never due.
        return float(eta) if isinstance(eta, (int, float)) else None

    def statistics(self, queue: str, now: float) -> QueueStatistics:
        """Return what a queue holds."""
        with self._database.read() as connection:
            count, oldest, running = connection.execute(
                "SELECT count(*), min(eta), total(leased_until > ?) "
                "FROM task WHERE queue = ?",
                (now, queue),
            ).fetchone()
        return QueueStatistics(count, oldest, int(running))

    def listed(
        self, queue: str, after: tuple[float, str] | None, limit: int
    ) -> list[ListedTask]:
        """Return a page of a queue's tasks by eta, then name; those in hand too."""
        where = "queue = ?"
        values: list[object] = [queue]
        if after is not None:
            where, values = f"{where} AND (eta, name) > (?, ?)", [queue, *after]
        return self._look(f"{where} ORDER BY eta, name LIMIT ?", *values, limit)

    def find(self, queue: str, name: str) -> ListedTask | None:
        """Return one task, or None."""
        found = self._look("queue = ? AND name = ?", queue, name)
        return found[0] if found else None

    def take_named(
        self, worker_id: str, queue: str, name: str, now: float, lease_seconds: float
    ) -> Task | None:
        """Lease one task, due or not; None when it is gone or in somebody's hand."""
        with self._database.write() as connection:
            row = connection.execute(
                f"SELECT {RAW_COLUMNS} FROM task WHERE queue = ? AND name = ? "
                f"AND {_IS_FREE}",
                (queue, name, now, worker_id),
            ).fetchone()
            task = None if row is None else _read(connection, row, worker_id)
            if task is None:
                return None
            task = replace(task, lease=secrets.randbits(62) + 1)
            _lease(connection, [task], worker_id, now, lease_seconds)
        return task

    def pause(self, queue: str, *, is_paused: bool) -> None:
        """Note whether a queue's tasks wait until somebody resumes it."""
        with self._database.write() as connection:
            names = read_paused(connection)
            changed = names | {queue} if is_paused else names - {queue}
            if changed != names:
                connection.execute(
                    "INSERT OR REPLACE INTO saved VALUES (?, ?)",
                    (PAUSED, json.dumps(sorted(changed)).encode("ascii")),
                )

    def paused(self) -> frozenset[str]:
        """Return the names of the queues that were paused."""
        with self._database.read() as connection:
            return read_paused(connection)

    def _look(self, condition: str, *values: object) -> list[ListedTask]:
        found = []
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {RAW_COLUMNS}, leased_until FROM task WHERE {condition}",
                values,
            )
            for *row, leased_until in rows:
                with contextlib.suppress(*UNREADABLE):
                    found.append(ListedTask(read_task(row), float(leased_until)))
        return found


def read_paused(connection: sqlite3.Connection) -> frozenset[str]:
    """Return the names of the queues that were paused, within a transaction."""
    row = connection.execute(
        "SELECT CAST(value AS BLOB) FROM saved WHERE name = ?", (PAUSED,)
    ).fetchone()
    # What cannot be read, of a damaged file, pauses nothing.
    with contextlib.suppress(*UNREADABLE):
        return frozenset(map(str, json.loads(row[0])))
    return frozenset()


def _lease(
    connection: sqlite3.Connection,
    tasks: Sequence[Task],
    worker_id: str,
    now: float,
    lease_seconds: float,
) -> None:
    connection.executemany(
        "UPDATE task SET leased_until = ?, leased_by = ?, lease = ?, "
        "first_tried_at = coalesce(first_tried_at, ?) "
        "WHERE queue = ? AND name = ?",
        [
            (now + lease_seconds, worker_id, task.lease, now, *_key(task))
            for task in tasks
        ],
    )


def _key(task: Task) -> tuple[str, str]:
    return task.queue, task.name


def add_tasks(
    connection: sqlite3.Connection, tasks: Sequence[NewTask], now: float
) -> list[Added]:
    """Add tasks of both kinds in a write transaction that has begun."""
    task_names.forget_rested(connection, now)
    return [
        pull_tasks.add(connection, task)
        if isinstance(task, PullTask)
        else _add(connection, task)
        for task in tasks
    ]


def _add(connection: sqlite3.Connection, task: Task) -> Added:
    key = _key(task)
    added = task_names.look_up(connection, "task", *key)
    if added is not Added.DONE:
        return added
    connection.execute(
        f"INSERT INTO task ({COLUMNS}, leased_until) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        task_values(task),
    )
    return added


def _read(
    connection: sqlite3.Connection, row: Sequence[Any], worker_id: str
) -> Task | None:
    """Return the task of a row; put one aside that cannot be read."""
    task = readable_task(row)
    if task is not None:
        return task
    # As blobs: they may be no text.
    connection.execute(
        "UPDATE task SET leased_until = ?, leased_by = ? "
        "WHERE CAST(queue AS BLOB) IS ? AND CAST(name AS BLOB) IS ?",
        (_NEVER, worker_id, row[0], row[1]),
    )
    return None
