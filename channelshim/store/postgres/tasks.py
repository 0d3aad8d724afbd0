"""Tasks of the task queues: kept until they have run, leased while they run.

Rows that another process is taking at this moment are passed over, so that each task is
taken once. What a dead worker had in hand is free when it starts again (`release`),
when it has been silent for too long (`beat`), or else when its lease ends.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from channelshim.contracts.tasks import (
    WORKER_BEAT_SECONDS,
    WORKER_SILENCE_SECONDS,
    Added,
    ListedTask,
    NewTask,
    PullTask,
    QueueRule,
    QueueStatistics,
    Task,
)
from channelshim.store.postgres import pull_tasks, task_names
from channelshim.store.postgres.connections import Database
from channelshim.store.postgres.queue_rules import (
    Bucket,
    read_buckets,
    write_buckets,
)
from channelshim.store.postgres.session import Connection
from channelshim.store.task_rows import (
    COLUMNS,
    UNREADABLE,
    read_task,
    readable_task,
    task_values,
)

_NEVER: Final = 1e18

_IS_FREE: Final = "(leased_until = 0 OR leased_until <= %s AND leased_by <> %s)"
"""At a time, for a worker: what that one has itself is not free by time."""


class PostgresTasks:
    """The push tasks of one store: contracts.tasks.Tasks. Any process.

    Args:
        database: the store's.
        worker_id: of this process's leases; the same after a restart, another for each
            process that is alive.
    """

    def __init__(self, database: Database, worker_id: str) -> None:
        self._database = database
        self._worker_id = worker_id
        self._beating = threading.Lock()
        # Monotonic seconds: of the last beat, and of the first one without a gap.
        self._beat_at = self._beating_since = float("-inf")

    @property
    def worker_id(self) -> str:
        """Who takes tasks in this process."""
        return self._worker_id

    def rename(self, worker_id: str) -> None:
        """Take tasks under another name from now on."""
        self._worker_id = worker_id

    @property
    def is_shared(self) -> bool:
        """Whether servers that know nothing of each other take tasks here."""
        return True

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
        """Lease tasks that are due, longest due first.

        One that cannot be read is put aside until the worker starts again; the log
        names it.
        """
        worker = worker_id.encode()
        with self._database.write() as connection:
            closed = [queue.encode() for queue in excluded_queues]
            open_rules = [rule for rule in rules if rule.queue not in excluded_queues]
            buckets = {}
            if open_rules:
                buckets = read_buckets(connection, open_rules, now, is_taking=True)
            closed += [queue for queue, each in buckets.items() if each.wait_seconds]
            rows = connection.rows(
                f"SELECT {COLUMNS} FROM task WHERE eta <= %s AND {_IS_FREE} "
                "AND queue <> ALL(%s::bytea[]) ORDER BY eta LIMIT %s "
                "FOR UPDATE SKIP LOCKED",
                (now, now, worker, closed, limit),
            )
            tasks = _within_rules(
                [task for row in rows if (task := _read(connection, row, worker))],
                buckets,
            )
            _lease(connection, tasks, worker, now, lease_seconds)
            spent = {_key(task)[0] for task in tasks} & buckets.keys()
            write_buckets(connection, [buckets[queue] for queue in spent])
        return tasks

    def waits(self, rules: Collection[QueueRule], now: float) -> dict[str, float]:
        """Return the seconds until each queue may start a task; 0 for now."""
        if not rules:
            return {}
        with self._database.read() as connection:
            buckets = read_buckets(connection, rules, now, is_taking=False)
        return {each.rule.queue: each.wait_seconds for each in buckets.values()}

    def count_others(self, worker_id: str) -> int:
        """See contracts.Tasks."""
        with self._database.once() as connection:
            (count,) = connection.row(
                "SELECT count(*) FROM task_worker WHERE id <> %s AND seen_at > "
                "clock_timestamp() - make_interval(secs => %s)",
                (worker_id.encode(), WORKER_SILENCE_SECONDS),
            )
        return int(count)

    def beat(self, worker_id: str) -> None:
        """Say that a worker lives, and free what dead ones had leased.

        A worker that has been cut off itself must not call others dead, who may have
        been cut off with it: it waits until it has had no gap for as long.
        """
        with self._beating:
            now = time.monotonic()
            if now - self._beat_at > 3 * WORKER_BEAT_SECONDS:
                self._beating_since = now
            may_bury = now - self._beating_since >= WORKER_SILENCE_SECONDS
            self._say_alive(worker_id, WORKER_SILENCE_SECONDS if may_bury else None)
            self._beat_at = now

    def _say_alive(self, worker_id: str, silence_seconds: float | None) -> None:
        with self._database.once() as connection:
            connection.run(
                "INSERT INTO task_worker VALUES (%s, clock_timestamp()) "
                "ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at",
                (worker_id.encode(),),
            )
        if silence_seconds is None:
            return
        with self._database.write() as connection:
            connection.run(
                "WITH dead AS (DELETE FROM task_worker WHERE seen_at < "
                "clock_timestamp() - %s * interval '1 second' AND id <> %s "
                "RETURNING id) UPDATE task SET leased_until = 0 FROM dead "
                "WHERE leased_by = dead.id AND leased_until > 0",
                (float(silence_seconds), worker_id.encode()),
            )

    def renew(self, worker_id: str, until: float) -> None:
        """Keep what this worker has in hand from the others for longer."""
        with self._database.once() as connection:
            connection.run(
                "UPDATE task SET leased_until = %s "
                "WHERE leased_by = %s AND leased_until > 0 AND leased_until < %s",
                (until, worker_id.encode(), until),
            )

    def give_back(self, task: Task, eta: float, *, counts_as_try: bool = True) -> None:
        """Free a task to run again at eta, if this lease of it still holds."""
        with self._database.once() as connection:
            connection.run(
                "UPDATE task SET leased_until = 0, eta = %s, retries = retries + %s "
                "WHERE queue = %s AND name = %s AND lease = %s",
                (eta, int(counts_as_try), *_key(task), task.lease),
            )

    def finish(self, task: Task, now: float) -> None:
        """Remove a task that has run, or is given up; its name rests for a while."""
        with self._database.write() as connection:
            queue, name = _key(task)
            holds = connection.row(
                "SELECT 1 FROM task WHERE queue = %s AND name = %s AND lease = %s "
                "FOR UPDATE",
                (queue, name, task.lease),
            )
            if holds:
                task_names.remove(connection, "task", queue, [name], now)

    def delete(self, queue: str, names: Sequence[str], now: float) -> list[bool]:
        """Remove tasks; return for each whether it was there."""
        with self._database.write() as connection:
            encoded = [name.encode() for name in names]
            return task_names.remove(connection, "task", queue.encode(), encoded, now)

    def purge(self, queue: str) -> None:
        """Remove all tasks of a queue; their names are free at once."""
        with self._database.once() as connection:
            connection.run("DELETE FROM task WHERE queue = %s", (queue.encode(),))

    def release(self, worker_id: str) -> None:
        """Free what this worker had leased before it died; others keep theirs."""
        with self._database.once() as connection:
            connection.run(
                "UPDATE task SET leased_until = 0 "
                "WHERE leased_by = %s AND leased_until > 0",
                (worker_id.encode(),),
            )

    def next_eta(
        self, worker_id: str, excluded_queues: Collection[str] = ()
    ) -> float | None:
        """Return when the next task will be free for this worker, or None."""
        with self._database.once() as connection:
            (eta,) = connection.row(
                "SELECT min(greatest(eta, leased_until)) FROM task WHERE "
                "(leased_until = 0 OR leased_by <> %s) AND queue <> ALL(%s::bytea[])",
                (worker_id.encode(), [queue.encode() for queue in excluded_queues]),
            )
        return None if eta is None else float(eta)

    def statistics(self, queue: str, now: float) -> QueueStatistics:
        """Return what a queue holds."""
        with self._database.once() as connection:
            count, oldest, running = connection.row(
                "SELECT count(*), min(eta), count(*) FILTER (WHERE leased_until > %s) "
                "FROM task WHERE queue = %s",
                (now, queue.encode()),
            )
        return QueueStatistics(count, oldest, running)

    def listed(
        self, queue: str, after: tuple[float, str] | None, limit: int
    ) -> list[ListedTask]:
        """Return a page of a queue's tasks by eta, then name; those in hand too."""
        where = "queue = %s"
        values: list[object] = [queue.encode()]
        if after is not None:
            where += " AND (eta, name) > (%s, %s)"
            values += [after[0], after[1].encode()]
        return self._look(f"{where} ORDER BY eta, name LIMIT %s", [*values, limit])

    def find(self, queue: str, name: str) -> ListedTask | None:
        """Return one task, or None."""
        values = [queue.encode(), name.encode()]
        found = self._look("queue = %s AND name = %s", values)
        return found[0] if found else None

    def take_named(
        self, worker_id: str, queue: str, name: str, now: float, lease_seconds: float
    ) -> Task | None:
        """Lease one task, due or not; None when it is gone or in somebody's hand."""
        worker = worker_id.encode()
        with self._database.write() as connection:
            row = connection.row(
                f"SELECT {COLUMNS} FROM task WHERE queue = %s AND name = %s "
                f"AND {_IS_FREE} FOR UPDATE SKIP LOCKED",
                (queue.encode(), name.encode(), now, worker),
            )
            task = None if row is None else _read(connection, row, worker)
            if task is None:
                return None
            task = replace(task, lease=secrets.randbits(62) + 1)
            _lease(connection, [task], worker, now, lease_seconds)
        return task

    def pause(self, queue: str, *, is_paused: bool) -> None:
        """Note whether a queue's tasks wait until somebody resumes it."""
        with self._database.once() as connection:
            connection.run(
                "INSERT INTO paused_queue VALUES (%s) ON CONFLICT DO NOTHING"
                if is_paused
                else "DELETE FROM paused_queue WHERE queue = %s",
                (queue.encode(),),
            )

    def paused(self) -> frozenset[str]:
        """Return the names of the queues that were paused, on any server."""
        rows = self._database.ask("SELECT queue FROM paused_queue")
        return frozenset(queue.decode() for (queue,) in rows)

    def _look(self, condition: str, values: Sequence[object]) -> list[ListedTask]:
        found = []
        for *row, leased_until in self._database.ask(
            f"SELECT {COLUMNS}, leased_until FROM task WHERE {condition}", values
        ):
            with contextlib.suppress(*UNREADABLE):
                found.append(ListedTask(read_task(row), float(leased_until)))
        return found


def _lease(
    connection: Connection,
    tasks: Sequence[Task],
    worker: bytes,
    now: float,
    lease_seconds: float,
) -> None:
    connection.run_many(
        "UPDATE task SET leased_until = %s, leased_by = %s, lease = %s, "
        "first_tried_at = coalesce(first_tried_at, %s) WHERE queue = %s AND name = %s",
        [(now + lease_seconds, worker, task.lease, now, *_key(task)) for task in tasks],
    )


def add_tasks(
    connection: Connection, tasks: Sequence[NewTask], now: float
) -> list[Added]:
    """Add tasks of both kinds in a transaction that writes."""
    if not tasks:
        return []
    task_names.forget_rested(connection, now)
    added: list[Added] = [Added.DONE] * len(tasks)
    # In one order for all processes, so that no two wait for each other's names.
    for place in sorted(range(len(tasks)), key=lambda at: _order(tasks[at])):
        task = tasks[place]
        added[place] = (
            pull_tasks.add(connection, task, now)
            if isinstance(task, PullTask)
            else _add(connection, task, now)
        )
    return added


def _order(task: NewTask) -> tuple[bool, str, str]:
    return isinstance(task, PullTask), task.queue, task.name


def _add(connection: Connection, task: Task, now: float) -> Added:
    values = [
        value.encode() if isinstance(value, str) else value
        for value in task_values(task)
    ]
    inserted = connection.run(
        f"INSERT INTO task ({COLUMNS}) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        values,
    )
    return task_names.settle(connection, "task", _key(task), inserted, now)


def _key(task: Task) -> tuple[bytes, bytes]:
    return task.queue.encode(), task.name.encode()


def _within_rules(tasks: list[Task], buckets: dict[bytes, Bucket]) -> list[Task]:
    """Return the tasks that may start now, each with a lease; spend for them."""
    leased = []
    for task in tasks:
        bucket = buckets.get(_key(task)[0])
        if bucket is not None:
            if bucket.wait_seconds:
                continue
            bucket.spend()
        leased.append(replace(task, lease=secrets.randbits(62) + 1))
    return leased


def _read(connection: Connection, row: Sequence[Any], worker: bytes) -> Task | None:
    """Return the task of a row; put one aside that cannot be read."""
    task = readable_task(row)
    if task is not None:
        return task
    connection.run(
        "UPDATE task SET leased_until = %s, leased_by = %s "
        "WHERE queue = %s AND name = %s",
        (_NEVER, worker, row[0], row[1]),
    )
    return None
