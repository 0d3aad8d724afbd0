"""Dates in templates, as Django 1.2 wrote them."""

from __future__ import annotations

import datetime
import re
from typing import Any, Final

from django.utils import dateformat, formats, timesince

from channelshim.appengine.ext.webapp import django_settings

_LETTERS: Final = re.compile(r"(?<!\\)([aAbBcdDfFgGhHiIjlLmMnNOPrsStTUuwWyYzZ])")
"""Those of 1.2; e, E and o came later, and were themselves."""

_ESCAPED: Final = re.compile(r"\\(.)")

_UNITS: Final = (
    ("year", 60 * 24 * 365),
    ("month", 60 * 24 * 30),
    ("week", 60 * 24 * 7),
    ("day", 60 * 24),
    ("hour", 60),
    ("minute", 1),
)
"""Names, and lengths in minutes."""


class _OldTime(dateformat.TimeFormat):  # type: ignore[misc]
    def format(self, formatstr: str) -> str:
        pieces = _LETTERS.split(str(formatstr))
        for index, piece in enumerate(pieces):
            if index % 2:
                pieces[index] = str(getattr(self, piece)())
            else:
                pieces[index] = _ESCAPED.sub(r"\1", piece)
        return "".join(pieces)

    def u(self) -> Any:
        return self.data.microsecond


class _OldDate(_OldTime, dateformat.DateFormat):  # type: ignore[misc]
    def r(self) -> str:
        return self.format("D, j M Y H:i:s O")

    def T(self) -> Any:
        return super().T() or self.O()

    def O(self) -> Any:  # noqa: E743 -- the letter of the format
        return super().O() or "+0000"

    def I(self) -> Any:  # noqa: E743
        return super().I() or "0"

    def Z(self) -> Any:
        return super().Z() or 0


def format_date(value: Any, form: str) -> str:
    """Return a date by a format of letters, or of a setting's name."""
    return _OldDate(value).format(_letters(form or "DATE_FORMAT"))


def format_time(value: Any, form: str) -> str:
    """Return a time by a format of letters, or of a setting's name."""
    return _OldTime(value).format(_letters(form or "TIME_FORMAT"))


def _letters(form: str) -> str:
    is_local = django_settings.has_formats_of_language()
    letters: str = formats.get_format(form, use_l10n=is_local)
    return letters


def time_between(start: Any, end: Any) -> str:
    """Return the time between two dates in words, at most two units."""
    if django_settings.is_translated():
        text: str = timesince.timesince(start, end).replace("\xa0", " ")
        return text
    between = _moment(end, start) - _moment(start, end).replace(microsecond=0)
    minutes = (between.days * 86400 + between.seconds) // 60
    if minutes <= 0:
        return "0 minutes"
    words = []
    for name, length in _UNITS:
        count, rest = divmod(minutes, length)
        if count:
            words.append(f"{count} {name}{'' if count == 1 else 's'}")
            minutes = rest
        elif not words:
            continue
        if len(words) == 2 or not count:
            break
    return ", ".join(words)


def now_for(value: Any) -> datetime.datetime:
    """Return now, comparable with a date."""
    zone = getattr(value, "tzinfo", None)
    return datetime.datetime.now(zone)


def _moment(value: Any, other: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value
    zone = getattr(other, "tzinfo", None)
    return datetime.datetime(value.year, value.month, value.day, tzinfo=zone)
