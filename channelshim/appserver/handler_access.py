"""Who may have a handler's answer: its `login:` and `secure:` in app.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from channelshim.appserver import guard
from channelshim.appserver.blobs import uploads
from channelshim.appserver.error_pages import answer_login_required
from channelshim.appserver.exposure import Exposure
from channelshim.appserver.request_urls import absolute_url, request_url
from channelshim.appserver.responses import answer
from channelshim.appyaml.config import Handler
from channelshim.contracts.identity import Login, User
from channelshim.pages.errors import not_authorized_html

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class HandlerAccess:
    """Decides by a handler's `login:` and `secure:` whether it may answer.

    Args:
        exposure: what the door allows.
        login: has the page to log in.
    """

    def __init__(self, exposure: Exposure, login: Login) -> None:
        self._exposure = exposure
        self._login = login

    def refuse(
        self,
        handler: Handler,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        user: User | None,
    ) -> Iterable[bytes] | None:
        """Answer instead of the handler when `secure:` or `login:` says so.

        Args:
            handler: whose rules.
            environ: of a request that may be believed.
            start_response: of the request.
            user: who makes it; None for nobody.
        """
        if self._exposure.enforces_secure and not guard.is_internal(environ):
            location = _other_scheme(handler, environ)
            if location.startswith("https:") or (location and self._exposure.has_http):
                status = HTTPStatus(handler.redirect_status)
                return answer(start_response, status, "", [("Location", location)])
        if handler.login == "optional" or guard.is_internal(environ):
            return None
        if uploads.follows_upload(environ):
            return None
        if user is None and handler.auth_fail_action == "redirect":
            return answer(
                start_response,
                "302 Requires login",
                "",
                [("Location", self._login_location(environ))],
            )
        if user is None:
            location = self._login_location(environ)
            return answer_login_required(environ, start_response, location)
        if handler.login == "admin" and not user.is_admin:
            return answer(
                start_response,
                "401 Not authorized",
                not_authorized_html(user.email, self._login_location(environ)),
                content_type="text/html; charset=utf-8",
            )
        return None

    def _login_location(self, environ: WSGIEnvironment) -> str:
        path = self._login.login_url(request_url(environ))
        return absolute_url(environ, path)


def _other_scheme(handler: Handler, environ: WSGIEnvironment) -> str:
    """Return the URL that `secure:` wants instead, or ""."""
    scheme = environ.get("wsgi.url_scheme")
    wanted = {"always": "https", "never": "http"}.get(handler.secure, scheme)
    if scheme == wanted:
        return ""
    return f"{wanted}:{request_url(environ).partition(':')[2]}"
