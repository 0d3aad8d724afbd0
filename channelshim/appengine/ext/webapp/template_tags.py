"""The tags of Django 0.96 and 1.2 that today's Django lacks or has changed.

What only newer Djangos know, `{% include … with … %}` and `{% elif %}`, works too.
"""

from __future__ import annotations

import datetime
import itertools
from typing import Any, Final

from django.conf import settings
from django.template import (
    Library,
    Node,
    NodeList,
    TemplateSyntaxError,
    defaulttags,
    smartif,
)
from django.template.base import VariableDoesNotExist
from django.utils import timezone

from channelshim.appengine.ext.webapp.template_dates import format_date
from channelshim.appengine.ext.webapp.template_html import text_of
from channelshim.appengine.ext.webapp.template_language import (
    is_escaping,
    tag_of,
)
from channelshim.appengine.ext.webapp.template_urls import url_of
from channelshim.python27.helpers import order
from channelshim.python27.helpers.arithmetic import round27

__all__ = ["register"]

register: Any = Library()

_tag = tag_of(register)


# --- conditions


class _IfEqual(Node):  # type: ignore[misc]
    def __init__(
        self, values: tuple[Any, Any], then: Any, otherwise: Any, *, is_equal: bool
    ) -> None:
        self._values = values
        self.nodelist_true = then
        self.nodelist_false = otherwise
        self._is_equal = is_equal

    child_nodelists = ("nodelist_true", "nodelist_false")

    def render(self, context: Any) -> str:
        first, second = (value.resolve(context, True) for value in self._values)
        is_true = (first == second) == self._is_equal
        branch = self.nodelist_true if is_true else self.nodelist_false
        text: str = branch.render(context)
        return text


def _if_equal(parser: Any, token: Any) -> _IfEqual:
    tag, *values = token.split_contents()
    if len(values) != 2:
        raise TemplateSyntaxError(f"{tag} takes two values")
    first, second = (parser.compile_filter(value) for value in values)
    then = parser.parse(("else", f"end{tag}"))
    otherwise = NodeList()
    if parser.next_token().contents == "else":
        otherwise = parser.parse((f"end{tag}",))
        parser.delete_first_token()
    is_equal = tag == "ifequal"
    return _IfEqual((first, second), then, otherwise, is_equal=is_equal)


register.tag("ifequal", _if_equal)
register.tag("ifnotequal", _if_equal)


def _comparison(compare: Any) -> Any:
    def evaluate(context: Any, left: Any, right: Any) -> Any:
        return compare(left.eval(context), right.eval(context))

    return smartif.infix(10, evaluate)


_OPERATORS: Final = {
    # Values of two kinds have an order too, as in Python 2.
    "<": _comparison(order.lt),
    "<=": _comparison(order.le),
    "=": smartif.OPERATORS["=="],
    ">": _comparison(order.gt),
    ">=": _comparison(order.ge),
}


class _Condition(defaulttags.TemplateIfParser):  # type: ignore[misc]
    def translate_token(self, token: str | None) -> Any:
        if token in _OPERATORS:
            return _OPERATORS[token]()
        return super().translate_token(token)


@_tag("if")
def _if(parser: Any, token: Any) -> Any:
    branches = []
    words = token.split_contents()
    while words[0] in ("if", "elif"):
        condition = _Condition(parser, words[1:]).parse()
        nodes = parser.parse(("elif", "else", "endif"))
        branches.append((condition, nodes))
        words = parser.next_token().contents.split()
    if words[0] == "else":
        branches.append((None, parser.parse(("endif",))))
        parser.delete_first_token()
    return defaulttags.IfNode(branches)


# --- loops


class _For(Node):  # type: ignore[misc]
    """A loop in which too few or too many values for its names are no error."""

    child_nodelists = ("nodelist_loop", "nodelist_empty")

    def __init__(self, plain: Any) -> None:
        self._plain = plain
        self.nodelist_loop = plain.nodelist_loop
        self.nodelist_empty = plain.nodelist_empty

    def render(self, context: Any) -> Any:
        names = self._plain.loopvars
        with context.push():
            values = self._values(context)
            if not values:
                return self.nodelist_empty.render(context)
            outer = context.get("forloop", {})
            loop = context["forloop"] = {"parentloop": outer}
            texts = []
            for index, value in enumerate(values):
                loop.update(_counters(index, len(values)))
                if len(names) == 1:
                    context[names[0]] = value
                    texts.append(self.nodelist_loop.render(context))
                    continue
                with context.push(**_unpacked(names, value)):
                    texts.append(self.nodelist_loop.render(context))
        return defaulttags.mark_safe("".join(texts))

    def _values(self, context: Any) -> Any:
        values = self._plain.sequence.resolve(context, True)
        if values is None:
            return []
        if not hasattr(values, "__len__"):
            values = list(values)
        if self._plain.is_reversed:
            return list(reversed(values))
        return values


def _counters(index: int, length: int) -> dict[str, Any]:
    return {
        "counter0": index,
        "counter": index + 1,
        "revcounter": length - index,
        "revcounter0": length - index - 1,
        "first": index == 0,
        "last": index == length - 1,
    }


def _unpacked(names: Any, value: Any) -> dict[str, Any]:
    try:
        return dict(zip(names, value, strict=False))
    except TypeError:
        return {}


@_tag("for")
def _for(parser: Any, token: Any) -> _For:
    return _For(defaulttags.do_for(parser, token))


class _Cycle(Node):  # type: ignore[misc]
    def __init__(self, values: list[Any], name: str | None = None) -> None:
        self._values = values
        self._name = name

    def render(self, context: Any) -> str:
        state = context.render_context
        if self not in state:
            state[self] = itertools.cycle(self._values)
        value = next(state[self]).resolve(context)
        if self._name:
            context[self._name] = value
        return text_of(value)


@_tag("cycle")
def _cycle(parser: Any, token: Any) -> _Cycle:
    words = token.split_contents()[1:]
    if not words:
        raise TemplateSyntaxError("cycle takes values, or the name of a cycle")
    named = parser.__dict__.setdefault("_old_cycles", {})
    if "," in words[0]:
        words[:1] = [f'"{word}"' for word in words[0].split(",")]
    elif len(words) == 1:
        if words[0] not in named:
            raise TemplateSyntaxError(f"there is no cycle named {words[0]}")
        cycle: _Cycle = named[words[0]]
        return cycle
    name = None
    if len(words) > 3 and words[-2] == "as":
        *words, _, name = words
    cycle = _Cycle([parser.compile_filter(word) for word in words], name)
    if name:
        named[name] = cycle
    return cycle


# --- values


class _FirstOf(Node):  # type: ignore[misc]
    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def render(self, context: Any) -> str:
        for value in self._values:
            found = value.resolve(context, True)
            if found:
                return text_of(found)
        return ""


@_tag("firstof")
def _firstof(parser: Any, token: Any) -> _FirstOf:
    words = token.split_contents()[1:]
    if not words:
        raise TemplateSyntaxError("firstof takes at least one value")
    return _FirstOf([parser.compile_filter(word) for word in words])


@_tag("filter")
def _filter(parser: Any, token: Any) -> Any:
    if is_escaping():
        return defaulttags.do_filter(parser, token)
    # Django 0.96 let a block be escaped by it.
    expression = parser.compile_filter(f"var|{token.contents.split(None, 1)[1]}")
    nodes = parser.parse(("endfilter",))
    parser.delete_first_token()
    return defaulttags.FilterNode(expression, nodes)


class _Now(Node):  # type: ignore[misc]
    def __init__(self, form: str) -> None:
        self._form = form

    def render(self, context: Any) -> str:
        zone = timezone.get_current_timezone() if settings.USE_TZ else None
        now = datetime.datetime.now(zone)
        return format_date(now, self._form) if self._form else ""


@_tag("now")
def _now(parser: Any, token: Any) -> Any:
    parts = token.contents.split('"')
    if len(parts) == 3 and not parts[2].strip():
        return _Now(parts[1])
    return defaulttags.now(parser, token)


class _WidthRatio(Node):  # type: ignore[misc]
    def __init__(self, *values: Any) -> None:
        self._values = values

    def render(self, context: Any) -> str:
        try:
            value, most, width = (each.resolve(context) for each in self._values)
            width = int(width)
        except VariableDoesNotExist:
            return ""
        except ValueError as error:
            raise TemplateSyntaxError("widthratio: its third is no number") from error
        try:
            return str(int(round27(float(value) / float(most) * width)))
        except (ValueError, ZeroDivisionError):
            return ""


@_tag("widthratio")
def _widthratio(parser: Any, token: Any) -> Any:
    words = token.contents.split()[1:]
    if len(words) != 3:
        return defaulttags.widthratio(parser, token)
    return _WidthRatio(*(parser.compile_filter(word) for word in words))


# --- URLs


class _Url(Node):  # type: ignore[misc]
    def __init__(self, name: str, arguments: list[Any]) -> None:
        self._name = name
        self._arguments = arguments

    def render(self, context: Any) -> str:
        values = [argument.resolve(context) for argument in self._arguments]
        return url_of(self._name, values)


@_tag("url")
def _url(parser: Any, token: Any) -> Any:
    words = token.split_contents()[1:]
    if not words or words[0][0] in "\"'" or "as" in words:
        return defaulttags.url(parser, token)
    name, *rest = words
    arguments = [part for word in rest for part in word.split(",") if part]
    plain = [part for part in arguments if "=" not in part]
    return _Url(name, [parser.compile_filter(part) for part in plain])
