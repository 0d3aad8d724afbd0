"""Runs the tasks of the task queues: when due, at their rate, until they succeed."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from channelshim import limits
from channelshim.appyaml.queues import Queue, QueueConfig, RetryParameters
from channelshim.contracts.clock import Clock
from channelshim.contracts.dispatcher import Dispatcher, InternalRequest
from channelshim.contracts.tasks import (
    WORKER_BEAT_SECONDS,
    QueueRule,
    Task,
    Tasks,
)
from channelshim.errors import StorageError
from channelshim.kernel.deadlines import OVERDUE_SECONDS, Deadlines
from channelshim.kernel.threads import Kept, Threads
from channelshim.runtime.log_text import one_line

TASK_LEASE_SECONDS: Final = 15 * 60.0
"""After which other processes may run the tasks of one that has died."""

TASK_RENEWAL_SECONDS: Final = TASK_LEASE_SECONDS / 3
"""How often a live process puts that off."""

TASK_RUNNERS: Final = 8
"""Tasks that run at once: one slow task holds up nobody."""

MAXIMUM_LAST_ANSWERS: Final = 10_000
"""Failed tasks whose last answer is remembered for their next try."""

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
        worker_id: whose leases these are: the same after a restart, another for each
            process that is alive; None for the store's word.
        runners: threads, and tasks that run at once.
        started: called with the queue of each task that starts.
        threads: keeps the threads running; None for one of its own.
        deadlines: has the app's code hear of its deadline; None for one of its own.
        deadline_seconds: after which a task is told to end; 0 for never. One that
            goes on holds up no other: a further runner takes the place of its own.
    """

    def __init__(
        self,
        tasks: Tasks,
        queues: QueueConfig,
        dispatcher: Dispatcher,
        clock: Clock,
        *,
        worker_id: str | None = None,
        runners: int = TASK_RUNNERS,
        started: Callable[[str], None] = lambda queue: None,
        threads: Threads | None = None,
        deadlines: Deadlines | None = None,
        deadline_seconds: float = limits.TASK_DEADLINE_SECONDS,
    ) -> None:
        self._tasks = tasks
        self._queues = {queue.name: queue for queue in queues.queues}
        self._dispatcher = dispatcher
        self._clock = clock
        self._worker_id = worker_id or tasks.worker_id
        self._rules = _rules(queues) if tasks.is_shared else ()
        # Others add tasks, and die, without telling.
        self._idle_seconds = WORKER_BEAT_SECONDS if tasks.is_shared else _IDLE_SECONDS
        self._beat_at = -math.inf
        self._runners = runners
        self._started = started
        self._buckets = {
            queue.name: _Bucket(queue, clock.monotonic()) for queue in queues.queues
        }
        self._threads = threads or Threads()
        self._deadlines = deadlines or Deadlines()
        self._deadline_seconds = deadline_seconds
        # How long a runner may have a task.
        self._patience_seconds = (
            deadline_seconds + OVERDUE_SECONDS if deadline_seconds > 0 else math.inf
        )
        self._running: Counter[str] = Counter()
        self._paused: Collection[str] = ()
        # By queue and name, until the next try.
        self._last_answers: dict[tuple[str, str], int] = {}
        # Since when each runner has its task: monotonic seconds.
        self._begun: dict[int, tuple[float, Task]] = {}
        self._given_up: set[int] = set()
        self._is_stopping = False
        self._is_woken = False
        self._changed = threading.Condition()
        # Handed out; a runner waits for the alarm when there is none.
        self._due: deque[Task] = deque()
        self._alarm = threading.Semaphore(0)
        # What became of tasks that have run, and could not be written.
        self._unsettled: deque[Callable[[], None]] = deque()
        self._is_over = False
        self._picker: Kept | None = None
        # Monotonic seconds.
        self._renewed_at = clock.monotonic()

    def start(self) -> None:
        """Free what this worker had in hand when it died, and begin to run tasks."""
        self._tasks.release(self._worker_id)
        self._beat()
        self.read_paused()
        for number in range(self._runners):
            self._threads.start(f"task-{number + 1}", self._run_all)
        self._picker = self._threads.start("task-picker", self._pick)

    def read_paused(self) -> None:
        """Look up which queues were paused; some have changed. Any thread.

        Raises:
            StorageError: the store refuses.
        """
        self._paused = self._tasks.paused()
        self.wake()

    def run_now(self, queue: str, name: str) -> bool:
        """Run one task, whatever its eta, its queue's rate and pause. Any thread.

        Before `start` too: in a thread of its own.

        Returns:
            False for one that is gone, or in hand already.

        Raises:
            StorageError: the store refuses.
        """
        task = self._tasks.take_named(
            self._worker_id, queue, name, self._clock.time(), TASK_LEASE_SECONDS
        )
        if task is None:
            return False
        self._hand_out(task)
        if self._picker is None:
            self._threads.start("task-now", self._run_single)
        return True

    @property
    def running(self) -> int:
        """Return how many tasks run now. Any thread."""
        return self._running.total()

    @property
    def late(self) -> int:
        """Return how many of them have not ended in time. Any thread."""
        return len(self._given_up)

    def wake(self) -> None:
        """Look for tasks that are due. Any thread, before `start` too."""
        with self._changed:
            self._is_woken = True
            self._changed.notify_all()

    def begin_stop(self) -> None:
        """Start no more tasks. Any thread; waits for nothing."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()

    def stop(self, timeout_seconds: float) -> bool:
        """Start no more tasks and wait for those in hand.

        Returns:
            whether all have ended in time; those that have not run again after the
            next start.
        """
        deadline = time.monotonic() + timeout_seconds
        self.begin_stop()
        if self._picker is not None:
            # It may be reading the store, and hand a last task out.
            self._picker.hurry()
            self._picker.join(timeout_seconds)
        with self._changed:
            has_ended = self._changed.wait_for(
                lambda: not self._running.total(), deadline - time.monotonic()
            )
            runners = self._runners + len(self._given_up)
        self._is_over = True
        self._alarm.release(runners)
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
                    self._changed.wait(min(wait, self._idle_seconds))
                self._is_woken = False

    def _pick_once(self) -> float:
        """Hand out what is due; return the seconds until there may be more."""
        until_late = self._give_up_late()
        while self._unsettled:
            # Nobody else takes a task that is leased by this worker.
            self._unsettled[0]()
            self._unsettled.popleft()
        self._beat()
        self._renew_leases()
        return min(until_late, self._pick_due())

    def _beat(self) -> None:
        """Say in a shared store that this worker lives."""
        now = self._clock.monotonic()
        if self._tasks.is_shared and now - self._beat_at >= WORKER_BEAT_SECONDS:
            self._tasks.beat(self._worker_id)
            self._beat_at = now

    def _renew_leases(self) -> None:
        now = self._clock.monotonic()
        if self._running.total() and now - self._renewed_at > TASK_RENEWAL_SECONDS:
            self._tasks.renew(self._worker_id, self._clock.time() + TASK_LEASE_SECONDS)
            self._renewed_at = now

    def _give_up_late(self) -> float:
        """Replace runners whose task has not ended; return the seconds until the next.

        They are no longer counted, though their task is in hand until it ends.
        """
        now = self._clock.monotonic()
        late: list[tuple[int, Task]] = []
        with self._changed:
            # One that was handed out may not have begun yet.
            is_begun = len(self._begun) == self._running.total()
            until_late = _IDLE_SECONDS if is_begun else self._patience_seconds
            for runner, (begun, task) in self._begun.items():
                if runner in self._given_up:
                    continue
                left = begun + self._patience_seconds - now
                if left > 0:
                    until_late = min(until_late, left)
                elif len(self._given_up) + len(late) < self._runners:
                    late.append((runner, task))
        for runner, task in late:
            self._threads.start("task-instead", self._run_all)
            with self._changed:
                # It may have ended a moment ago: then there is one more to end.
                self._given_up.add(runner)
            _logger.error(
                "task %s of queue %s has not ended for %d s: others go on without it",
                task.name,
                task.queue,
                self._deadline_seconds,
            )
        return until_late

    def _pick_due(self) -> float:
        with self._changed:
            free = self._runners + len(self._given_up) - self._running.total()
        closed = {name: wait for name, wait in self._waits().items() if wait > 0}
        if free <= 0:
            return _IDLE_SECONDS
        now = self._clock.time()
        # One at a time: each may close its queue.
        taken = self._tasks.take(
            self._worker_id,
            now,
            limit=1,
            lease_seconds=TASK_LEASE_SECONDS,
            excluded_queues=closed,
            rules=self._rules,
        )
        if taken:
            self._hand_out(taken[0])
            return 0.0
        eta = self._tasks.next_eta(self._worker_id, closed)
        until_due = _IDLE_SECONDS if eta is None else max(0.01, eta - now)
        return min(until_due, *closed.values()) if closed else until_due

    def _waits(self) -> dict[str, float]:
        """Return for each queue the seconds until it may start a task."""
        if self._rules:
            waits = dict(self._tasks.waits(self._rules, self._clock.time()))
            # Perhaps on another server.
            return {**waits, **dict.fromkeys(self._tasks.paused(), _IDLE_SECONDS)}
        now = self._clock.monotonic()
        waits = {}
        with self._changed:
            for name, queue in self._queues.items():
                waits[name] = self._buckets[name].wait_seconds(now)
                most = queue.max_concurrent
                if most is not None and self._running[name] >= most:
                    waits[name] = _IDLE_SECONDS
        for name in self._paused:
            waits[name] = _IDLE_SECONDS
        return waits

    def _hand_out(self, task: Task) -> None:
        with self._changed:
            self._running[task.queue] += 1
            bucket = self._buckets.get(task.queue)
        self._due.append(task)
        self._alarm.release()
        if bucket is not None:
            bucket.spend()
        self._started(task.queue)

    def _run_all(self) -> None:
        while True:
            try:
                is_given_up = self._run_next()
            except IndexError:
                if self._is_over:
                    return
                self._alarm.acquire()
                continue
            if is_given_up:
                return

    def _run_single(self) -> None:
        with contextlib.suppress(IndexError):
            self._run_next()

    def _run_next(self) -> bool:
        """Run the next task that was handed out; return whether its runner is late.

        Raises:
            IndexError: there is none.
        """
        task = self._due.popleft()
        try:
            self._begin(task)
            self._run(task)
        except StorageError as error:
            _logger.error("task %s of %s: %s", task.name, task.queue, error)
        except BaseException:
            _logger.exception("task %s of queue %s failed", task.name, task.queue)
            self._try_later(task)
        finally:
            is_given_up = self._end(task)
        return is_given_up

    def _begin(self, task: Task) -> None:
        with self._changed:
            self._begun[threading.get_ident()] = (self._clock.monotonic(), task)

    def _end(self, task: Task) -> bool:
        """Note that a task has ended; return whether its runner was replaced."""
        runner = threading.get_ident()
        with self._changed:
            is_given_up = runner in self._given_up
            self._given_up.discard(runner)
            self._begun.pop(runner, None)
            self._running[task.queue] -= 1
            self._is_woken = True
            self._changed.notify_all()
        return is_given_up

    def _try_later(self, task: Task) -> None:
        """Free a task after a failure of our own."""
        try:
            later = self._clock.time() + _IDLE_SECONDS
            self._settle(task, partial(self._tasks.give_back, task, later))
        except StorageError as error:
            _logger.error("task %s of %s: %s", task.name, task.queue, error)

    def _settle(self, task: Task, settle: Callable[[], None]) -> None:
        """Write what becomes of a task; later, where the store is away now."""
        try:
            settle()
        except StorageError as error:
            _logger.error(
                "task %s of %s has ended, which will be written when the store is "
                "back: %s",
                task.name,
                task.queue,
                error,
            )
            self._unsettled.append(settle)

    def _run(self, task: Task) -> None:
        queue = self._queues.get(task.queue)
        key = task.queue, task.name
        request = task_request(
            task,
            queue.target if queue is not None else "",
            self._last_answers.pop(key, None),
        )
        with self._deadlines.limit(self._deadline_seconds):
            status = self._dispatcher.dispatch(request).status
        now = self._clock.time()
        if 200 <= status < 300:
            self._settle(task, partial(self._tasks.finish, task, now))
            return
        retry = retry_parameters(task, self._queues.get(task.queue))
        first = now if task.first_tried_at is None else task.first_tried_at
        if retry.gives_up(task.retries + 1, now - first):
            _logger.error(
                "task %s of queue %s is given up after %s tries: %s answered %s",
                task.name,
                task.queue,
                task.retries + 1,
                one_line(task.path),
                status,
            )
            self._settle(task, partial(self._tasks.finish, task, now))
            return
        wait = retry.backoff_seconds(task.retries + 1)
        _logger.warning(
            "task %s of queue %s: %s answered %s; again in %.1f s",
            task.name,
            task.queue,
            one_line(task.path),
            status,
            wait,
        )
        if len(self._last_answers) < MAXIMUM_LAST_ANSWERS:
            self._last_answers[key] = status
        self._settle(task, partial(self._tasks.give_back, task, now + wait))


def _rules(queues: QueueConfig) -> tuple[QueueRule, ...]:
    return tuple(
        QueueRule(queue.name, queue.per_second, queue.bucket_size, queue.max_concurrent)
        for queue in queues.queues
        if not queue.is_pull
    )


def retry_parameters(task: Task, queue: Queue | None) -> RetryParameters:
    """Return a task's own retry parameters, else its queue's."""
    if task.retry is None:
        return queue.retry if queue is not None else RetryParameters()
    return RetryParameters.of(task.retry)


def task_request(
    task: Task, target: str = "", previous_status: int | None = None
) -> InternalRequest:
    """Return the request of a task, with the headers that apps read.

    Args:
        task: to be run.
        target: of its queue; "" for the host that the task names.
        previous_status: what its last try was answered; None before the first, and
            after a restart.
    """
    host = next((value for name, value in task.headers if name.lower() == "host"), "")
    own = [
        (name, value)
        for name, value in task.headers
        if name.lower() not in _PLATFORM_HEADERS
    ]
    content_type = next(
        (value for name, value in task.headers if name.lower() == "content-type"), ""
    )
    retries = str(task.retries)
    before = []
    if previous_status is not None:
        before = [("X-AppEngine-TaskPreviousResponse", str(previous_status))]
    return InternalRequest(
        method=task.method,
        path=task.path,
        body=task.body,
        content_type=content_type,
        remote_address=limits.TASK_REMOTE_ADDRESS,
        target=target or host,
        headers=(
            *own,
            ("X-AppEngine-QueueName", task.queue),
            ("X-AppEngine-TaskName", task.name),
            ("X-AppEngine-TaskRetryCount", retries),
            ("X-AppEngine-TaskExecutionCount", retries),
            *before,
            ("X-AppEngine-TaskETA", f"{task.eta:.6f}"),
            ("User-Agent", "AppEngine-Google; (+http://code.google.com/appengine)"),
        ),
    )
