"""The users service: Google's stub, with our login pages and the request's own URL."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from google.appengine.api import request_info, user_service_stub

from channelshim import limits
from channelshim.contracts.identity import Login


class RequestInfo(request_info._LocalRequestInfo):  # type: ignore[misc]
    """What stubs ask about the request they are called in.

    Google's own takes every request for plain http, so that login URLs behind a proxy
    would lead away from https.
    """

    def get_request_url(self, request_id: str) -> str:
        """Return the URL of the request in whose thread this is called."""
        variables = os.environ
        scheme = variables.get("REQUEST_SCHEME", "http")
        host = variables.get("HTTP_HOST", "localhost")
        path = quote(variables.get("SCRIPT_NAME", "") + variables.get("PATH_INFO", "/"))
        query = variables.get("QUERY_STRING", "")
        return f"{scheme}://{host}{path}" + (f"?{query}" if query else "")


class UserService(user_service_stub.UserServiceStub):  # type: ignore[misc]
    """The stub for the service `user`: Google's, with the URLs of a login of ours.

    The URLs are paths, which a redirect makes absolute, with the destination made
    absolute and quoted behind them.

    Args:
        login: whose pages they are.
        **options: of Google's stub.
    """

    # It has no state, and a thread-safe stub is called through a pool of threads.
    THREADSAFE = False

    def __init__(self, login: Login, **options: Any) -> None:
        super().__init__(
            auth_domain=limits.AUTH_DOMAIN, request_data=RequestInfo(), **options
        )
        self._login = login

    def _Dynamic_CreateLoginURL(
        self, request: Any, response: Any, request_id: str
    ) -> None:
        destination = self._AddHostToContinueURL(request.destination_url, request_id)
        response.login_url = self._login.login_url(destination)

    def _Dynamic_CreateLogoutURL(
        self, request: Any, response: Any, request_id: str
    ) -> None:
        destination = self._AddHostToContinueURL(request.destination_url, request_id)
        response.logout_url = self._login.logout_url(destination)
