"""The schedule language, by the examples of its documentation."""

from __future__ import annotations

from datetime import datetime, time, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.appyaml.cron import parse_cron
from channelshim.appyaml.queues import RetryParameters
from channelshim.appyaml.schedule import Times, parse_schedule
from channelshim.errors import ConfigurationError


def runs(schedule: str, after: str, count: int = 3, zone: str = "UTC") -> list[str]:
    moment = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone))
    found = []
    for _ in range(count):
        moment = parse_schedule(schedule).next_run(moment)
        found.append(moment.strftime("%a %Y-%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("every 12 hours", "2015-03-02 10:30", ["Mon 2015-03-02 22:30"]),
        ("every 1 minutes", "2015-03-02 10:30", ["Mon 2015-03-02 10:31"]),
        (
            "every 5 minutes from 10:00 to 14:00",
            "2015-03-02 13:53",
            ["Mon 2015-03-02 13:55", "Mon 2015-03-02 14:00", "Tue 2015-03-03 10:00"],
        ),
        (
            "every 2 hours from 22:00 to 02:00",
            "2015-03-02 21:00",
            ["Mon 2015-03-02 22:00", "Tue 2015-03-03 00:00", "Tue 2015-03-03 02:00"],
        ),
        (
            "every 8 hours synchronized",
            "2015-03-02 09:00",
            ["Mon 2015-03-02 16:00", "Tue 2015-03-03 00:00"],
        ),
        ("every day 00:00", "2015-03-02 10:30", ["Tue 2015-03-03 00:00"]),
        ("every day", "2015-03-02 10:30", ["Tue 2015-03-03 00:00"]),
        (
            "every monday 09:00",
            "2015-03-02 09:00",
            ["Mon 2015-03-09 09:00", "Mon 2015-03-16 09:00"],
        ),
        (
            "2nd,third mon,wed,thu of march 17:00",
            "2015-03-02 09:00",
            ["Mon 2015-03-09 17:00", "Wed 2015-03-11 17:00", "Thu 2015-03-12 17:00"],
        ),
        (
            "1st monday of sep,oct,nov 17:00",
            "2015-03-02 09:00",
            ["Mon 2015-09-07 17:00", "Mon 2015-10-05 17:00", "Mon 2015-11-02 17:00"],
        ),
        (
            "1 of jan,april,july,oct 00:00",
            "2015-03-02 09:00",
            ["Wed 2015-04-01 00:00", "Wed 2015-07-01 00:00"],
        ),
        ("Every Mon , Tue of month 9:00", "2015-03-03 10:00", ["Mon 2015-03-09 09:00"]),
        ("1,15 of month 10:00", "2015-03-02 09:00", ["Sun 2015-03-15 10:00"]),
        ("1st day of quarter 05:00", "2015-03-02 09:00", ["Wed 2015-04-01 05:00"]),
        (
            "first monday of second month of quarter 17:00",
            "2015-03-02 09:00",
            ["Mon 2015-05-04 17:00", "Mon 2015-08-03 17:00"],
        ),
        ("29 of feb 00:00", "2015-03-02 09:00", ["Mon 2016-02-29 00:00"]),
        ("5th fri of month", "2015-03-02 09:00", ["Fri 2015-05-29 00:00"]),
    ],
)
def test_runs(schedule: str, after: str, expected: list[str]) -> None:
    assert runs(schedule, after, len(expected)) == expected


def test_time_of_day_is_kept_over_a_change_of_clocks() -> None:
    found = runs("every day 09:00", "2015-03-28 10:00", 2, "Europe/Berlin")
    assert found == ["Sun 2015-03-29 09:00", "Mon 2015-03-30 09:00"]


# Clocks went forward at 01:00 UTC on 29 March, back at 01:00 UTC on 25 October. The
# right side is what SDK 1.9.88 answers.
@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("every 1 hours", "03-28 23:30", "00:30 01:30 02:30"),
        ("every 30 minutes", "10-24 23:30", "00:00 00:30 01:00 01:30 02:00 02:30"),
        (
            "every 1 hours from 00:00 to 06:00",
            "03-28 22:59",
            "23:00 00:00 01:00 02:00 03:00 04:00 22:00 23:00",
        ),
        (
            "every 1 hours from 00:00 to 06:00",
            "10-24 21:59",
            "22:00 23:00 00:00 01:00 02:00 03:00 04:00 05:00 23:00",
        ),
        (
            "every 1 hours from 02:30 to 05:30",
            "03-28 20:59",
            "01:00 02:00 03:00 00:30 01:30",
        ),
        (
            "every 1 hours from 02:30 to 05:30",
            "10-24 20:59",
            "00:30 01:30 02:30 03:30 04:30 01:30",
        ),
        (
            "every 6 hours synchronized",
            "03-28 20:59",
            "23:00 05:00 11:00 17:00 22:00 04:00",
        ),
        ("every 6 hours synchronized", "10-24 20:59", "22:00 04:00 10:00 16:00"),
        ("every day 02:30", "03-27 20:59", "01:30 00:30 00:30"),
        ("every day 02:30", "10-23 20:59", "00:30 00:30 01:30 01:30"),
    ],
)
def test_runs_over_a_change_of_clocks(schedule: str, after: str, expected: str) -> None:
    moment = datetime.fromisoformat(f"2015-{after}").replace(tzinfo=timezone.utc)
    moment = moment.astimezone(ZoneInfo("Europe/Berlin"))
    found = []
    for _ in expected.split():
        later = parse_schedule(schedule).next_run(moment)
        assert later.timestamp() > moment.timestamp()
        assert later.tzinfo is moment.tzinfo
        moment = later
        found.append(moment.astimezone(timezone.utc).strftime("%H:%M"))
    assert found == expected.split()


def test_day_that_comes_too_seldom_is_refused() -> None:
    schedule = Times(time(9, 0), weekdays=frozenset())
    with pytest.raises(ConfigurationError, match="no day"):
        schedule.next_run(datetime(2015, 3, 2, tzinfo=timezone.utc))


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "every",
        "every 0 minutes",
        "every 5 weeks",
        "every 5",
        "every moonday 09:00",
        "every day 25:00",
        "every day 09:60",
        "every day 9",
        "every day 09:00 sharp",
        "every 5 minutes from 10:00 until 11:00",
        "32 of month 00:00",
        "30 of feb 00:00",
        "6th monday of month",
        "1st monday of smarch",
        "first monday of second month of year",
        "* * * * *",
    ],
)
def test_what_is_not_in_the_language_is_refused(schedule: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_schedule(schedule)


_WORDS = st.sampled_from(
    "every 5 12 day mon tuesday 1st third of month quarter jan 09:00 from to hours "
    "minutes synchronized , 31".split()
)


@given(st.lists(_WORDS, max_size=9).map(" ".join))
def test_any_words_run_later_or_are_refused(schedule: str) -> None:
    now = datetime(2015, 3, 2, 9, 30, tzinfo=timezone.utc)
    try:
        run = parse_schedule(schedule).next_run(now)
    except ConfigurationError:
        return
    assert run > now


def test_cron_yaml_is_read() -> None:
    config = parse_cron(
        "cron:\n"
        "- description: daily mail\n"
        "  url: /mail?a=b\n"
        "  schedule: every day 09:00\n"
        "  timezone: Australia/NSW\n"
        "  target: worker\n"
        "  colour: red\n"
        "other: x\n"
    )
    (job,) = config.jobs
    assert job.retry is None
    assert (job.url, job.time_zone) == ("/mail?a=b", "Australia/NSW")
    assert (job.description, job.target) == ("daily mail", "worker")
    said = sorted(str(warning) for warning in config.warnings)
    assert said == [
        "cron.yaml, line 7: cron: colour is not known and ignored",
        "cron.yaml, line 8: other is not known and ignored",
    ]


JOB = "- url: /x\n  schedule: every day 09:00\n"


@pytest.mark.parametrize(
    ("text", "retry"),
    [
        ("", RetryParameters(5, None, 5.0, 3600.0, 5)),
        ("job_retry_limit: 3", RetryParameters(3, None, 5.0, 3600.0, 5)),
        ("job_age_limit: 1h", RetryParameters(None, 3600.0, 5.0, 3600.0, 5)),
        ("min_backoff_seconds: 2.5", RetryParameters(5, None, 2.5, 3600.0, 5)),
        (
            "{job_retry_limit: 9, max_backoff_seconds: 7, max_doublings: 0}",
            RetryParameters(5, None, 5.0, 7.0, 0),
        ),
    ],
)
def test_retry_parameters_of_a_job_are_read(text: str, retry: RetryParameters) -> None:
    value = text if text.startswith("{") else f"{{{text}}}"
    config = parse_cron(f"cron:\n{JOB}  retry_parameters: {value}\n")
    assert config.jobs[0].retry == retry
    said = [str(warning) for warning in config.warnings]
    assert said == (
        ["cron.yaml, line 4: cron: job_retry_limit is 5 at most"] if "9" in text else []
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("cron:\n- url: /x", "line 2: a job needs a schedule"),
        ("cron:\n- schedule: every day", "line 2: a job needs a url"),
        ("cron:\n- url: x\n  schedule: every day", "line 2: url must begin"),
        ("cron:\n- url: /x\n  schedule: often", "line 3: schedule 'often'"),
    ],
)
def test_wrong_job_is_named(text: str, part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        parse_cron(text)


def test_keys_without_effect_are_told_once() -> None:
    job = "- url: /a\n  schedule: every 5 minutes\n  attempt_deadline: 3m\n"
    config = parse_cron(f"cron:\n{job}{job}")
    (warning,) = config.warnings
    assert "attempt_deadline has no effect here" in str(warning)
