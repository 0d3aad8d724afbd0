"""Runs the tasks of the task queues: when due, at their rate, until they succeed."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

from channelshim import limits
from channelshim.appyaml.queues import Queue, QueueConfig, RetryParameters
from channelshim.errors import StorageError
from channelshim.protocol.contracts import Clock, Dispatcher, InternalRequest
from channelshim.store.tasks import Task, TaskStore

_logger: Final = logging.getLogger("channelshim.tasks")

_PLATFORM_HEADERS = frozenset({"content-type", "content-length", "host"})
_IDLE_SECONDS = 60.0
_AFTER_ERROR_SECONDS = 5.0


class _Bucket:
    """A queue's token bucket: `bucket_size` at once, then `per_second`."""

    def __init__(self, queue: Queue, now: float) -> None:
        self._queue = queue
        self._tokens = float(queue.bucket_size)
        self._filled_at = now

    def wait_seconds(self, now: float) -> float:
        """Return how long until a task may start; 0 for now."""
        rate = self._queue.per_second
        if rate is None:
            return 0.0
        elapsed = max(0.0, now - self._filled_at)
        self._tokens = min(self._queue.bucket_size, self._tokens + elapsed * rate)
        self._filled_at = now
        if self._tokens >= 1:
            return 0.0
        return (1 - self._tokens) / rate if rate else _IDLE_SECONDS

    def spend(self) -> None:
        """Count a task that starts."""
        self._tokens -= 1


class TaskRunner:
    """Makes the requests of tasks that are due, several at once.

    Args:
        tasks: where they are kept.
        queues: queue.yaml: rates and retries.
        dispatcher: makes the requests.
        clock: says now.
        runners: threads, and tasks that run at once.
        started: called with the queue of each task that starts.
    """

    def __init__(
        self,
        tasks: TaskStore,
        queues: QueueConfig,
        dispatcher: Dispatcher,
        clock: Clock,
        *,
        runners: int = limits.TASK_RUNNERS,
        started: Callable[[str], None] = lambda queue: None,
    ) -> None:
        self._tasks = tasks
        self._queues = {queue.name: queue for queue in queues.queues}
        self._dispatcher = dispatcher
        self._clock = clock
        self._runners = runners
        self._started = started
        self._buckets = {
            queue.name: _Bucket(queue, clock.monotonic()) for queue in queues.queues
        }
        self._running: Counter[str] = Counter()
        self._is_stopping = False
        self._is_woken = False
        self._changed = threading.Condition()
        self._due: SimpleQueue[Task | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Free what a dead process had in hand, and begin to run tasks."""
        self._tasks.release_all()
        targets = [self._pick, *[self._run_all] * self._runners]
        for target in targets:
            thread = threading.Thread(target=target, name="tasks", daemon=True)
            self._threads.append(thread)
            thread.start()

    def wake(self) -> None:
        """Look for tasks that are due. Any thread, before `start` too."""
        with self._changed:
            self._is_woken = True
            self._changed.notify_all()

    def stop(self, timeout_seconds: float) -> bool:
        """Start no more tasks and wait for those in hand.

        Returns:
            whether all have ended in time; those that have not run again after the
            next start.
        """
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
            has_ended = self._changed.wait_for(
                lambda: not self._running.total(), timeout_seconds
            )
        for _ in range(self._runners):
            self._due.put(None)
        return has_ended

    def _pick(self) -> None:
        """Hand due tasks to the runners until the stop."""
        while not self._is_stopping:
            try:
                wait = self._pick_once()
            except StorageError as error:
                _logger.error("tasks wait: %s", error)
                wait = _AFTER_ERROR_SECONDS
            with self._changed:
                if not self._is_woken and not self._is_stopping and wait > 0:
                    self._changed.wait(min(wait, _IDLE_SECONDS))
                self._is_woken = False

    def _pick_once(self) -> float:
        """Hand out what is due; return the seconds until there may be more."""
        with self._changed:
            free = self._runners - self._running.total()
        closed = {name: wait for name, wait in self._waits().items() if wait > 0}
        if free <= 0:
            return _IDLE_SECONDS
        now = self._clock.time()
        # One at a time: each may close its queue.
        taken = self._tasks.take(
            now,
            limit=1,
            lease_seconds=limits.TASK_LEASE_SECONDS,
            excluded_queues=closed,
        )
        if taken:
            self._hand_out(taken[0])
            return 0.0
        eta = self._tasks.next_eta(closed)
        until_due = _IDLE_SECONDS if eta is None else max(0.01, eta - now)
        return min(until_due, *closed.values()) if closed else until_due

    def _waits(self) -> dict[str, float]:
        """Return for each queue the seconds until it may start a task."""
        now = self._clock.monotonic()
        waits = {}
        with self._changed:
            for name, queue in self._queues.items():
                waits[name] = self._buckets[name].wait_seconds(now)
                most = queue.max_concurrent
                if most is not None and self._running[name] >= most:
                    waits[name] = _IDLE_SECONDS
        return waits

    def _hand_out(self, task: Task) -> None:
        with self._changed:
            self._running[task.queue] += 1
            bucket = self._buckets.get(task.queue)
        if bucket is not None:
            bucket.spend()
        self._started(task.queue)
        self._due.put(task)

    def _run_all(self) -> None:
        while (task := self._due.get()) is not None:
            try:
                self._run(task)
            except StorageError as error:
                _logger.error("task %s of %s: %s", task.name, task.queue, error)
            finally:
                with self._changed:
                    self._running[task.queue] -= 1
                    self._is_woken = True
                    self._changed.notify_all()

    def _run(self, task: Task) -> None:
        status = self._dispatcher.dispatch(task_request(task)).status
        now = self._clock.time()
        if 200 <= status < 300:
            self._tasks.finish(task, now)
            return
        retry = retry_parameters(task, self._queues.get(task.queue))
        first = now if task.first_tried_at is None else task.first_tried_at
        if retry.gives_up(task.retries + 1, now - first):
            _logger.error(
                "task %s of queue %s is given up after %s tries: %s answered %s",
                task.name,
                task.queue,
                task.retries + 1,
                task.path,
                status,
            )
            self._tasks.finish(task, now)
            return
        wait = retry.backoff_seconds(task.retries + 1)
        _logger.warning(
            "task %s of queue %s: %s answered %s; again in %.1f s",
            task.name,
            task.queue,
            task.path,
            status,
            wait,
        )
        self._tasks.give_back(task, now + wait)


def retry_parameters(task: Task, queue: Queue | None) -> RetryParameters:
    """Return a task's own retry parameters, else its queue's."""
    if task.retry is None:
        return queue.retry if queue is not None else RetryParameters()
    return RetryParameters.of(task.retry)


def task_request(task: Task) -> InternalRequest:
    """Return the request of a task, with the headers that apps read."""
    own = [
        (name, value)
        for name, value in task.headers
        if name.lower() not in _PLATFORM_HEADERS
    ]
    content_type = next(
        (value for name, value in task.headers if name.lower() == "content-type"), ""
    )
    retries = str(task.retries)
    return InternalRequest(
        method=task.method,
        path=task.path,
        body=task.body,
        content_type=content_type,
        remote_address=limits.TASK_REMOTE_ADDRESS,
        headers=(
            *own,
            ("X-AppEngine-QueueName", task.queue),
            ("X-AppEngine-TaskName", task.name),
            ("X-AppEngine-TaskRetryCount", retries),
            ("X-AppEngine-TaskExecutionCount", retries),
            ("X-AppEngine-TaskETA", f"{task.eta:.6f}"),
            ("User-Agent", "AppEngine-Google; (+http://code.google.com/appengine)"),
        ),
    )
