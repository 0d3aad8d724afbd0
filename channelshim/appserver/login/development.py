"""The development login: /_ah/login and /_ah/logout, and who a cookie names.

As the original's, without its open redirect, split headers and unsigned cookie: D8 and
D9 of docs/explanation/differences.md.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote

# webapp2 asks when it is first imported; see compat.installer.
os.environ.setdefault("APPENGINE_RUNTIME", "python27")

import webapp2

from channelshim import limits
from channelshim.appserver.request_urls import safe_destination
from channelshim.contracts.identity import User, user_id_of
from channelshim.pages import templates
from channelshim.protocol import cookies

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

REDIRECT_STATUS: Final = "302 Redirecting to continue URL"
_DEFAULT_EMAIL: Final = "test@example.com"

COOKIES_REMEMBERED: Final = 4096
"""Cookie headers whose user is known without verifying again, newest kept: 4 MiB."""


class Signer(Protocol):
    """Signs and reads the cookie's value; see protocol.cookies.CookieSigner."""

    def sign(self, email: str, is_admin: bool, user_id: str) -> str: ...

    def read(self, value: str) -> User | None: ...


class _CookieReader:
    """Believes the signed cookie that the login page sets.

    Args:
        signer: reads the cookie's value.
    """

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        # The same pages ask again and again; verifying costs as much as a small app.
        self._user_of = functools.lru_cache(COOKIES_REMEMBERED)(self._read)

    def user(self, environ: WSGIEnvironment) -> User | None:
        """Return who the cookie names, or None."""
        header = environ.get("HTTP_COOKIE", "")
        if limits.LOGIN_COOKIE not in header:
            return None
        if len(header) > cookies.MAXIMUM_COOKIE_LENGTH:
            return self._read(header)
        return self._user_of(header)

    def _read(self, header: str) -> User | None:
        login = self._signer.read(_cookie_value(header))
        if login is None:
            return None
        # The id is made from the email again, as the datastore does for its users.
        return User(login.email, login.is_admin, user_id_of(login.email))


def _cookie_value(header: str) -> str:
    """Return our cookie's value out of a Cookie header that others share."""
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == limits.LOGIN_COOKIE:
            try:
                morsel = SimpleCookie(f"{name}={value}").get(name)
            except CookieError:
                return ""
            return morsel.value if morsel else ""
    return ""


class _Page(webapp2.RequestHandler):  # type: ignore[misc]
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
        self.response.set_cookie(limits.LOGIN_COOKIE, "", max_age=0, path="/")


class LoginPage(_Page):
    """The form, and what its two buttons do."""

    def get(self) -> None:
        """Show the form, or log in or out and go on."""
        action = self.request.GET.get("action", "")
        if not action:
            self._show()
            return
        if action.lower() == "logout":
            self._log_out()
        elif action.lower() == "login":
            self._log_in(self.request.GET.get("email", "").strip())
        self._redirect()

    def _log_in(self, email: str) -> None:
        if not email or not _is_valid_email(email):
            return
        is_admin = self.request.GET.get("admin", "").lower() == "true"
        registry = self.app.registry
        user = User(email, is_admin, user_id_of(email))
        value = registry["signer"].sign(email, is_admin, user.user_id)
        secure = "; Secure" if self.request.scheme == "https" else ""
        self.response.headers.add(
            "Set-Cookie",
            f'{limits.LOGIN_COOKIE}="{value}"; Path=/; HttpOnly; SameSite=Lax{secure}',
        )
        if "@" in email and registry["remember"] is not None:
            registry["remember"](user)

    def _show(self) -> None:
        user = self.app.registry["user"](self.request.environ)
        self.response.headers["Cache-Control"] = "no-store"
        self.response.headers["X-Frame-Options"] = "DENY"
        self.response.write(
            templates.render(
                "login.html",
                action=self.request.path_url,
                email=user.email if user else _DEFAULT_EMAIL,
                is_admin=bool(user and user.is_admin),
                is_logged_in=user is not None,
                destination=self.request.GET.get("continue", ""),
            )
        )


class LogoutPage(_Page):
    """Logs out and goes on."""

    def get(self) -> None:
        """Log out, whatever the parameters say."""
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
        remember: called with each user who logs in.
    """

    paths: Final = frozenset({limits.PATH_LOGIN, limits.PATH_LOGOUT})
    asks_no_proof: Final = True

    def __init__(
        self, signer: Signer, remember: Callable[[User], None] | None = None
    ) -> None:
        reader = _CookieReader(signer)
        self.user: Callable[[WSGIEnvironment], User | None] = reader.user
        self._pages = webapp2.WSGIApplication(
            [(limits.PATH_LOGIN, LoginPage), (limits.PATH_LOGOUT, LogoutPage)]
        )
        self._pages.registry.update(signer=signer, user=reader.user, remember=remember)

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
