"""The filters of numbers and dates of Django 0.96 and 1.2, where today's differ."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, DecimalException, InvalidOperation
from typing import Any

from django.template import Library, defaultfilters
from django.utils import formats

from channelshim.appengine.ext.webapp import django_settings
from channelshim.appengine.ext.webapp import template_dates as dates
from channelshim.appengine.ext.webapp import template_html as html
from channelshim.appengine.ext.webapp.template_html import text_of
from channelshim.appengine.ext.webapp.template_language import filter_of
from channelshim.python27.helpers import formats as formats27

__all__ = ["register"]

register: Any = Library()

_value = filter_of(register)


# --- numbers


def _number(text: str, places: int) -> str:
    is_local = django_settings.has_formats_of_language()
    number: str = formats.number_format(text, places, use_l10n=is_local)
    return number


@_value("add")
def _add(value: Any, other: Any) -> Any:
    try:
        return int(value) + int(other)
    except (TypeError, ValueError):
        pass
    try:
        return value + other
    except Exception:
        return value


@_value("floatformat", is_safe=True)
def _floatformat(value: Any, places: Any = -1) -> Any:
    text = text_of(value)
    try:
        number = Decimal(text)
    except InvalidOperation:
        try:
            number = Decimal(text_of(float(value)))
        except (TypeError, ValueError, InvalidOperation):
            return ""
    if not number.is_finite():
        return text
    try:
        digits = int(places)
    except ValueError:
        return text
    if digits < 0 and number == int(number):
        return html.safe(_number(str(int(number)), 0))
    digits = abs(digits)
    try:
        rounded = number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    except DecimalException:
        return text
    return html.safe(_number(f"{rounded or abs(rounded):f}", digits))


@_value("filesizeformat", is_safe=True)
def _filesizeformat(size: Any) -> str:
    if django_settings.is_translated():
        words: str = defaultfilters.filesizeformat(size).replace("\xa0", " ")
        return words
    try:
        size = float(size)
    except (TypeError, ValueError):
        return "0 bytes"
    if size < 1024:
        return "{:d} byte{}".format(int(size), "" if size == 1 else "s")
    for unit in ("KB", "MB", "GB"):
        size /= 1024
        if size < 1024 or unit == "GB":
            break
    return f"{_number(str(round(size, 1)), 1)} {unit}"


@_value("pluralize")
def _pluralize(value: Any, suffixes: Any = "s") -> str:
    singular, comma, plural = text_of(suffixes).partition(",")
    if not comma:
        singular, plural = "", singular
    if "," in plural:
        return ""
    try:
        is_one = int(value) == 1
    except ValueError:
        is_one = True
    except TypeError:
        is_one = not hasattr(value, "__len__") or len(value) == 1
    return singular if is_one else plural


@_value("stringformat", is_safe=True)
def _stringformat(value: Any, form: Any) -> str:
    conversion = text_of(form)
    if isinstance(value, float) and conversion[-1:] in ("x", "X", "o"):
        value = int(value)
    try:
        text: str = formats27.u_mod(f"%{conversion}", value)
    except (TypeError, ValueError):
        return ""
    return text


# --- dates


@_value("date", expects_localtime=True)
def _date(value: Any, form: Any = "DATE_FORMAT") -> str:
    if not value:
        return ""
    try:
        return dates.format_date(value, text_of(form))
    except (AttributeError, TypeError):
        return ""


@_value("time", expects_localtime=True)
def _time(value: Any, form: Any = "TIME_FORMAT") -> str:
    if value is None or value == "":
        return ""
    try:
        return dates.format_time(value, text_of(form))
    except (AttributeError, TypeError):
        return ""


@_value("timesince")
def _timesince(value: Any, now: Any = None) -> str:
    if not value:
        return ""
    try:
        return dates.time_between(value, now or dates.now_for(value))
    except (TypeError, ValueError):
        return ""


@_value("timeuntil")
def _timeuntil(value: Any, now: Any = None) -> str:
    if not value:
        return ""
    try:
        return dates.time_between(now or dates.now_for(value), value)
    except (TypeError, ValueError):
        return ""
