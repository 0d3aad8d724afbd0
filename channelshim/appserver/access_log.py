"""The access log: Paste's, without what must not stand in a log."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from paste.translogger import TransLogger

from channelshim import limits
from channelshim.appserver import guard
from channelshim.protocol import tokens
from channelshim.runtime.log_text import CONTROLS

LOGGED_URI_LENGTH: Final = 2048
"""Characters of a request's path and query in the access log."""

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_FORMAT: Final = '%(REMOTE_ADDR)s "%(REQUEST_METHOD)s %(REQUEST_URI)s" %(status)s'


class AccessLog(TransLogger):  # type: ignore[misc]
    """Logs each request of an application to `channelshim.access`.

    The query of /_ah/channel/* holds tokens and is left out, however the path is
    spelled; so is whatever looks like a token elsewhere, and the secret end of an
    upload's address. X-Forwarded-For, which Paste believes, is not believed.

    Args:
        application: whose requests.
    """

    def __init__(self, application: Any) -> None:
        super().__init__(
            application,
            logger=logging.getLogger("channelshim.access"),
            format=_FORMAT,
            setup_console_handler=False,
            set_logger_level=None,
        )

    def __call__(
        self, environ: WSGIEnvironment, start_response: Any
    ) -> Iterable[bytes]:
        """Answer a request, and log it if anybody listens."""
        if not self.logger.isEnabledFor(self.logging_level):
            unlogged: Iterable[bytes] = self.application(environ, start_response)
            return unlogged
        answer: Iterable[bytes] = super().__call__(environ, start_response)
        return answer

    def write_log(
        self,
        environ: WSGIEnvironment,
        method: str,
        req_uri: str,
        start: Any,
        status: str,
        bytes: Any,
    ) -> None:
        """Log one request."""
        path, mark, query = req_uri.partition("?")
        readings = [f"{reading}/" for reading in guard.readings(path)]
        if _has_prefix(readings, limits.PREFIX_CHANNEL) or tokens.PATTERN.search(
            unquote(query)
        ):
            mark = query = ""
        if _has_prefix(readings, limits.PREFIX_UPLOAD):
            # An upload that was refused may be tried again at the same address.
            path = f"{limits.PREFIX_UPLOAD}..."
        path = tokens.PATTERN.sub("...", path)
        trusted = {
            key: value
            for key, value in environ.items()
            if key != "HTTP_X_FORWARDED_FOR"
        }
        uri = CONTROLS.sub("?", path + mark + query)
        if len(uri) > LOGGED_URI_LENGTH:
            uri = f"{uri[:LOGGED_URI_LENGTH]}..."
        super().write_log(trusted, CONTROLS.sub("?", method), uri, start, status, bytes)


def _has_prefix(readings: Iterable[str], prefix: str) -> bool:
    return any(reading.startswith(prefix) for reading in readings)
