"""The login's own pages, for so many requests of one client address a minute."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from channelshim.appserver import guard
from channelshim.appserver.client_limits import limit_of
from channelshim.appserver.responses import answer
from channelshim.contracts.identity import Login

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class LimitedLogin:
    """A login's pages as a WSGI application.

    Args:
        login: answers them.
        per_minute: requests of one client address; 0 for any number.
    """

    def __init__(self, login: Login, per_minute: int) -> None:
        self._login = login
        self._limit = limit_of(per_minute, "logins")

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request of the login's pages, unless there are too many."""
        address = str(environ.get("REMOTE_ADDR", ""))
        if guard.UNKNOWN_CLIENT_KEY in environ:
            # All who come through a proxy that nobody has named are one.
            address = ""
        seconds = self._limit.wait(address) if self._limit else 0
        if not seconds:
            return self._login(environ, start_response)
        return answer(
            start_response,
            HTTPStatus.TOO_MANY_REQUESTS,
            f"Too many logins from your address: try again in {seconds} s.\n",
            [("Retry-After", str(seconds))],
        )
