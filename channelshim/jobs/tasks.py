"""Runs the tasks of the task queues: when due, at their rate, until they succeed."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from typing import Final

from channelshim import limits
from channelshim.appyaml.queues import QueueConfig
from channelshim.contracts.clock import Clock
from channelshim.contracts.dispatcher import Dispatcher
from channelshim.contracts.tasks import (
    WORKER_BEAT_SECONDS,
    QueueRule,
    Task,
    Tasks,
)
from channelshim.errors import StorageError
from channelshim.jobs.attempts import Attempts
from channelshim.jobs.buckets import Bucket
from channelshim.jobs.shares import Shares
from channelshim.kernel.deadlines import OVERDUE_SECONDS, Deadlines
from channelshim.kernel.threads import Kept, Threads

TASK_LEASE_SECONDS: Final = 15 * 60.0
"""After which other processes may run the tasks of one that has died."""

TASK_RENEWAL_SECONDS: Final = TASK_LEASE_SECONDS / 3
"""How often a live process puts that off."""

TASK_RUNNERS: Final = 8
"""Tasks of a queue that run at once: one slow task holds up nobody."""

_logger: Final = logging.getLogger("channelshim.tasks")

_IDLE_SECONDS = 60.0
_AFTER_ERROR_SECONDS = 5.0

_LOOK_PART = 20
"""A look for tasks passes over all that wait in queues whose share is in use, which may
be many: no more than one part in so many of the time goes into such looks."""
_LONGEST_LOOK_PAUSE_SECONDS = 1.0


class TaskRunner:
    """Makes the requests of tasks that are due, several at once.

    Args:
        tasks: where they are kept.
        queues: queue.yaml: rates and retries.
        dispatcher: makes the requests.
        clock: says now.
        worker_id: whose leases these are: the same after a restart, another for each
            process that is alive; None for the store's word.
        runners: threads, and tasks of a queue that run at once; see Shares.
        started: called with the queue of each task that starts.
        threads: keeps the threads running; None for one of its own.
        deadlines: has the app's code hear of its deadline; None for one of its own.
        deadline_seconds: after which a task is told to end; 0 for never. One that
            goes on holds up no other: a further runner takes the place of its own.
        has_company: whether other servers add tasks to the same store.
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
        has_company: bool = False,
    ) -> None:
        self._tasks = tasks
        self._queues = {queue.name: queue for queue in queues.queues}
        self._clock = clock
        self._given_worker_id = worker_id
        self._rules = _rules(queues) if tasks.is_shared else ()
        # Others add tasks and pause queues, and die, without telling.
        self._has_company = has_company or tasks.is_shared
        self._idle_seconds = WORKER_BEAT_SECONDS if self._has_company else _IDLE_SECONDS
        self._beat_at = -math.inf
        self._runners = runners
        self._shares = Shares(runners)
        self._started = started
        self._buckets = {
            queue.name: Bucket(queue, clock.monotonic()) for queue in queues.queues
        }
        self._threads = threads or Threads()
        self._attempts = Attempts(
            tasks, self._queues, dispatcher, clock, deadlines, deadline_seconds
        )
        self._deadline_seconds = deadline_seconds
        # How long a runner may have a task.
        self._patience_seconds = (
            deadline_seconds + OVERDUE_SECONDS if deadline_seconds > 0 else math.inf
        )
        self._paused: Collection[str] = ()
        # The queues that a look has left out, having found nothing in others, and
        # until when it is not repeated: monotonic seconds.
        self._left_out: Collection[str] = ()
        self._looks_at = -math.inf
        # Until when no thread is asked for in place of a late one's.
        self._instead_at = -math.inf
        self._is_stopping = False
        self._is_woken = False
        self._changed = threading.Condition()
        # Handed out; a runner waits for the alarm when there is none.
        self._due: deque[Task] = deque()
        self._alarm = threading.Semaphore(0)
        self._is_over = False
        self._picker: Kept | None = None
        # Monotonic seconds.
        self._renewed_at = clock.monotonic()

    @property
    def _worker_id(self) -> str:
        # Of the moment: a server on a shared store may have to take another name.
        return self._given_worker_id or self._tasks.worker_id

    def start(self) -> None:
        """Free what this worker had in hand when it died, and begin to run tasks."""
        self._tasks.release(self._worker_id)
        self._beat()
        self.read_paused()
        with self._changed:
            self._shares.begin()
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
            RuntimeError: the system has no thread, and none has been started.
        """
        task = self._tasks.take_named(
            self._worker_id, queue, name, self._clock.time(), TASK_LEASE_SECONDS
        )
        if task is None:
            return False
        self._hand_out(task)
        return True

    @property
    def running(self) -> int:
        """Return how many tasks run now. Any thread."""
        return self._shares.running.total()

    @property
    def late(self) -> int:
        """Return how many of them have not ended in time. Any thread."""
        return len(self._shares.given_up)

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
                lambda: not self.running, deadline - time.monotonic()
            )
            threads = self._shares.threads + self.late
        self._is_over = True
        self._alarm.release(max(threads, 1))
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
        self._attempts.settle_left()
        self._beat()
        if self._has_company and not self._rules:
            self._paused = self._tasks.paused()
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
        if self.running and now - self._renewed_at > TASK_RENEWAL_SECONDS:
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
            is_begun = len(self._shares.begun) == self.running
            until_late = _IDLE_SECONDS if is_begun else self._patience_seconds
            for runner, (begun, task) in self._shares.begun.items():
                if runner in self._shares.given_up:
                    continue
                left = begun + self._patience_seconds - now
                if left > 0:
                    until_late = min(until_late, left)
                elif self.late + len(late) < self._runners:
                    late.append((runner, task))
        if late and now < self._instead_at:
            return min(until_late, self._instead_at - now)
        for runner, task in late:
            try:
                self._threads.start("task-instead", self._run_all)
            except RuntimeError as error:
                _logger.error("a late task keeps its thread: %s", error)
                self._instead_at = now + _AFTER_ERROR_SECONDS
                return min(until_late, _AFTER_ERROR_SECONDS)
            with self._changed:
                self._shares.give_up(runner, task)
            _logger.error(
                "task %s of queue %s has not ended for %d s: others go on without it",
                task.name,
                task.queue,
                self._deadline_seconds,
            )
        return until_late

    def _pick_due(self) -> float:
        with self._changed:
            full = dict.fromkeys(self._shares.full_queues(), _IDLE_SECONDS)
            is_full = self._shares.is_full
        waits = {name: wait for name, wait in self._waits().items() if wait > 0}
        closed = {**waits, **full}
        if is_full:
            return _IDLE_SECONDS
        begun = self._clock.monotonic()
        if begun < self._looks_at and closed.keys() >= set(self._left_out):
            return min(self._looks_at - begun, *closed.values())
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
        if full:
            ended = self._clock.monotonic()
            pause = min((ended - begun) * _LOOK_PART, _LONGEST_LOOK_PAUSE_SECONDS)
            self._left_out, self._looks_at = tuple(closed), ended + pause
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
                if most is not None and self._shares.running[name] >= most:
                    waits[name] = _IDLE_SECONDS
        for name in self._paused:
            waits[name] = _IDLE_SECONDS
        return waits

    def _hand_out(self, task: Task) -> None:
        with self._changed:
            needs_thread = self._shares.hand_out(task.queue)
            bucket = self._buckets.get(task.queue)
        self._due.append(task)
        self._alarm.release()
        if bucket is not None:
            bucket.spend()
        if needs_thread:
            self._start_further()
        self._started(task.queue)

    def _start_further(self) -> None:
        try:
            self._threads.start("task-further", self._run_all)
        except RuntimeError as error:
            with self._changed:
                self._shares.note_missing_thread()
                # Before `start`: there is no thread that could take what waits.
                is_alone = not self._shares.threads
                tasks = list(self._due) if is_alone else []
                for task in tasks:
                    self._due.remove(task)
                    self._shares.running[task.queue] -= 1
            for task in tasks:
                self._attempts.postpone(task)
            if is_alone:
                raise
            # The next thread that is free takes the task.
            _logger.error("a task waits for another to end: %s", error)

    def _run_all(self) -> None:
        while True:
            try:
                is_surplus = self._run_next()
            except IndexError:
                if self._is_over:
                    return
                self._alarm.acquire()
                continue
            if is_surplus:
                return

    def _run_next(self) -> bool:
        """Run the next task that was handed out; return whether its runner ends.

        Raises:
            IndexError: there is none.
        """
        task = self._due.popleft()
        try:
            self._begin(task)
            self._attempts.make(task)
        except StorageError as error:
            _logger.error("task %s of %s: %s", task.name, task.queue, error)
        except BaseException:
            _logger.exception("task %s of queue %s failed", task.name, task.queue)
            self._attempts.postpone(task)
        finally:
            is_surplus = self._end(task)
        return is_surplus

    def _begin(self, task: Task) -> None:
        with self._changed:
            self._shares.start(task, self._clock.monotonic())

    def _end(self, task: Task) -> bool:
        """Note that a task has ended; return whether its runner ends with it."""
        with self._changed:
            is_surplus = self._shares.end(task)
            self._is_woken = True
            self._changed.notify_all()
        return is_surplus


def _rules(queues: QueueConfig) -> tuple[QueueRule, ...]:
    return tuple(
        QueueRule(queue.name, queue.per_second, queue.bucket_size, queue.max_concurrent)
        for queue in queues.queues
        if not queue.is_pull
    )
