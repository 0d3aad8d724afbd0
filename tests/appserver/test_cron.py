"""Cron jobs are requests that only the platform can make."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from channelshim.appserver import cron
from channelshim.appserver.cron import CronScheduler, next_runs
from channelshim.appyaml.cron import parse_cron
from channelshim.protocol.contracts import InternalRequest, InternalResponse


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


class FlakyApp(App):
    """Fails its first requests, then succeeds."""

    def __init__(self, failures: int, clock: FastClock) -> None:
        super().__init__(500)
        self.failures = failures
        self.clock = clock
        self.times: list[float] = []

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        self.times.append(self.clock.time())
        self.status = 500 if len(self.times) <= self.failures else 200
        return super().dispatch(request)


def run_daily(
    app: FlakyApp, retry: str, wait_until: Callable[..., Any], runs: int
) -> None:
    config = parse_cron(
        f"cron:\n- url: /x\n  schedule: every 3 hours\n  retry_parameters: {retry}\n"
    )
    scheduler = CronScheduler(config, app, app.clock)
    scheduler.start()
    wait_until(lambda: len(app.seen) >= runs)
    scheduler.stop(10)


def test_failed_job_is_tried_again_until_it_succeeds(
    wait_until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cron, "_LONGEST_WAIT_SECONDS", 0.01)
    app = FlakyApp(2, FastClock())
    run_daily(app, "{min_backoff_seconds: 600}", wait_until, 4)
    first, second, third, fourth = app.times[:4]
    assert second - first >= 600
    assert third - second >= 1200
    assert fourth - third > 3600


def test_failed_job_is_given_up_at_its_limit(
    wait_until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(cron, "_LONGEST_WAIT_SECONDS", 0.01)
    app = FlakyApp(100, FastClock())
    retry = "{job_retry_limit: 1, min_backoff_seconds: 600}"
    run_daily(app, retry, wait_until, 3)
    assert app.times[2] - app.times[1] > 3600
    assert "/x is given up until its next run" in caplog.text


def test_next_run_comes_instead_of_a_late_retry(
    wait_until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cron, "_LONGEST_WAIT_SECONDS", 0.01)
    app = FlakyApp(100, FastClock())
    retry = "{min_backoff_seconds: 10900, max_backoff_seconds: 10900}"
    run_daily(app, retry, wait_until, 3)
    assert app.times[1] - app.times[0] < 10_850
