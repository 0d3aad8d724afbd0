"""The jobs of cron.yaml: when they run next, how the last run went, run now."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Final

from channelshim.appyaml.cron import CronJob
from channelshim.console.page import PageHandler, Refused
from channelshim.jobs.cron import coming_runs

RUNS: Final = 3
"""Coming runs of a job that are shown."""


class CronPage(PageHandler):
    """All jobs."""

    template: ClassVar[str] = "cron.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        app = self.sources.app
        results = self.sources.jobs.cron_results()
        now = self.sources.clock.time()
        return {
            "jobs": [
                {
                    **_facts(job, now),
                    "number": number,
                    "result": results.get(number),
                }
                for number, job in enumerate(app.cron.jobs)
            ],
            "runs_cron": app.runs_cron,
            "warnings": [str(each) for each in app.cron.warnings],
        }

    def do_run(self, **names: str) -> str:
        """Run a job now."""
        jobs = self.sources.app.cron.jobs
        number = self.number("number", -1, -1, 10_000)
        if not 0 <= number < len(jobs):
            raise Refused("There is no such job in cron.yaml.")
        if not self.sources.jobs.run_cron(number):
            raise Refused("The job runs already, or the app does not.")
        return (
            f"{jobs[number].url} has begun; its answer stands here when it has ended."
        )


def _facts(job: CronJob, now: float) -> dict[str, Any]:
    problem, runs = "", []
    try:
        runs = [_text(run) for run in coming_runs(job, now, RUNS)]
    except (ValueError, OverflowError) as error:
        # One odd job must not hide the others.
        problem = str(error)
    return {
        "url": job.url,
        "schedule": job.schedule_text,
        "time_zone": job.time_zone,
        "description": job.description,
        "target": job.target,
        "retry": job.retry,
        "next_runs": runs,
        "problem": problem,
    }


def _text(moment: datetime) -> str:
    """Return a moment with its distance from UTC, which summer time changes."""
    return f"{moment:%a %Y-%m-%d %H:%M:%S %z}"
