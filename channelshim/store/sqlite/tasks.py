"""Tasks of the task queues: kept until they have run, leased while they run.

A task that a process had in hand when it died is free again when the next one starts
(`release_all`), so each runs at least once.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from channelshim.contracts.tasks import Added, QueueStatistics, Task
from channelshim.store.sqlite import task_names
from channelshim.store.sqlite.database import Database

_logger = logging.getLogger("channelshim.store")

_COLUMNS: Final = (
    "queue, name, eta, method, path, headers, body, retry, retries, first_tried_at"
)

_TEXTS: Final = frozenset({"queue", "name", "method", "path", "headers", "retry"})

_RAW_COLUMNS: Final = ", ".join(
    f"CAST({column} AS BLOB)" if column in _TEXTS else column
    for column in _COLUMNS.split(", ")
)
"""Text that is no UTF-8, in a damaged file, would be an error of the whole query."""

_NEVER: Final = 1e18


class TaskStore:
    """The tasks in the store's SQLite file. Any thread.

    Args:
        database: the store's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, tasks: Iterable[Task], now: float) -> list[Added]:
        """Add tasks in one commit; one that cannot be added stops no other.

        Raises:
            StorageError: none was added.
        """
        with self.writing(now) as connection:
            return self.add_within(connection, tasks)

    @contextmanager
    def writing(self, now: float) -> Iterator[sqlite3.Connection]:
        """Give a write transaction for `add_within`, names that have rested freed."""
        with self._database.write() as connection:
            task_names.forget_rested(connection, now)
            yield connection

    def add_within(
        self, connection: sqlite3.Connection, tasks: Iterable[Task]
    ) -> list[Added]:
        """Add tasks in a write transaction of the same database that has begun."""
        return [_add(connection, task) for task in tasks]

    def is_in(self, database: Database) -> bool:
        """Return whether the tasks stand in this database."""
        return self._database is database

    def take(
        self,
        now: float,
        *,
        limit: int,
        lease_seconds: float,
        excluded_queues: Collection[str] = (),
    ) -> list[Task]:
        """Lease tasks that are due, longest due first.

        One that cannot be read, of a damaged file, is put aside until the next
        `release_all`; the log names it.

        Args:
            now: Unix seconds.
            limit: how many at most.
            lease_seconds: after which they are free again.
            excluded_queues: none of theirs.
        """
        marks = ",".join("?" * len(excluded_queues))
        with self._database.write() as connection:
            rows = connection.execute(
                f"SELECT {_RAW_COLUMNS} FROM task WHERE eta <= ? AND leased_until <= ? "
                f"AND queue NOT IN ({marks}) ORDER BY eta LIMIT ?",
                (now, now, *excluded_queues, limit),
            ).fetchall()
            tasks = [task for row in rows if (task := _read(connection, row))]
            connection.executemany(
                "UPDATE task SET leased_until = ?, "
                "first_tried_at = coalesce(first_tried_at, ?) "
                "WHERE queue = ? AND name = ?",
                [(now + lease_seconds, now, task.queue, task.name) for task in tasks],
            )
        return tasks

    def give_back(self, task: Task, eta: float, *, counts_as_try: bool = True) -> None:
        """Free a leased task, to run again at eta; one that is gone stays gone."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE task SET leased_until = 0, eta = ?, retries = retries + ? "
                "WHERE queue = ? AND name = ?",
                (eta, int(counts_as_try), task.queue, task.name),
            )

    def finish(self, task: Task, now: float) -> None:
        """Remove a task that has run, or is given up; its name rests for a while."""
        self.delete(task.queue, [task.name], now)

    def delete(self, queue: str, names: Sequence[str], now: float) -> list[bool]:
        """Remove tasks; return for each whether it was there."""
        with self._database.write() as connection:
            return task_names.remove(connection, "task", queue, names, now)

    def purge(self, queue: str) -> None:
        """Remove all tasks of a queue; their names are free at once."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM task WHERE queue = ?", (queue,))

    def release_all(self) -> None:
        """Free every leased task: no other process serves this store."""
        with self._database.write() as connection:
            connection.execute("UPDATE task SET leased_until = 0")

    def next_eta(self, excluded_queues: Collection[str] = ()) -> float | None:
        """Return when the next task that nobody has in hand is due, or None."""
        marks = ",".join("?" * len(excluded_queues))
        with self._database.read() as connection:
            (eta,) = connection.execute(
                "SELECT min(max(eta, leased_until)) FROM task "
                f"WHERE queue NOT IN ({marks})",
                tuple(excluded_queues),
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


def _add(connection: sqlite3.Connection, task: Task) -> Added:
    key = (task.queue, task.name)
    added = task_names.look_up(connection, "task", *key)
    if added is not Added.DONE:
        return added
    connection.execute(
        f"INSERT INTO task ({_COLUMNS}, leased_until) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        (
            *key,
            task.eta,
            task.method,
            task.path,
            json.dumps(task.headers),
            task.body,
            None if task.retry is None else json.dumps(task.retry),
            task.retries,
            task.first_tried_at,
        ),
    )
    return added


def _read(connection: sqlite3.Connection, row: Sequence[object]) -> Task | None:
    """Return the task of a row; put one aside that cannot be read."""
    try:
        return _task(row)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        _logger.error(
            "the task %r of queue %r cannot be read (%s) and is left out until the "
            "next start; to be rid of it, purge the queue",
            row[1],
            row[0],
            error,
        )
    # As blobs: they may be no text.
    connection.execute(
        "UPDATE task SET leased_until = ? WHERE CAST(queue AS BLOB) IS ? "
        "AND CAST(name AS BLOB) IS ?",
        (_NEVER, row[0], row[1]),
    )
    return None


def _task(row: Sequence[Any]) -> Task:
    queue, name, eta, method, path, headers, body, retry, retries, first = row
    pairs = tuple((str(key), str(value)) for key, value in json.loads(headers))
    own_retry = None if retry is None else json.loads(retry)
    if own_retry is not None:
        own_retry = {str(key): float(value) for key, value in own_retry.items()}
    return Task(
        queue=queue.decode("utf-8"),
        name=name.decode("utf-8"),
        eta=float(eta),
        method=method.decode("utf-8"),
        path=path.decode("utf-8"),
        headers=pairs,
        body=bytes(body),
        retry=own_retry,
        retries=int(retries),
        first_tried_at=None if first is None else float(first),
    )
