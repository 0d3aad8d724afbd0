"""Frameworks of Python 3 that a WSGI function in Python 2.7 calls.

Such a function has an environ of native strings, whose texts are those of UTF-8; what
it calls wants the Latin-1 of PEP 3333. Only the class that is called can notice, so it
is changed there. For WebOb, legacy_webob does the same.
"""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Iterator
from typing import Any, Final

from channelshim.compat.legacy_webob import NATIVE_KEY, in_latin_1

_METHODS: Final = (
    ("django.core.handlers.wsgi", "WSGIHandler", "__call__"),
    ("django.core.handlers.wsgi", "WSGIRequest", "__init__"),
    # Flask's requests are made of it.
    ("werkzeug.wrappers.request", "Request", "__init__"),
)
"""Module, class and method that takes an environ first."""


def changes() -> Iterator[tuple[str, Callable[[Any], None]]]:
    """Yield the modules to change, and what changes them."""
    for module, kind, method in _METHODS:
        yield module, functools.partial(_mend, kind=kind, method=method)


def _mend(module: Any, *, kind: str, method: str) -> None:
    if vars(module).get("__builtins__") is not vars(builtins):
        # The app's own copy, in Python 2.7 itself.
        return
    owner = getattr(module, kind, None)
    plain = vars(owner).get(method) if owner is not None else None
    if plain is None:
        return

    @functools.wraps(plain)
    def mended(self: Any, environ: Any, *arguments: Any, **named: Any) -> Any:
        if type(environ) is dict and environ.pop(NATIVE_KEY, False):
            in_latin_1(environ)
        return plain(self, environ, *arguments, **named)

    setattr(owner, method, mended)
