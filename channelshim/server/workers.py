"""The threads that run the app.

Python runs one thread at a time: waking a second one while the first computes costs
two switches and gains nothing; while the first waits for the store or a slow reader it
gains all. So a job wakes a thread at once only when none runs, or all have for long.
Otherwise it does so a moment later, if nobody has taken it by then, unless short jobs
follow each other and the processor has no rest.

The threads are daemons: a handler that never returns must not keep the process alive
after its stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from channelshim.kernel.threads import THREAD_RETRY_SECONDS, Threads

MAXIMUM_WAITING_REQUESTS: Final = 1000
"""Requests that wait for a worker thread; more are told to try again."""

WORKER_PATIENCE_SECONDS: Final = 0.001
"""How long a request waits for a thread that runs before another one is woken."""

WORKER_LONG_SECONDS: Final = 0.005
"""After which a request that computes is not expected to end soon."""

_logger: Final = logging.getLogger("channelshim.server")

Job = Callable[[], None]
CallLater = Callable[[float, Callable[[], None]], object]

_BUSY = 0.8
"""Of a processor's time, from which on one more thread gains nothing."""


class Workers:
    """A bounded number of threads and a bounded queue before them.

    Args:
        count: threads; started when first needed.
        maximum_waiting: jobs that may wait for a thread.
        patience_seconds: how long a job waits for a running thread before another one
            is woken.
        threads: keeps them running; None for one of its own.
        call_later: calls a function after so many seconds in the thread that submits;
            None for the loop's.
        yields: whether a thread that is woken lets the one go on that has woken it: a
            loop, which would have to wait for the interpreter.
    """

    def __init__(
        self,
        count: int,
        maximum_waiting: int = MAXIMUM_WAITING_REQUESTS,
        patience_seconds: float = WORKER_PATIENCE_SECONDS,
        threads: Threads | None = None,
        call_later: CallLater | None = None,
        yields: bool = True,
    ) -> None:
        self._threads = threads or Threads()
        self._call_later = call_later or _call_later
        self._yields = yields
        self._count = count
        self._maximum_waiting = maximum_waiting
        self._patience_seconds = patience_seconds
        self._jobs: deque[Job] = deque()
        # Guards the four below.
        self._lock = threading.Lock()
        self._running = 0
        self._started = 0
        # Threads whose job does not end, and that others have taken the place of.
        self._given_up: set[int] = set()
        self._sleeping: list[threading.Lock] = []
        # Monotonic seconds at which the latest job was begun.
        self._latest_start = 0.0
        self._is_timed = False
        self._timed_at = self._timed_cpu = 0.0

    @property
    def waiting(self) -> int:
        """Return how many jobs wait for a thread. Any thread."""
        return len(self._jobs)

    @property
    def latest_start(self) -> float:
        """Return when the latest job was begun: monotonic seconds. Any thread."""
        return self._latest_start

    @property
    def is_full(self) -> bool:
        """Return whether no further job is taken. Any thread."""
        return len(self._jobs) >= self._maximum_waiting

    def submit(self, job: Job) -> bool:
        """Have a thread run job; return False when too many wait already.

        Loop thread only.
        """
        if self.is_full:
            return False
        self._jobs.append(job)
        if self._running == 0 or self._are_all_long():
            self._wake_one()
        elif not self._is_timed:
            self._time(self._patience_seconds)
        return True

    def withdraw(self, job: Job) -> bool:
        """Take back a job that no thread has begun; return False if one has.

        Any thread. A job is in the queue until a thread takes it, and both steps are
        one call of the queue's: only one of the two finds it there.
        """
        try:
            self._jobs.remove(job)
        except ValueError:
            return False
        return True

    @property
    def given_up(self) -> int:
        """Return how many threads have been replaced and have not ended. Any thread."""
        return len(self._given_up)

    def replace(self, thread: int) -> bool:
        """Have another thread take the place of one whose job does not end.

        Loop thread, while that job cannot end. The thread ends with it.

        Args:
            thread: as threading.get_ident says.

        Returns:
            False when as many have been replaced as there are workers: nothing is done.
        """
        with self._lock:
            if len(self._given_up) >= self._count:
                return False
            self._given_up.add(thread)
            self._running -= 1
            self._started -= 1
        if self._jobs:
            self._wake_one()
        return True

    def _are_all_long(self) -> bool:
        """Return whether no job was begun so lately that it may end soon."""
        return time.monotonic() - self._latest_start > WORKER_LONG_SECONDS

    def _time(self, seconds: float) -> None:
        self._is_timed = True
        self._timed_at = time.monotonic()
        self._timed_cpu = time.process_time()
        self._call_later(seconds, self._look)

    def _look(self) -> None:
        self._is_timed = False
        if self._jobs:
            if not self._is_computing():
                self._wake_one()
            if not self._is_timed:
                self._time(self._patience_seconds)

    def _is_computing(self) -> bool:
        """Return whether jobs follow each other and leave the processor no rest."""
        seconds = time.monotonic() - self._timed_at
        cpu_seconds = time.process_time() - self._timed_cpu
        return self._latest_start > self._timed_at and cpu_seconds > _BUSY * seconds

    def _wake_one(self) -> None:
        with self._lock:
            if self._sleeping:
                self._running += 1
                self._sleeping.pop().release()
                return
            if self._started == self._count:
                return
            self._running += 1
            self._started += 1
            name = f"worker-{self._started}"
        try:
            self._threads.start(name, self._work)
        except RuntimeError as error:
            with self._lock:
                self._running -= 1
                self._started -= 1
            _logger.error("requests wait: %s", error)
            if not self._is_timed:
                self._time(THREAD_RETRY_SECONDS)

    def _work(self) -> None:
        alarm = threading.Lock()
        alarm.acquire()
        try:
            self._work_on(alarm)
        finally:
            # It starts again with another alarm; this one no longer sleeps.
            with self._lock:
                if alarm in self._sleeping:
                    self._sleeping.remove(alarm)
                    self._running += 1

    def _work_on(self, alarm: threading.Lock) -> None:
        while True:
            try:
                job = self._jobs.popleft()
            except IndexError:
                with self._lock:
                    # Under the lock: a job that came before it is seen here, one that
                    # comes after it sees this thread asleep.
                    if self._jobs:
                        continue
                    self._running -= 1
                    self._sleeping.append(alarm)
                if self._yields:
                    _rest(alarm)
                else:
                    alarm.acquire()
                continue
            self._latest_start = time.monotonic()
            try:
                job()
            except BaseException:
                _logger.exception("a worker's job failed")
            # A thread that rests must not keep a request and its answer.
            del job
            if self._given_up and self._is_replaced():
                return

    def _is_replaced(self) -> bool:
        own = threading.get_ident()
        with self._lock:
            is_replaced = own in self._given_up
            self._given_up.discard(own)
        return is_replaced


def _call_later(seconds: float, function: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, function)


def _rest(alarm: threading.Lock) -> None:
    """Block until the alarm; wake up without preempting the thread that holds the GIL.

    That thread is the loop: a worker that took the processor from it at once could only
    wait for it, two switches later. At work it is like any other:
    a thread that waits for handlers that compute must be heard as soon as its turn has
    come. A policy that somebody has chosen for the process stays.
    """
    if sys.platform != "linux" or os.sched_getscheduler(0) != os.SCHED_OTHER:
        alarm.acquire()
        return
    _schedule(os.SCHED_BATCH)
    alarm.acquire()
    _schedule(os.SCHED_OTHER)


def _schedule(policy: int) -> None:
    """Set how Linux schedules this thread, where it allows that."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, policy, os.sched_param(0))
