"""Installed libraries of today, mended where they meet an app of Python 2.7.

An app's templates hold values that 2.7 wrote in its own way. Each library is mended
when it is first imported, and only in a process with 2.7 mode.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from channelshim.compat.import_hooks import after_import
from channelshim.compat.old_library_names import NAMES, add_names
from channelshim.compat.tracebacks import hide_translator
from channelshim.python27 import messages, web_files
from channelshim.python27.helpers import attributes, exceptions
from channelshim.python27.helpers.text import float_text
from channelshim.python27.strings import to_text


def install(shadow: Callable[[str], ModuleType], builtins27: dict[str, Any]) -> None:
    """Have these libraries mended when the app, or another library, imports them.

    Args:
        shadow: returns 2.7's module of a name, `json` for example.
        builtins27: those with which translated code runs.
    """
    for name, names in NAMES.items():
        after_import(name, functools.partial(add_names, names))
    messages.install(builtins27)
    web_files.install(builtins27)
    after_import("jinja2.environment", _mend_environment)
    after_import("jinja2.parser", _mend_parser)
    after_import("logging", _mend_logging)

    def use_json(module: Any) -> None:
        # Its own name for it is new; an app knows the old one.
        module.json = module._json = shadow("json")

    after_import("webapp2_extras.json", use_json)
    after_import("google.appengine.api.urlfetch", _mend_urlfetch)


# --- Google's SDK


def _mend_urlfetch(module: Any) -> None:
    """Give an answer's headers the names and methods of 2.7's httplib.HTTPMessage."""
    module.HTTPMessageWrapper.getheader = module.HTTPMessageWrapper.get
    kind = module._URLFetchResult
    plain_init = kind.__init__

    @functools.wraps(plain_init)
    def init(self: Any, response_proto: Any) -> None:
        plain_init(self, response_proto)
        lower = [(name.lower(), value) for name, value in self.headers.items()]
        self.headers = module._CaselessDict(lower)

    kind.__init__ = init


# --- jinja2

_READ_AS_27: Final = frozenset(
    "keys values items iterkeys itervalues iteritems viewkeys viewvalues viewitems "
    "has_key encode decode".split()
)


def _mend_environment(module: Any) -> None:
    """Let templates use a dict's methods of 2.7, and write floats as 2.7 did."""
    kind = module.Environment
    plain_init, plain_getattr = kind.__init__, kind.getattr

    def init(self: Any, *args: Any, **named: Any) -> None:
        plain_init(self, *args, **named)
        self.finalize = _finalizer(self)

    def get_attribute(self: Any, obj: Any, attribute: str) -> Any:
        if attribute in _READ_AS_27:
            try:
                return attributes.attr(obj, attribute)
            except AttributeError:
                pass
        elif attribute == "message" and isinstance(obj, BaseException):
            return exceptions.message(obj)
        return plain_getattr(self, obj, attribute)

    kind.__init__, kind.getattr = init, get_attribute


def _finalizer(environment: Any) -> Any:
    """Return what an environment does to each value before it becomes text."""
    own = environment.finalize
    native = sys.modules.get("jinja2.nativetypes")
    if native is not None and isinstance(environment, native.NativeEnvironment):
        return own
    if own is None:
        return _finalized
    if hasattr(own, "jinja_pass_arg"):
        # It asks for the context, which this function is not given.
        return own
    return lambda value: _finalized(own(value))


def _finalized(value: Any) -> Any:
    if type(value) is float:
        return float_text(value)
    return to_text(value) if isinstance(value, bytes) else value


def _mend_parser(module: Any) -> None:
    """Accept `{% macro m(a='x', b) %}`: the defaults go to the last arguments."""
    kind = module.Parser
    plain = kind.parse_signature

    def parse_signature(self: Any, node: Any) -> None:
        def fail(message: str, *place: Any) -> None:
            if "non-default argument" not in message:
                kind.fail(self, message, *place)

        self.fail = fail
        try:
            plain(self, node)
        finally:
            del self.fail

    kind.parse_signature = parse_signature


# --- logging


def _mend_logging(module: Any) -> None:
    """Log an exception of the app by the app's own lines."""
    kind = module.Formatter
    plain = kind.formatException

    def format_exception(self: Any, ei: Any) -> Any:
        if ei[1] is not None:
            hide_translator(ei[1])
            ei = (ei[0], ei[1], ei[1].__traceback__)
        return plain(self, ei)

    kind.formatException = format_exception
