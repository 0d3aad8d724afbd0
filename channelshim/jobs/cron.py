"""Runs the jobs of cron.yaml: one request each time, never two of a job at once."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone, tzinfo
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from channelshim import limits
from channelshim.appyaml.cron import CronConfig, CronJob
from channelshim.appyaml.schedule import Interval
from channelshim.contracts.clock import Clock
from channelshim.contracts.cron import CronClaims
from channelshim.contracts.dispatcher import Dispatcher, InternalRequest
from channelshim.contracts.jobs import CronResult
from channelshim.errors import StorageError
from channelshim.kernel.deadlines import Deadlines
from channelshim.kernel.threads import Kept, Threads

_logger: Final = logging.getLogger("channelshim.cron")

_AFTER_ERROR_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 60.0
"""The clock may jump while we wait."""


def zone_of(job: CronJob) -> tzinfo:
    """Return the job's time zone; UTC, with a warning, for an unknown one."""
    if job.time_zone.upper() in ("UTC", "GMT"):
        return timezone.utc
    try:
        return ZoneInfo(job.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        _logger.warning("cron: time zone %s is not known: UTC is used", job.time_zone)
        return timezone.utc


def next_runs(config: CronConfig, now: float) -> list[tuple[datetime, CronJob]]:
    """Return each job with its next run after now (Unix seconds), in its own zone."""
    runs = []
    for job in config.jobs:
        moment = datetime.fromtimestamp(now, zone_of(job))
        runs.append((job.schedule.next_run(moment), job))
    return runs


def coming_runs(job: CronJob, now: float, count: int) -> list[datetime]:
    """Return a job's next runs after now (Unix seconds), in its own zone."""
    runs: list[datetime] = []
    moment = datetime.fromtimestamp(now, zone_of(job))
    while len(runs) < count:
        moment = job.schedule.next_run(moment)
        runs.append(moment)
    return runs


class CronRuns:
    """Runs jobs, never two of one at once, and remembers how each went. Any thread.

    Args:
        config: cron.yaml.
        dispatcher: makes the requests.
        clock: says now.
        deadlines: has the app's code hear of its deadline.
        deadline_seconds: after which a job is told to end; 0 for never.
    """

    def __init__(
        self,
        config: CronConfig,
        dispatcher: Dispatcher,
        clock: Clock,
        deadlines: Deadlines,
        deadline_seconds: float,
    ) -> None:
        self._jobs = config.jobs
        self._dispatcher = dispatcher
        self._clock = clock
        self._deadlines = deadlines
        self._deadline_seconds = deadline_seconds
        self._turns = [threading.Lock() for _ in config.jobs]
        self._results: dict[int, CronResult] = {}
        # Runs that have ended, and those of them that failed.
        self._ended = [0] * len(config.jobs)
        self._failed = [0] * len(config.jobs)

    def count_ended(self) -> dict[str, float]:
        """Return how often each job has run to its end, by its URL."""
        return self._by_url(self._ended)

    def count_failed(self) -> dict[str, float]:
        """Return how often that was with another status than success, by its URL."""
        return self._by_url(self._failed)

    def _by_url(self, numbers: Sequence[int]) -> dict[str, float]:
        """Return numbers by URL; two jobs of one URL are one."""
        found: dict[str, float] = {}
        for job, number in zip(self._jobs, numbers, strict=True):
            found[job.url] = found.get(job.url, 0) + number
        return found

    def results(self) -> dict[int, CronResult]:
        """Return how the last run of each job went, by its place."""
        return dict(self._results)

    def run(self, number: int) -> int:
        """Run a job, once it runs nowhere; return the status."""
        with self._turns[number]:
            return self._run(number)

    def begin(
        self, number: int, start: Callable[[str, Callable[[], None]], Any]
    ) -> bool:
        """Run a job in a thread of its own; return False where it runs already.

        Args:
            number: its place.
            start: starts the thread.
        """
        if not self._turns[number].acquire(blocking=False):
            return False
        # Now: whoever asks next must not see the result of the run before.
        self._results[number] = CronResult(self._clock.time())
        try:
            start(f"cron {self._jobs[number].url}", partial(self._finish, number))
        except BaseException:
            self._turns[number].release()
            raise
        return True

    def _finish(self, number: int) -> None:
        try:
            self._run(number)
        except BaseException:
            # A thread that is kept would run it again.
            _logger.exception("cron: %s failed", self._jobs[number].url)
        finally:
            self._turns[number].release()

    def _run(self, number: int) -> int:
        started_at, begun = self._clock.time(), self._clock.monotonic()
        self._results[number] = CronResult(started_at)
        status: int | None = None
        try:
            with self._deadlines.limit(self._deadline_seconds):
                status = run_cron_job(self._dispatcher, self._jobs[number])
        finally:
            seconds = self._clock.monotonic() - begun
            self._results[number] = CronResult(started_at, seconds, status)
            # Within the job's turn.
            self._ended[number] += 1
            self._failed[number] += status is None or not _is_success(status)
        return status


class CronScheduler:
    """Makes the requests of jobs when they are due.

    Args:
        config: cron.yaml.
        dispatcher: makes the requests.
        clock: says now.
        threads: keeps the threads running; None for one of its own.
        deadlines: has the app's code hear of its deadline; None for one of its own.
        deadline_seconds: after which a job is told to end; 0 for never.
        runs: runs the jobs; None for one of its own.
        claims: says which of several servers runs a job; None for this one.
    """

    def __init__(
        self,
        config: CronConfig,
        dispatcher: Dispatcher,
        clock: Clock,
        threads: Threads | None = None,
        deadlines: Deadlines | None = None,
        deadline_seconds: float = limits.TASK_DEADLINE_SECONDS,
        runs: CronRuns | None = None,
        claims: CronClaims | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._claims = claims
        self._stop = threading.Event()
        self._threads = threads or Threads()
        self._runs = runs or CronRuns(
            config, dispatcher, clock, deadlines or Deadlines(), deadline_seconds
        )
        self._running: list[Kept] = []

    def start(self) -> None:
        """Log the next run of each job, and begin to wait for it."""
        coming = next_runs(self._config, self._clock.time())
        for number, (run, job) in enumerate(coming):
            _logger.info(
                "cron: %s (%s) runs next at %s", job.url, job.schedule_text, run
            )
            # A thread each: a job that takes long delays no other.
            repeat = partial(self._repeat_from_now, number, job)
            self._running.append(self._threads.start(f"cron {job.url}", repeat))

    def begin_stop(self) -> None:
        """Start no more jobs. Any thread; waits for nothing."""
        self._stop.set()

    def stop(self, timeout_seconds: float) -> None:
        """Start no more jobs and wait for those that run, so long for all together."""
        self.begin_stop()
        deadline = time.monotonic() + timeout_seconds
        for thread in self._running:
            thread.hurry()
            thread.join(max(0.0, deadline - time.monotonic()))

    def _repeat_from_now(self, number: int, job: CronJob) -> None:
        # After a failure too: the run that failed is over.
        self._repeat(number, job, job.schedule.next_run(self._now(zone_of(job))))

    def _repeat(self, number: int, job: CronJob, run: datetime) -> None:
        zone = zone_of(job)
        while self._wait_until(run.timestamp()):
            taken_at = self._find_other(job, run.timestamp())
            if taken_at is not None:
                # Next to that one, so that servers agree about an interval's moments.
                other = datetime.fromtimestamp(taken_at, zone)
                run = job.schedule.next_run(other)
                if run.timestamp() <= self._clock.time():
                    run = job.schedule.next_run(self._now(zone))
                continue
            started_at = self._clock.time()
            status = self._runs.run(number)
            next_run = job.schedule.next_run(_later(run, self._now(zone)))
            if not _is_success(status):
                self._retry(number, job, started_at, next_run)
            run = job.schedule.next_run(_later(run, self._now(zone)))

    def _find_other(self, job: CronJob, moment: float) -> float | None:
        """Return the moment of another server's run in the place of ours, or None."""
        if self._claims is None:
            return None
        gap = 0.0
        if isinstance(job.schedule, Interval) and job.schedule.start is None:
            gap = job.schedule.seconds
        key = f"{job.target} {job.url} {job.schedule_text} {job.time_zone}"
        while not self._stop.is_set():
            try:
                return self._claims.claim(key, moment, gap)
            except StorageError as error:
                _logger.error("cron: %s waits: %s", job.url, error)
                self._stop.wait(_AFTER_ERROR_SECONDS)
        return moment

    def _now(self, zone: tzinfo) -> datetime:
        return datetime.fromtimestamp(self._clock.time(), zone)

    def _retry(
        self, number: int, job: CronJob, started_at: float, next_run: datetime
    ) -> None:
        """Try a failed job again until it succeeds, gives up, or runs anyway."""
        if job.retry is None:
            return
        for retry in itertools.count(1):
            now = self._clock.time()
            if job.retry.gives_up(retry, now - started_at):
                _logger.error("cron: %s is given up until its next run", job.url)
                return
            at = now + job.retry.backoff_seconds(retry)
            if at >= next_run.timestamp() or not self._wait_until(at):
                return
            if _is_success(self._runs.run(number)):
                return

    def _wait_until(self, moment: float) -> bool:
        """Return True when the moment has come, False at the stop."""
        while not self._stop.is_set():
            rest = moment - self._clock.time()
            if rest <= 0:
                return True
            self._stop.wait(min(rest, _LONGEST_WAIT_SECONDS))
        return False


def _later(one: datetime, other: datetime) -> datetime:
    """Return the later of two moments of one zone, which compare by their clocks."""
    return max(one, other, key=datetime.timestamp)


def _is_success(status: int) -> bool:
    return 200 <= status < 300


def run_cron_job(dispatcher: Dispatcher, job: CronJob) -> int:
    """Make the request of a job now; return the status."""
    headers: Sequence[tuple[str, str]] = (("X-AppEngine-Cron", "true"),)
    request = InternalRequest(
        method="GET",
        path=job.url,
        remote_address=limits.CRON_REMOTE_ADDRESS,
        headers=tuple(headers),
        target=job.target,
    )
    status = dispatcher.dispatch(request).status
    level = logging.INFO if _is_success(status) else logging.ERROR
    _logger.log(level, "cron: %s answered %s", job.url, status)
    return status
