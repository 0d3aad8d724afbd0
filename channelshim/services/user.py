"""The users service: Google's stub, with our login pages and the request's own URL."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from google.appengine.api import request_info, user_service_stub

from channelshim import limits


class RequestInfo(request_info._LocalRequestInfo):  # type: ignore[misc]
    """What stubs ask about the request they are called in.

    Google's own takes every request for plain http (base-sdk 1.5).
    """

    def get_request_url(self, request_id: str) -> str:
        """Return the URL of the request in whose thread this is called."""
        variables = os.environ
        scheme = variables.get("REQUEST_SCHEME", "http")
        host = variables.get("HTTP_HOST", "localhost")
        path = quote(variables.get("SCRIPT_NAME", "") + variables.get("PATH_INFO", "/"))
        query = variables.get("QUERY_STRING", "")
        return f"{scheme}://{host}{path}" + (f"?{query}" if query else "")


def make_user_service(**options: Any) -> user_service_stub.UserServiceStub:
    """Return the stub for the service `user`.

    Its URLs are paths, which a redirect makes absolute, with the destination made
    absolute and quoted behind them.

    Source: contract 7.4.
    """
    stub = user_service_stub.UserServiceStub(
        login_url=f"{limits.PATH_LOGIN}?continue=%s",
        logout_url=f"{limits.PATH_LOGOUT}?continue=%s",
        auth_domain=limits.AUTH_DOMAIN,
        request_data=RequestInfo(),
        **options,
    )
    # It has no state, and a thread-safe stub is called through a pool of threads.
    stub.THREADSAFE = False
    return stub
