"""cron.yaml to frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from channelshim import limits
from channelshim.appyaml.config import Notice
from channelshim.appyaml.nodes import Node, parse_yaml
from channelshim.appyaml.parsing import Warn, once
from channelshim.appyaml.queues import RetryParameters, parse_retry
from channelshim.errors import ConfigurationError

if TYPE_CHECKING:
    from channelshim.appyaml.schedule import Schedule

_KNOWN: Final = frozenset(
    {"url", "schedule", "timezone", "description", "retry_parameters", "target"}
)
_INERT: Final = {
    "attempt_deadline": "has no effect here",
}
_RETRY: Final = RetryParameters(min_backoff_seconds=5.0, max_doublings=5)
"""Cloud Scheduler, RetryConfig, the defaults of the back-off."""


@dataclass(frozen=True, slots=True)
class CronJob:
    """One element of `cron:`.

    Attributes:
        url: path that is requested.
        schedule: when.
        schedule_text: as written.
        time_zone: a name of the tz database.
        description: for people.
        retry: when and how often a failed job is tried again before its next run, or
            None for never.
        target: the module that it is for, perhaps behind a version; "" for the one
            that dispatch.yaml says.
    """

    url: str
    schedule: Schedule
    schedule_text: str
    time_zone: str = "UTC"
    description: str = ""
    retry: RetryParameters | None = None
    target: str = ""


@dataclass(frozen=True, slots=True)
class CronConfig:
    """A cron.yaml."""

    jobs: tuple[CronJob, ...] = ()
    warnings: tuple[Notice, ...] = ()


def parse_cron(text: str, *, path: str = "cron.yaml") -> CronConfig:
    """Return what cron.yaml says; what is not known becomes a warning.

    Raises:
        ConfigurationError: no YAML, a job without url, or a schedule that is not
            understood; names the line.
    """
    warnings: list[Notice] = []

    def warn(node: Node, sentence: str) -> None:
        warnings.append(Notice(sentence, node.path, node.line))

    warn_once = once(warn)
    jobs = []
    for key, node in parse_yaml(text, path).pairs("cron.yaml"):
        if key != "cron":
            warn(node, f"{key} is not known and ignored")
            continue
        for item in node.items("cron"):
            jobs.append(_parse_job(item, warn, warn_once))
    return CronConfig(tuple(jobs), tuple(warnings))


def _parse_job(node: Node, warn: Warn, warn_once: Warn) -> CronJob:
    values = dict(node.pairs("a job"))
    for key in ("url", "schedule"):
        if key not in values:
            raise node.error(f"a job needs a {key}")
    for key in values.keys() - _KNOWN:
        if key in _INERT:
            warn_once(values[key], f"cron: {key} {_INERT[key]}")
        else:
            warn(values[key], f"cron: {key} is not known and ignored")
    url = values["url"].text("url").strip()
    if not url.startswith("/"):
        raise values["url"].error(f"url must begin with a slash, not {url!r}")
    schedule_text = values["schedule"].text("schedule")
    try:
        from channelshim.appyaml.schedule import parse_schedule

        schedule = parse_schedule(schedule_text)
    except ConfigurationError as error:
        raise values["schedule"].error(error.sentence) from None
    zone = values["timezone"].text("timezone").strip() if "timezone" in values else ""
    description = values.get("description", Node("", 0, None)).text("description")
    given = values.get("retry_parameters")
    retry = None if given is None else _parse_retry(given, warn)
    target = values.get("target", Node("", 0, None)).text("target").strip()
    return CronJob(
        url, schedule, schedule_text, zone or "UTC", description, retry, target
    )


def _parse_retry(node: Node, warn: Warn) -> RetryParameters:
    retry = parse_retry(node, "job", _RETRY)
    if retry.limit is None and retry.age_limit_seconds is None:
        return replace(retry, limit=limits.MAXIMUM_CRON_RETRIES)
    if retry.limit is not None and retry.limit > limits.MAXIMUM_CRON_RETRIES:
        warn(node, f"cron: job_retry_limit is {limits.MAXIMUM_CRON_RETRIES} at most")
        return replace(retry, limit=limits.MAXIMUM_CRON_RETRIES)
    return retry
