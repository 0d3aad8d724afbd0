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
