"""The filters of Django 0.96 and 1.2 that today's Django lacks or has changed."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final

from django.template import Library, defaultfilters
from django.utils.safestring import SafeData

from channelshim.appengine.ext.webapp import template_html as html
from channelshim.appengine.ext.webapp.template_html import text_of
from channelshim.appengine.ext.webapp.template_language import (
    EscapedLater,
    OldVariable,
    filter_of,
    is_escaping,
)
from channelshim.python27.helpers import order

__all__ = ["register"]

register: Any = Library()

_value = filter_of(register)

_Filter = Callable[..., Any]


def _takes_text(function: _Filter) -> _Filter:
    """Have a filter called with the text of its value."""

    @functools.wraps(function)
    def call(value: Any, *args: Any, **named: Any) -> Any:
        text = text_of(value)
        result = function(text, *args, **named)
        if isinstance(text, SafeData) and getattr(function, "is_safe", False):
            return html.safe(text_of(result))
        return result

    return call


_UNCHANGED: Final = (
    "addslashes capfirst cut escapejs iriencode ljust lower make_list "
    "phone2numeric rjust title upper wordcount"
).split()

for _name in _UNCHANGED:
    # Django's own make text of a value as Python 3 does: b'…' of bytes.
    register.filter(_name, _takes_text(defaultfilters.register.filters[_name]))


def _text(name: str, **flags: bool) -> Callable[[_Filter], _Filter]:
    """Register a filter of text."""

    def add(function: _Filter) -> _Filter:
        for flag, value in flags.items():
            setattr(function, flag, value)
        register.filter(name, _takes_text(function))
        return function

    return add


# --- HTML


@_text("escape")
def _escape(value: str) -> str:
    if not is_escaping():
        # Django 0.96 did it at once, and again for each time.
        return html.escaped(value)
    return value if isinstance(value, SafeData) else EscapedLater(value)


@_text("force_escape", is_safe=True)
def _force_escape(value: str) -> str:
    return html.escaped(value)


def _written(value: str, autoescape: bool | None) -> str:
    is_plain = autoescape and not isinstance(value, SafeData)
    return html.escaped(value) if is_plain else str.__str__(value)


@_text("linebreaks", is_safe=True, needs_autoescape=True)
def _linebreaks(value: str, autoescape: bool | None = None) -> str:
    text = re.sub(r"\r\n|\r", "\n", _written(value, autoescape))
    paragraphs = re.split("\n{2,}", text)
    lines = ["<p>{}</p>".format(one.replace("\n", "<br />")) for one in paragraphs]
    return html.safe("\n\n".join(lines))


@_text("linebreaksbr", is_safe=True, needs_autoescape=True)
def _linebreaksbr(value: str, autoescape: bool | None = None) -> str:
    return html.safe(_written(value, autoescape).replace("\n", "<br />"))


@_text("linenumbers", is_safe=True, needs_autoescape=True)
def _linenumbers(value: str, autoescape: bool | None = None) -> str:
    lines = _written(value, autoescape).split("\n")
    width = len(str(len(lines)))
    numbered = [f"{number:0{width}}. {line}" for number, line in enumerate(lines, 1)]
    return html.safe("\n".join(numbered))


@_text("fix_ampersands", is_safe=True)
def _fix_ampersands(value: str) -> str:
    return re.sub(r"&(?!(\w+|#\d+);)", "&amp;", value)


@_text("removetags", is_safe=True)
def _removetags(value: str, tags: Any) -> str:
    names = "|".join(re.escape(tag) for tag in text_of(tags).split())
    return re.sub(
        rf"</({names})>", "", re.sub(rf"<({names})(/?>|\s+[^>]*>)", "", value)
    )


@_text("striptags", is_safe=True)
def _striptags(value: str) -> str:
    return re.sub(r"<[^>]*?>", "", value)


@_text("urlencode")
def _urlencode(value: str) -> str:
    return html.quoted(value)


@_text("urlize", is_safe=True, needs_autoescape=True)
def _urlize(value: str, autoescape: bool | None = None) -> str:
    return html.safe(html.linked(value, None, is_escaping=bool(autoescape)))


@_text("urlizetrunc", is_safe=True, needs_autoescape=True)
def _urlizetrunc(value: str, limit: Any, autoescape: bool | None = None) -> str:
    return html.safe(html.linked(value, int(limit), is_escaping=bool(autoescape)))


@_text("slugify", is_safe=True)
def _slugify(value: str) -> str:
    ascii_bytes = unicodedata.normalize("NFKD", value).encode("ascii", "ignore")
    text = re.sub(r"[^\w\s-]", "", ascii_bytes.decode("ascii")).strip().lower()
    return html.safe(re.sub(r"[-\s]+", "-", text))


@_text("center", is_safe=True)
def _center(value: str, width: Any) -> str:
    return value.center(int(width))


@_text("truncatewords", is_safe=True)
def _truncatewords(value: str, count: Any) -> str:
    try:
        limit = int(count)
    except ValueError:
        return value
    words = value.split()
    if len(words) > limit:
        words = words[:limit]
        if not words[-1].endswith("..."):
            words.append("...")
    return " ".join(words)


@_text("truncatewords_html", is_safe=True)
def _truncatewords_html(value: str, count: Any) -> str:
    try:
        limit = int(count)
    except ValueError:
        return value
    return html.first_words(value, limit)


@_text("wordwrap", is_safe=True)
def _wordwrap(value: str, width: Any) -> str:
    return html.wrapped(value, int(width))


# --- lists


def _sorted_by(values: Any, path: Any) -> list[Any]:
    variable = OldVariable(text_of(path))
    keyed = []
    for index, value in enumerate(values):
        # Among equals the values decided; of objects, their places in memory.
        tie = value if isinstance(value, (dict, list, tuple)) else index
        keyed.append((variable.resolve(value), tie, value))
    order.sort(keyed)
    return [value for _, _, value in keyed]


@_value("dictsort")
def _dictsort(values: Any, path: Any) -> list[Any]:
    return _sorted_by(values, path)


@_value("dictsortreversed")
def _dictsortreversed(values: Any, path: Any) -> list[Any]:
    return _sorted_by(values, path)[::-1]


@_value("first")
def _first(value: Any) -> Any:
    try:
        return value[0]
    except IndexError:
        return ""


@_value("last", is_safe=True)
def _last(value: Any) -> Any:
    try:
        return value[-1]
    except IndexError:
        return ""


@_value("join", is_safe=True, needs_autoescape=True)
def _join(values: Any, separator: Any, autoescape: bool | None = None) -> Any:
    texts = [text_of(value) for value in values]
    if autoescape:
        texts = [html.escaped_unless_safe(text) for text in texts]
    return html.safe(html.escaped_unless_safe(separator).join(texts))


@_value("length", is_safe=True)
def _length(value: Any) -> Any:
    try:
        return len(value)
    except (TypeError, ValueError):
        return ""


@_value("length_is")
def _length_is(value: Any, length: Any) -> Any:
    try:
        return len(value) == int(length)
    except (TypeError, ValueError):
        return ""


@_value("unordered_list", is_safe=True, needs_autoescape=True)
def _unordered_list(values: Any, autoescape: bool | None = None) -> str:
    return html.safe(html.list_items(values, is_escaping=bool(autoescape)))


@_value("safeseq", is_safe=True)
def _safeseq(values: Any) -> list[Any]:
    return [html.safe(text_of(value)) for value in values]
