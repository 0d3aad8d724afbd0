"""google.appengine.ext.webapp: the first framework, on webapp2.

webapp2 was written to take its place; the SDK's own module of this name was webapp2
under the old names too.
"""

from __future__ import annotations

from typing import Any

import webapp2
from webapp2 import Request, RequestHandler, Response, WSGIApplication

__all__ = [
    "Error",
    "NoUrlFoundError",
    "RedirectHandler",
    "Request",
    "RequestHandler",
    "Response",
    "WSGIApplication",
    "template",
    "util",
]

RedirectHandler = webapp2.RedirectHandler


class Error(Exception):
    """The base of the errors of this module."""


class NoUrlFoundError(Error):
    """No URL leads to a handler."""


def __getattr__(name: str) -> Any:
    # Both were there after `import webapp`; template needs Django, which most apps of
    # this framework do without.
    if name in ("template", "util"):
        import importlib

        return importlib.import_module(f"google.appengine.ext.webapp.{name}")
    raise AttributeError(name)
