"""The page of cron jobs, by what a person does on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from channelshim.appyaml.cron import parse_cron
from tests.console.services.conftest import HOSTILE, Visitor


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


def test_jobs_are_listed_with_their_next_runs(visitor: Visitor) -> None:
    visitor.get("/cron")
    jobs = visitor.json("/cron")["jobs"]
    assert [job["url"] for job in jobs] == ["/tick", "/night", "/odd"]
    assert all(len(job["next_runs"]) == 3 for job in jobs)
    assert jobs[0]["result"] is None


def test_next_runs_follow_summer_time(visitor: Visitor) -> None:
    # On 2026-03-29 at 02:00 clocks in Berlin go to 03:00: there is no 02:30.
    visitor.clock.step(at("2026-03-27T12:00:00") - visitor.clock.time())
    night = visitor.json("/cron")["jobs"][1]
    assert night["time_zone"] == "Europe/Berlin"
    # So that day has no run.
    assert night["next_runs"] == [
        "Sat 2026-03-28 02:30:00 +0100",
        "Mon 2026-03-30 02:30:00 +0200",
        "Tue 2026-03-31 02:30:00 +0200",
    ]


def test_job_runs_now_and_its_answer_is_shown(
    visitor: Visitor, wait_until: Callable[..., Any]
) -> None:
    visitor.app.status = 503
    assert "/night has begun" in visitor.do("/cron", "run", {"number": "1"})
    wait_until(
        lambda: visitor.json("/cron")["jobs"][1]["result"]["seconds"] is not None
    )
    result = visitor.json("/cron")["jobs"][1]["result"]
    assert result["status"] == 503
    assert "503" in visitor.get("/cron").text
    (request,) = visitor.app.seen
    assert request.path == "/night"
    assert dict(request.headers)["X-AppEngine-Cron"] == "true"
    for wrong in ("3", "-1", "x", ""):
        visitor.refuse("/cron", "run", {"number": wrong})


def test_hostile_job_is_shown_as_text(make_visitor: Callable[..., Visitor]) -> None:
    name = HOSTILE.replace("'", "")
    visitor = make_visitor(
        parse_cron(
            f"cron:\n- url: '/{name}'\n  schedule: every 1 hours\n"
            f"  description: '{name}'\n"
            f"  timezone: '{name}'\n"
        )
    )
    assert visitor.json("/cron")["jobs"][0]["url"] == f"/{name}"
    visitor.get("/cron")
    assert "no jobs" in make_visitor(parse_cron("")).get("/cron").text
