"""The schedule language of cron.yaml: "every 5 minutes", "1st monday of sep 17:00".

Source: "cron.yaml reference", the section "Defining the schedule": intervals
("every N hours [from A to B | synchronized]") and times ("every|ordinals days [of
months] [HH:MM]").
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from typing import Final

from channelshim.errors import ConfigurationError

_ORDINALS: Final = {
    word: number
    for number, words in enumerate(
        ("1st first", "2nd second", "3rd third", "4th fourth", "5th fifth"), 1
    )
    for word in words.split()
}
_WEEKDAYS: Final = {
    word: number
    for number, words in enumerate(
        (
            "mon monday",
            "tue tues tuesday",
            "wed weds wednesday",
            "thu thur thurs thursday",
            "fri friday",
            "sat saturday",
            "sun sunday",
        )
    )
    for word in words.split()
}
_MONTHS: Final = {
    word: number
    for number, words in enumerate(
        (
            "jan january",
            "feb february",
            "mar march",
            "apr april",
            "may",
            "jun june",
            "jul july",
            "aug august",
            "sep sept september",
            "oct october",
            "nov november",
            "dec december",
        ),
        1,
    )
    for word in words.split()
}
_UNITS: Final = {
    "min": 60,
    "mins": 60,
    "minute": 60,
    "minutes": 60,
    "hour": 3600,
    "hours": 3600,
}
_ALL_DAYS: Final = frozenset(range(7))
_ALL_MONTHS: Final = frozenset(range(1, 13))
_SEARCHED_DAYS: Final = 366 * 5
"""The 5th of a weekday in February comes every 28 years; nobody schedules that, and
the 29th of February is at most 8 years off only around a century without one."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Runs again and again.

    Attributes:
        seconds: between runs.
        start: with `end`: runs at start and then every interval, up to end; also
            "synchronized", which is from 00:00 to 23:59.
        end: before start means past midnight.
    """

    seconds: int
    start: time | None = None
    end: time | None = None

    def next_run(self, after: datetime) -> datetime:
        """Return the first run after a moment; keeps its time zone.

        Without a window that is one interval later: the first one counts from the
        server's start.
        """
        # In UTC: an hour is an hour, also when the clocks are changed in it.
        return self._next_run(after).astimezone(after.tzinfo)

    def _next_run(self, after: datetime) -> datetime:
        step = timedelta(seconds=self.seconds)
        now = after.astimezone(timezone.utc)
        if self.start is None or self.end is None:
            return now + step
        # The window that began yesterday may reach past midnight.
        for offset in (-1, 0):
            first = _instant(_at(after, self.start, offset))
            last = _instant(_at(after, self.end, offset + (self.end <= self.start)))
            run = first
            if now >= first:
                run = first + ((now - first) // step + 1) * step
            if run <= last:
                return run
        return _instant(_at(after, self.start, 1))


@dataclass(frozen=True, slots=True)
class Times:
    """Runs at a time of certain days.

    Attributes:
        at: time of day.
        weekdays: 0 is Monday.
        months: 1 is January.
        ordinals: which of a weekday in its month (1 to 5); empty means every.
        month_days: days of the month instead of weekdays; empty means weekdays count.
    """

    at: time
    weekdays: frozenset[int] = _ALL_DAYS
    months: frozenset[int] = _ALL_MONTHS
    ordinals: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()

    def next_run(self, after: datetime) -> datetime:
        """Return the first run after a moment; keeps its time zone.

        A time that the clocks leave out is no run, one that they have twice is two.

        Raises:
            ConfigurationError: there is none within years, as for the 31st of
                February.
        """
        for offset in range(_SEARCHED_DAYS):
            run = _at(after, self.at, offset)
            if not self._has(run) or not _exists(run):
                continue
            for each in (run, run.replace(fold=1)):
                if each.timestamp() > after.timestamp():
                    return each
        raise ConfigurationError("this schedule has no day to run on")

    def _has(self, day: datetime) -> bool:
        if day.month not in self.months:
            return False
        if self.month_days:
            return day.day in self.month_days
        ordinal = (day.day - 1) // 7 + 1
        return day.weekday() in self.weekdays and (
            not self.ordinals or ordinal in self.ordinals
        )


Schedule = Interval | Times


def _at(moment: datetime, at: time, offset_days: int) -> datetime:
    """Return a time of day, so many days after a moment's day."""
    day = moment.date() + timedelta(days=offset_days)
    return datetime.combine(day, at, tzinfo=moment.tzinfo)


def _exists(moment: datetime) -> bool:
    """Return whether the clocks show this time on its day."""
    shown = moment.astimezone(timezone.utc).astimezone(moment.tzinfo)
    return shown.replace(tzinfo=None) == moment.replace(tzinfo=None)


def _instant(moment: datetime) -> datetime:
    """Return in UTC when the clocks first show this time, or would have gone past it.

    Source: SDK 1.9.88, cron/groctimespecification.py, _CombineDateAndTime.
    """
    while not _exists(moment):
        moment += timedelta(minutes=1)
    return moment.astimezone(timezone.utc)


def parse_schedule(text: str) -> Schedule:
    """Return a schedule.

    Args:
        text: as in cron.yaml; case and commas with spaces do not matter.

    Raises:
        ConfigurationError: not in the language; names the word.
    """
    schedule = _Words(text).schedule()
    if isinstance(schedule, Times):
        months = {calendar.monthrange(2024, month)[1] for month in schedule.months}
        if schedule.month_days and min(schedule.month_days) > max(months):
            raise ConfigurationError(f"schedule {text!r} has no day to run on")
    return schedule


class _Words:
    """Reads a schedule word by word."""

    def __init__(self, text: str) -> None:
        self._text = text
        joined = re.sub(r"\s*,\s*", ",", text.strip().lower())
        self._words = joined.split()

    def schedule(self) -> Schedule:
        first = self._next()
        if first == "every" and re.fullmatch(r"\d{1,9}", self._peek(), re.ASCII):
            schedule: Schedule = self._interval()
        elif first == "every":
            schedule = self._times(frozenset())
        elif re.fullmatch(r"\d{1,2}(,\d{1,2})*", first):
            schedule = self._month_days(first)
        else:
            schedule = self._times(self._set(first, _ORDINALS))
        if self._words:
            raise self._error(self._words[0])
        return schedule

    def _interval(self) -> Interval:
        number, unit = int(self._next()), self._next()
        if unit not in _UNITS or not 0 < number <= 10_000:
            raise self._error(f"{number} {unit}")
        seconds = number * _UNITS[unit]
        if self._peek() == "synchronized":
            self._next()
            return Interval(seconds, time(0, 0), time(23, 59, 59))
        if self._peek() == "from":
            self._next()
            start = self._time()
            self._expect("to")
            return Interval(seconds, start, self._time())
        return Interval(seconds)

    def _times(self, ordinals: frozenset[int]) -> Times:
        days = self._next()
        weekdays = _ALL_DAYS if days == "day" else self._set(days, _WEEKDAYS)
        if days == "day" and ordinals:
            # "1st day of month" is a day of the month, not a weekday.
            return Times(months=self._months(), at=self._time(), month_days=ordinals)
        return Times(
            weekdays=weekdays, months=self._months(), at=self._time(), ordinals=ordinals
        )

    def _month_days(self, first: str) -> Times:
        days = frozenset(int(day) for day in first.split(","))
        if not days <= frozenset(range(1, 32)):
            raise self._error(first)
        return Times(months=self._months(), at=self._time(), month_days=days)

    def _months(self) -> frozenset[int]:
        if self._peek() != "of":
            return _ALL_MONTHS
        self._next()
        word = self._next()
        if word == "month":
            return _ALL_MONTHS
        if self._peek() == "month":
            # "of first,third month of quarter"
            self._next()
            self._expect("of")
            self._expect("quarter")
            within = self._set(word, _ORDINALS)
            return frozenset(
                month for month in _ALL_MONTHS if (month - 1) % 3 + 1 in within
            )
        if word == "quarter":
            return frozenset({1, 4, 7, 10})
        return self._set(word, _MONTHS)

    def _time(self) -> time:
        if not self._words:
            return time(0, 0)
        word = self._next()
        match = re.fullmatch(r"(\d{1,2}):(\d{2})", word)
        if match is None or int(match[1]) > 23 or int(match[2]) > 59:
            raise self._error(word)
        return time(int(match[1]), int(match[2]))

    def _set(self, word: str, names: dict[str, int]) -> frozenset[int]:
        parts = word.split(",")
        for part in parts:
            if part not in names:
                raise self._error(part)
        return frozenset(names[part] for part in parts)

    def _peek(self) -> str:
        return self._words[0] if self._words else ""

    def _next(self) -> str:
        if not self._words:
            raise self._error("its end")
        return self._words.pop(0)

    def _expect(self, wanted: str) -> None:
        word = self._next()
        if word != wanted:
            raise self._error(word)

    def _error(self, word: str) -> ConfigurationError:
        return ConfigurationError(
            f"schedule {self._text!r} is not understood at {word!r}: write it like "
            '"every 5 minutes" or "1st monday of sep,oct 17:00"'
        )
