"""The development login: /_ah/login and /_ah/logout, and who a cookie names.

As the original's, without its open redirect, split headers and unsigned cookie, and not
for pages of other sites: D8, D9 and D24 of docs/explanation/differences.md.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

# webapp2 asks when it is first imported; see compat.installer.
os.environ.setdefault("APPENGINE_RUNTIME", "python27")

import webapp2

from channelshim import limits
from channelshim.appserver.login.sessions import Logins, Sessions, Signer
from channelshim.appserver.request_urls import is_from_another_site, safe_destination
from channelshim.appserver.response_rules import NO_SNIFFING
from channelshim.contracts.identity import LOGIN_SECONDS, User, user_id_of
from channelshim.pages import templates

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

REDIRECT_STATUS: Final = "302 Redirecting to continue URL"
_DEFAULT_EMAIL: Final = "test@example.com"


class _Page(webapp2.RequestHandler):  # type: ignore[misc]
    def dispatch(self) -> None:
        """Answer, and say of each answer what holds for all of them."""
        name, value = NO_SNIFFING
        self.response.headers[name] = value
        super().dispatch()

    def handle_exception(self, exception: BaseException, debug: bool) -> None:
        """Answer 400 to a query that is not UTF-8, which webob reads when asked."""
        if not isinstance(exception, UnicodeDecodeError):
            super().handle_exception(exception, debug)
        self.response.status = 400
        self.response.headers["Content-Type"] = "text/plain; charset=utf-8"
        self.response.write("The query is no UTF-8.\n")

    def _redirect(self) -> None:
        destination = self.request.GET.get("continue", "")
        self.response.status = REDIRECT_STATUS
        self.response.headers["Location"] = (
            safe_destination(destination, self.request.host)
            if destination
            else limits.PATH_LOGIN
        )
        self.response.headers["Cache-Control"] = "no-store"

    def _log_out(self) -> None:
        cookie = self.app.registry["sessions"].clear(self.request.environ)
        self.response.headers.add("Set-Cookie", cookie)

    def _show(self, refused: str = "") -> None:
        """Show the form.

        Args:
            refused: an email that cannot log in; "" for none.
        """
        if refused:
            self.response.status = 400
        user = self.app.registry["sessions"].user(self.request.environ)
        self.response.headers["Cache-Control"] = "no-store"
        self.response.headers["X-Frame-Options"] = "DENY"
        self.response.write(
            templates.render(
                "login.html",
                action=self.request.host_url
                + self.request.script_name
                + limits.PATH_LOGIN,
                email=refused or (user.email if user else _DEFAULT_EMAIL),
                host=self.request.host,
                longest=limits.MAXIMUM_EMAIL_LENGTH,
                is_refused=bool(refused),
                is_admin=bool(user and user.is_admin),
                is_logged_in=user is not None,
                destination=self.request.GET.get("continue", ""),
            )
        )


class LoginPage(_Page):
    """The form, and what its two buttons do."""

    def get(self) -> None:
        """Show the form, or log in or out and go on."""
        action = self.request.GET.get("action", "")
        if not action or is_from_another_site(self.request.environ):
            self._show()
            return
        if action.lower() == "logout":
            self._log_out()
        elif action.lower() == "login":
            email = self.request.GET.get("email", "").strip()
            if email and not _is_valid_email(email):
                self._show(email)
                return
            self._log_in(email)
        self._redirect()

    def _log_in(self, email: str) -> None:
        if not email:
            return
        is_admin = self.request.GET.get("admin", "").lower() == "true"
        user = User(email, is_admin, user_id_of(email))
        cookie = self.app.registry["sessions"].log_in(user, self.request.environ)
        self.response.headers.add("Set-Cookie", cookie)


class LogoutPage(_Page):
    """Logs out and goes on."""

    def get(self) -> None:
        """Log out, whatever the parameters say."""
        if is_from_another_site(self.request.environ):
            self._show()
            return
        self._log_out()
        self._redirect()


def _is_valid_email(email: str) -> bool:
    return (
        len(email) <= limits.MAXIMUM_EMAIL_LENGTH
        and ":" not in email
        and email.isprintable()
    )


class DevelopmentLogin:
    """The login of the old server: whoever is typed in is believed.

    See contracts.identity.Login.

    Args:
        signer: signs and reads the cookie.
        logins: keeps who has logged in, and which logins ended early; None keeps none.
        clock: Unix seconds.
        seconds: how long a login is good.
    """

    paths: Final = frozenset({limits.PATH_LOGIN, limits.PATH_LOGOUT})
    asks_no_proof: Final = True

    def __init__(
        self,
        signer: Signer,
        logins: Logins | None = None,
        *,
        clock: Callable[[], float] = time.time,
        seconds: float = LOGIN_SECONDS,
    ) -> None:
        sessions = Sessions(signer, logins, clock, seconds)
        self.user: Callable[[WSGIEnvironment], User | None] = sessions.user
        self._pages = webapp2.WSGIApplication(
            [(limits.PATH_LOGIN, LoginPage), (limits.PATH_LOGOUT, LogoutPage)]
        )
        self._pages.registry["sessions"] = sessions

    def login_url(self, destination: str) -> str:
        """See contracts.identity.Login."""
        return f"{limits.PATH_LOGIN}?continue={quote(destination)}"

    def logout_url(self, destination: str) -> str:
        """See contracts.identity.Login."""
        return f"{limits.PATH_LOGOUT}?continue={quote(destination)}"

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request for one of the two pages."""
        pages: Iterable[bytes] = self._pages(environ, start_response)
        return pages
