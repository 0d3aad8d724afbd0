"""google.appengine.ext.webapp.util: running an application, and asking for a login."""

from __future__ import annotations

import functools
import sys
import wsgiref.handlers
from collections.abc import Callable
from typing import Any

from google.appengine.api import users

__all__ = [
    "add_wsgi_middleware",
    "login_required",
    "run_bare_wsgi_app",
    "run_wsgi_app",
]


def login_required(handler_method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a handler's `get` so that an anonymous visitor is sent to the login page.

    Source: SDK 1.9.88, ext/webapp/util.py, login_required.
    """

    @functools.wraps(handler_method)
    def check_login(self: Any, *args: Any) -> Any:
        if self.request.method != "GET":
            raise RuntimeError(
                "The check_login decorator can only be used for GET requests"
            )
        if users.get_current_user():
            return handler_method(self, *args)
        self.redirect(users.create_login_url(self.request.uri))
        return None

    return check_login


def add_wsgi_middleware(application: Any) -> Any:
    """Return application inside what appengine_config.py puts around it."""
    configuration = sys.modules.get("appengine_config")
    add = getattr(configuration, "webapp_add_wsgi_middleware", None)
    return application if add is None else add(application)


def run_wsgi_app(application: Any) -> None:
    """Run application as CGI, with the app's middleware; for `script: file.py`."""
    run_bare_wsgi_app(add_wsgi_middleware(application))


def run_bare_wsgi_app(application: Any) -> None:
    """Run application as CGI: the request from os.environ, the answer to stdout."""
    wsgiref.handlers.CGIHandler().run(application)
