"""Cron jobs are requests that only the platform can make."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from channelshim.appserver.internal import internal_environ
from channelshim.appyaml.cron import parse_cron
from channelshim.contracts.dispatcher import InternalRequest, InternalResponse
from channelshim.jobs import cron
from channelshim.jobs.cron import CronRuns, CronScheduler, coming_runs, next_runs
from channelshim.kernel.deadlines import Deadlines
from channelshim.kernel.threads import Threads
from tests.lanes import timeout_factor


class App:
    """A Dispatcher that notes what is asked of it."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.seen: list[InternalRequest] = []

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        self.seen.append(request)
        return InternalResponse(self.status, (), b"")


class FastClock:
    """A clock of which an hour passes in a tenth of a second."""

    def time(self) -> float:
        return 1_425_290_400 + time.monotonic() * 36_000

    def monotonic(self) -> float:
        return time.monotonic()


CONFIG = parse_cron(
    "cron:\n"
    "- url: /often?a=b\n  schedule: every 1 minutes\n"
    "- url: /once\n  schedule: every day 09:00\n  timezone: Nowhere/Land\n"
)


def test_job_runs_again_and_again_although_it_fails(
    wait_until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cron, "_LONGEST_WAIT_SECONDS", 0.01)
    app = App(500)
    scheduler = CronScheduler(CONFIG, app, FastClock())
    scheduler.start()
    wait_until(lambda: [seen.path for seen in app.seen].count("/often?a=b") >= 3)
    scheduler.stop(10)
    request = app.seen[0]
    assert request.method == "GET"
    assert request.remote_address == "0.1.0.1"
    assert ("X-AppEngine-Cron", "true") in request.headers


def test_next_runs_are_told_and_an_unknown_zone_is_utc() -> None:
    (first, _), (second, _) = next_runs(CONFIG, 1_425_290_400)
    assert first.isoformat() == "2015-03-02T10:01:00+00:00"
    assert second.isoformat() == "2015-03-03T09:00:00+00:00"


ODD_TEXTS = ["\\uD800", "\\0", "\\r\\nX: y", "\\e[31m", "\\u4E2D"]
"""As YAML escapes them."""


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_text_in_a_job_ends_no_other(
    wait_until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    text: str,
) -> None:
    monkeypatch.setattr(cron, "_LONGEST_WAIT_SECONDS", 0.01)
    config = parse_cron(
        "cron:\n"
        f'- url: "/odd{text}"\n  description: "{text}"\n  timezone: "{text}"\n'
        "  schedule: every 1 minutes\n"
        "- url: /good\n  schedule: every 1 minutes\n"
    )
    app = App(200)
    scheduler = CronScheduler(config, app, FastClock())
    with caplog.at_level(logging.DEBUG):
        scheduler.start()
        wait_until(lambda: len({seen.path for seen in app.seen}) == 2)
        scheduler.stop(10)
    assert "Traceback" not in caplog.text
    for request in app.seen:
        internal_environ(request)["PATH_INFO"].encode("latin-1")


class SetClock:
    """A clock that says what it was set to: at first a Monday, 10:00 UTC."""

    now = 1_425_290_400.0

    def time(self) -> float:
        return self.now

    monotonic = time


class NoWaiting(CronScheduler):
    """A scheduler for which each moment comes at once."""

    moments = 0

    def _wait_until(self, moment: float) -> bool:
        assert isinstance(self._clock, SetClock)
        self._clock.now = max(self._clock.now, moment)
        self.moments += 1
        return self.moments <= 6


class FlakyApp(App):
    """Fails its first requests, then succeeds."""

    def __init__(self, failures: int) -> None:
        super().__init__(500)
        self.failures = failures
        self.clock = SetClock()
        self.minutes: list[float] = []

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        self.minutes.append((self.clock.now - SetClock.now) / 60)
        self.status = 500 if len(self.minutes) <= self.failures else 200
        return super().dispatch(request)


LATE = "max_backoff_seconds: 99999"


@pytest.mark.parametrize(
    ("failures", "retry", "minutes"),
    [
        # Runs are at 120, 300, 480; the wait doubles.
        (2, "min_backoff_seconds: 600", [120, 130, 150, 300, 480, 660]),
        (9, "job_retry_limit: 1, min_backoff_seconds: 60", [120, 121, 300, 301]),
        (9, "job_age_limit: 15m, min_backoff_seconds: 600", [120, 130, 150, 300]),
        # One that would come with the next run or after it does not come.
        (9, f"{LATE}, min_backoff_seconds: 10800", [120, 300, 480]),
        (9, f"{LATE}, min_backoff_seconds: 10740", [120, 299, 300]),
    ],
)
def test_failed_job_is_tried_again(
    failures: int, retry: str, minutes: list[float]
) -> None:
    config = parse_cron(
        "cron:\n- url: /x\n  schedule: every 3 hours synchronized\n"
        f"  retry_parameters: {{{retry}}}\n"
    )
    app = FlakyApp(failures)
    scheduler = NoWaiting(config, app, app.clock)
    ((run, job),) = next_runs(config, app.clock.now)
    scheduler._repeat(0, job, run)
    assert app.minutes[: len(minutes)] == minutes


def test_job_that_is_given_up_is_told(caplog: pytest.LogCaptureFixture) -> None:
    config = parse_cron(
        "cron:\n- url: /x\n  schedule: every 3 hours synchronized\n"
        "  retry_parameters: {job_retry_limit: 0}\n"
    )
    app = FlakyApp(9)
    ((run, job),) = next_runs(config, app.clock.now)
    NoWaiting(config, app, app.clock)._repeat(0, job, run)
    assert app.minutes[:3] == [120, 300, 480]
    assert "/x is given up until its next run" in caplog.text


@pytest.mark.parametrize(
    "fault", [SystemExit, KeyboardInterrupt, GeneratorExit, BaseException, OSError]
)
@pytest.mark.parametrize("name", ["dispatch", "_retry", "_wait_until", "_now"])
def test_nothing_that_is_raised_ends_a_job(
    wait_until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    fault: type[BaseException],
    name: str,
) -> None:
    monkeypatch.setattr(cron, "_LONGEST_WAIT_SECONDS", 0.01)
    app = App(500)
    threads = Threads(first_pause_seconds=0.001, longest_pause_seconds=0.01)
    scheduler = CronScheduler(CONFIG, app, FastClock(), threads)
    target = app if name == "dispatch" else scheduler
    works = getattr(target, name)
    left = iter(range(3))

    def fail(*arguments: Any) -> Any:
        for _ in left:
            raise fault
        return works(*arguments)

    monkeypatch.setattr(target, name, fail)
    scheduler.start()
    wait_until(lambda: [seen.path for seen in app.seen].count("/often?a=b") >= 2)
    scheduler.stop(10)
    assert threads.restarts()
    assert threads.running() == {}


class TurnedClock:
    """Five minutes before clocks go back in Berlin, then as FastClock."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def time(self) -> float:
        return 1_445_734_500 + (time.monotonic() - self._started) * 36_000

    def monotonic(self) -> float:
        return time.monotonic()


def test_job_runs_as_often_in_the_hour_that_comes_twice(
    wait_until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cron, "_LONGEST_WAIT_SECONDS", 0.01)
    clock = TurnedClock()
    at: list[float] = []

    class Noting(App):
        def dispatch(self, request: InternalRequest) -> InternalResponse:
            at.append(clock.time())
            return super().dispatch(request)

    config = parse_cron(
        "cron:\n- url: /a\n  schedule: every 10 minutes\n  timezone: Europe/Berlin\n"
    )
    scheduler = CronScheduler(config, Noting(200), clock)
    scheduler.start()
    wait_until(lambda: at and at[-1] > 1_445_734_500 + 7_200)
    scheduler.stop(10)
    # Never two within ten minutes: a job that is late makes the next one no earlier.
    assert all(later - one >= 600 for one, later in pairwise(at))


def test_next_runs_of_a_job_follow_each_other() -> None:
    runs = coming_runs(CONFIG.jobs[0], 1_425_290_405.0, 3)
    assert [run.timestamp() for run in runs] == [
        1_425_290_465.0,
        1_425_290_525.0,
        1_425_290_585.0,
    ]


def test_job_runs_now_and_never_beside_itself(wait_until: Callable[..., Any]) -> None:
    begun, end = threading.Semaphore(0), threading.Event()

    class SlowApp(App):
        def dispatch(self, request: InternalRequest) -> InternalResponse:
            begun.release()
            end.wait(60)
            return super().dispatch(request)

    app, threads = SlowApp(503), Threads()
    runs = CronRuns(CONFIG, app, FastClock(), Deadlines(), 0)
    assert runs.results() == {}
    assert runs.begin(1, threads.start)
    assert begun.acquire(timeout=60 * timeout_factor())
    assert not runs.begin(1, threads.start)
    result = runs.results()[1]
    assert (result.seconds, result.status) == (None, None)
    end.set()
    wait_until(lambda: runs.results()[1].seconds is not None)
    assert runs.results()[1].status == 503
    wait_until(lambda: runs.begin(1, threads.start))
    wait_until(lambda: len(app.seen) == 2)
