"""cron.yaml to frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from channelshim.appyaml.config import Warning
from channelshim.appyaml.nodes import Node, parse_yaml
from channelshim.appyaml.schedule import Schedule, parse_schedule
from channelshim.errors import ConfigurationError

_INERT: Final = frozenset({"target", "retry_parameters", "attempt_deadline"})


@dataclass(frozen=True, slots=True)
class CronJob:
    """One element of `cron:`.

    Attributes:
        url: path that is requested.
        schedule: when.
        schedule_text: as written.
        time_zone: a name of the tz database.
        description: for people.
    """

    url: str
    schedule: Schedule
    schedule_text: str
    time_zone: str = "UTC"
    description: str = ""


@dataclass(frozen=True, slots=True)
class CronConfig:
    """A cron.yaml."""

    jobs: tuple[CronJob, ...] = ()
    warnings: tuple[Warning, ...] = ()


def parse_cron(text: str, *, path: str = "cron.yaml") -> CronConfig:
    """Return what cron.yaml says; what is not known becomes a warning.

    Raises:
        ConfigurationError: no YAML, a job without url, or a schedule that is not
            understood; names the line.
    """
    warnings: list[Warning] = []
    jobs = []
    for key, node in parse_yaml(text, path).pairs("cron.yaml"):
        if key != "cron":
            warnings.append(Warning(f"{key} is not known and ignored", path, node.line))
            continue
        for item in node.items("cron"):
            jobs.append(_parse_job(item, warnings))
    return CronConfig(tuple(jobs), tuple(warnings))


def _parse_job(node: Node, warnings: list[Warning]) -> CronJob:
    values = dict(node.pairs("a job"))
    for key in ("url", "schedule"):
        if key not in values:
            raise node.error(f"a job needs a {key}")
    for key in values.keys() - {"url", "schedule", "timezone", "description"}:
        word = "has no effect here" if key in _INERT else "is not known and ignored"
        warnings.append(Warning(f"cron: {key} {word}", node.path, values[key].line))
    url = values["url"].text("url").strip()
    if not url.startswith("/"):
        raise values["url"].error(f"url must begin with a slash, not {url!r}")
    schedule_text = values["schedule"].text("schedule")
    try:
        schedule = parse_schedule(schedule_text)
    except ConfigurationError as error:
        raise values["schedule"].error(error.sentence) from None
    zone = values["timezone"].text("timezone").strip() if "timezone" in values else ""
    description = values.get("description", Node("", 0, None)).text("description")
    return CronJob(url, schedule, schedule_text, zone or "UTC", description)
