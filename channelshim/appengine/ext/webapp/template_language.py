"""The language of the SDK's Django templates (0.96 and 1.2) on today's Django.

Today's Django parses; here is what it has changed since in every template: how a name
is looked up, how a value becomes text, and what `escape` and a missing name do.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from typing import Any, Final

from django.template.base import (
    DebugLexer,
    FilterExpression,
    Lexer,
    Parser,
    Template,
    Variable,
    VariableDoesNotExist,
    VariableNode,
)
from django.template.context import Context
from django.template.exceptions import TemplateDoesNotExist
from django.template.loaders.filesystem import Loader
from django.utils import formats, timezone
from django.utils.safestring import SafeData, mark_safe

from channelshim.appengine import dist
from channelshim.appengine.ext.webapp.template_dates import format_date, format_time
from channelshim.appengine.ext.webapp.template_html import escaped, text_of
from channelshim.python27.helpers import attributes

__all__ = [
    "EscapedLater",
    "OldContext",
    "OldLoader",
    "OldTemplate",
    "OldVariable",
    "filter_of",
    "is_escaping",
    "printed",
    "tag_of",
]

_ESCAPED_SINCE: Final = (1, 0)
_LOCALIZED_SINCE: Final = (1, 2)


def is_escaping() -> bool:
    """Return whether templates of this app escape what they print.

    Django 0.96 did not: the one of `runtime: python`, unless the app called
    `use_library("django", "1.2")` or the like.
    """
    return _version() >= _ESCAPED_SINCE


def _is_plain() -> bool:
    """Return whether a date is printed as `str` writes it, as before Django 1.2."""
    return _version() < _LOCALIZED_SINCE


def _version() -> tuple[int, ...]:
    if os.environ.get("GAE_RUNTIME") != "python":
        return _LOCALIZED_SINCE
    return dist.version_of("django") or (0, 96)


class EscapedLater(str):
    """Text that the filter `escape` has marked: it is escaped when it is printed."""

    __slots__ = ()


def printed(value: Any, context: Any) -> str:
    """Return what `{{ … }}` prints for a value."""
    value = timezone.template_localtime(value, use_tz=context.use_tz)
    if isinstance(value, (datetime.date, datetime.time)) and not _is_plain():
        value = _localized(value)
    elif context.use_l10n:
        value = formats.localize(value, use_l10n=True)
    text = text_of(value)
    is_plain = context.autoescape and not isinstance(text, SafeData)
    if is_plain or isinstance(text, EscapedLater):
        return escaped(text)
    return text


def _localized(value: Any) -> str:
    if isinstance(value, datetime.datetime):
        return format_date(value, "DATETIME_FORMAT")
    if isinstance(value, datetime.date):
        return format_date(value, "DATE_FORMAT")
    return format_time(value, "TIME_FORMAT")


Compiler = Callable[[Any, Any], Any]
"""What is called with a parser and a tag's token, and returns its node."""


def tag_of(register: Any) -> Callable[[str], Callable[[Compiler], Compiler]]:
    """Return a decorator that registers what compiles the tag of a name."""

    def named(name: str) -> Callable[[Compiler], Compiler]:
        def add(function: Compiler) -> Compiler:
            register.tag(name, function)
            return function

        return add

    return named


Filter = Callable[..., Any]


def filter_of(register: Any) -> Callable[..., Callable[[Filter], Filter]]:
    """Return a decorator that registers the filter of a name, with its flags."""

    def named(name: str, **flags: bool) -> Callable[[Filter], Filter]:
        def add(function: Filter) -> Filter:
            register.filter(name, function, **flags)
            return function

        return add

    return named


class OldContext(Context):  # type: ignore[misc]
    """A context that escapes as the app's runtime did, and knows no True or None."""

    def __init__(
        self, dict_: Any = None, autoescape: bool | None = None, **options: Any
    ) -> None:
        is_on = is_escaping() if autoescape is None else autoescape
        super().__init__(dict_, autoescape=is_on, **options)

    def _reset_dicts(self, value: Any = None) -> None:
        super()._reset_dicts(value)
        self.dicts[0] = {}


class OldTemplate(Template):  # type: ignore[misc]
    """A template that is parsed and rendered as old Django did."""

    def compile_nodelist(self) -> Any:
        """Return the nodes; Django calls it when a template is made."""
        engine = self.engine
        libraries, builtins = engine.template_libraries, engine.template_builtins
        # Django shows the place of an error by the other one's positions.
        lexer = DebugLexer if engine.debug else Lexer
        tokens = lexer(self.source).tokenize()
        parser = _Parser(tokens, libraries, builtins, self.origin)
        nodes = parser.parse()
        self.extra_data = getattr(parser, "extra_data", {})
        return nodes


class OldLoader(Loader):  # type: ignore[misc]
    """Reads templates of one folder, each again when its file has changed."""

    def __init__(self, engine: Any, dirs: Any = None) -> None:
        super().__init__(engine, dirs)
        self._compiled: dict[str, tuple[tuple[int, int], OldTemplate]] = {}

    def get_template(self, template_name: Any, skip: Any = None) -> Any:
        """Return the template of a name.

        Raises:
            TemplateDoesNotExist: the folder has no such file.
        """
        for origin in self.get_template_sources(text_of(template_name)):
            if skip is None or origin not in skip:
                found = self._from(origin)
                if found is not None:
                    return found
        raise TemplateDoesNotExist(template_name)

    def _from(self, origin: Any) -> OldTemplate | None:
        try:
            status = os.stat(origin.name)
            version = status.st_mtime_ns, status.st_size
            known = self._compiled.get(origin.name)
            if known is not None and known[0] == version:
                return known[1]
            source = self.get_contents(origin)
        except (OSError, TemplateDoesNotExist):
            return None
        template = OldTemplate(source, origin, origin.template_name, self.engine)
        if not self.engine.debug:
            self._compiled[origin.name] = version, template
        return template


class _Parser(Parser):  # type: ignore[misc]
    def compile_filter(self, token: str) -> Any:
        return _Expression(token, self)

    def extend_nodelist(self, nodelist: Any, node: Any, token: Any) -> None:
        if type(node) is VariableNode:
            node = _Printed(node.filter_expression)
        super().extend_nodelist(nodelist, node, token)


class _Printed(VariableNode):  # type: ignore[misc]
    def render(self, context: Any) -> str:
        return printed(self.filter_expression.resolve(context), context)


class OldVariable(Variable):  # type: ignore[misc]
    def _resolve_lookup(self, context: Any) -> Any:
        # A value that stands in the context or in a dictionary is not called, an
        # attribute is.
        invalid = ""
        if isinstance(context, Context) and context.template:
            # Filters that sort look names up in the values themselves.
            invalid = context.template.engine.string_if_invalid
        current = context
        for bit in self.lookups:
            try:
                current = _looked_up(current, bit, invalid)
            except Exception as error:
                if not getattr(error, "silent_variable_failure", False):
                    raise
                if isinstance(error, VariableDoesNotExist):
                    raise
                current = invalid
        return current


def _looked_up(owner: Any, bit: str, invalid: str) -> Any:
    try:
        return owner[bit]
    except (TypeError, AttributeError, KeyError):
        pass
    try:
        return _called(attributes.attr(owner, bit), invalid)
    except (TypeError, AttributeError):
        pass
    try:
        return owner[int(bit)]
    except (IndexError, ValueError, KeyError, TypeError):
        raise VariableDoesNotExist(
            "Failed lookup for key [%s] in %r", (bit, type(owner).__name__)
        ) from None


def _called(found: Any, invalid: str) -> Any:
    if not callable(found):
        return found
    if getattr(found, "alters_data", False):
        return invalid
    try:
        return found()
    except TypeError:  # It needs arguments.
        return invalid


class _Expression(FilterExpression):  # type: ignore[misc]
    def __init__(self, token: str, parser: Any) -> None:
        self.var: Any
        self.filters: list[tuple[Any, Any]]
        super().__init__(token, parser)
        if isinstance(self.var, Variable):
            self.var = OldVariable(self.var.var)
        self.filters = [
            (function, [_argument(is_name, value) for is_name, value in arguments])
            for function, arguments in self.filters
        ]

    def resolve(self, context: Any, ignore_failures: bool = False) -> Any:
        value = self.var
        if isinstance(value, Variable):
            try:
                value = value.resolve(context)
            except VariableDoesNotExist:
                invalid = context.template.engine.string_if_invalid
                if ignore_failures:
                    value = None
                elif invalid:
                    return invalid % self.var if "%s" in invalid else invalid
                else:
                    value = invalid
        for function, arguments in self.filters:
            value = _filtered(function, value, arguments, context)
        return value


def _argument(is_name: bool, value: Any) -> tuple[bool, Any]:
    return (True, OldVariable(value.var)) if is_name else (False, value)


def _filtered(function: Any, value: Any, arguments: Any, context: Any) -> Any:
    values = [
        argument.resolve(context) if is_name else mark_safe(argument)
        for is_name, argument in arguments
    ]
    if getattr(function, "expects_localtime", False):
        value = timezone.template_localtime(value, context.use_tz)
    options = {}
    if getattr(function, "needs_autoescape", False):
        options["autoescape"] = context.autoescape
    result = function(value, *values, **options)
    if getattr(function, "is_safe", False) and isinstance(value, SafeData):
        return mark_safe(text_of(result))
    if isinstance(value, EscapedLater) and not isinstance(result, SafeData):
        return EscapedLater(text_of(result))
    return result
