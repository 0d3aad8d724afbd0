"""google.appengine.api.wrap_wsgi_app, for apps that have moved to Python 3.

Google's own reloads the module threading, hangs at the end on Python 3.13 and believes
headers from outside. What it does for an app is done around it here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, Final

DEFERRED_PATH: Final = "/_ah/queue/deferred"

INTERNAL_KEY: Final = "channelshim.internal"
"""In the environment of a request that the platform makes; no header can set it."""


def use_ours(api: Any) -> None:
    """Put our function in the place of Google's."""

    @functools.wraps(api.wrap_wsgi_app)
    def wrap_wsgi_app(
        app: Any, use_legacy_context_mode: bool = True, use_deferred: bool = False
    ) -> Any:
        return _with_deferred(app) if use_deferred else app

    api.wrap_wsgi_app = wrap_wsgi_app


def _with_deferred(app: Any) -> Any:
    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        # What runs a deferred task unpickles it: nobody from outside may send one.
        is_task = INTERNAL_KEY in environ and environ.get("PATH_INFO") == DEFERRED_PATH
        if not is_task:
            answer: Iterable[bytes] = app(environ, start_response)
            return answer
        from google.appengine.ext import deferred

        handler: Any = deferred.Handler()
        run: Iterable[bytes] = handler(environ, start_response)
        return run

    return application
