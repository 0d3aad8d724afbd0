"""The development login: /_ah/login and /_ah/logout, and who a cookie names.

As the original's, without its open redirect, split headers and unsigned cookie, and not
for pages of other sites: D8, D9 and D24 of docs/explanation/differences.md.
"""

from __future__ import annotations

import functools
import os
import secrets
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote

# webapp2 asks when it is first imported; see compat.installer.
os.environ.setdefault("APPENGINE_RUNTIME", "python27")

import webapp2

from channelshim import limits
from channelshim.appserver.request_urls import is_from_another_site, safe_destination
from channelshim.appserver.response_rules import NO_SNIFFING
from channelshim.contracts.identity import User, user_id_of
from channelshim.contracts.store import Account
from channelshim.pages import templates
from channelshim.protocol import cookies
from channelshim.protocol.cookies import CookieClaims

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

REDIRECT_STATUS: Final = "302 Redirecting to continue URL"
_DEFAULT_EMAIL: Final = "test@example.com"

COOKIES_REMEMBERED: Final = 4096
"""Cookie headers whose user is known without verifying again, newest kept: 4 MiB."""


LOGIN_SECONDS: Final = 14 * 86400
"""A login cookie is good so long, as Django's sessions are: the original's was for
ever, whoever had a copy of it."""

_LONGEST_WRITTEN: Final = 4 * cookies.MAXIMUM_COOKIE_LENGTH
"""Characters of the value as a header may write it, each quoted by four: to read what
is longer, Python's library takes the square of its length."""

_NUMBER_BYTES: Final = 12
_RELOAD_SECONDS: Final = 5.0
"""Another process's logouts are known after this time."""


class Signer(Protocol):
    """Signs and reads the cookie's value; see protocol.cookies.CookieSigner."""

    def sign(self, claims: CookieClaims) -> str: ...

    def read(self, value: str) -> CookieClaims | None: ...


class Logins(Protocol):
    """Keeps who has logged in, and which logins ended early; contracts.store.Accounts.

    Raises StorageError when it cannot.
    """

    def remember(self, account: Account) -> None: ...

    def end_login(self, number: str, expires_at: float, now: float) -> None: ...

    def ended_logins(self) -> Collection[str]: ...


class _Cookies:
    """Signs the cookie that the login page sets, and believes it until it ends.

    Args:
        signer: signs and reads the cookie's value.
        logins: keeps which have ended early; None keeps none.
        clock: Unix seconds.
    """

    def __init__(
        self, signer: Signer, logins: Logins | None, clock: Callable[[], float]
    ) -> None:
        self._signer = signer
        self._logins = logins
        self._clock = clock
        self._ended: Collection[str] = ()
        self._read_at = float("-inf")
        # The same pages ask again and again; verifying costs as much as a small app.
        self._claims_of = functools.lru_cache(COOKIES_REMEMBERED)(self._read)

    def user(self, environ: WSGIEnvironment) -> User | None:
        """Return who the cookie names, or None."""
        claims = self._claims(environ)
        return None if claims is None else claims.user

    def log_in(self, user: User) -> str:
        """Return the cookie's value for somebody who logs in now."""
        now = self._clock()
        if self._logins is not None and "@" in user.email:
            self._logins.remember(Account(user, now))
        number = secrets.token_hex(_NUMBER_BYTES)
        return self._signer.sign(CookieClaims(user, int(now + LOGIN_SECONDS), number))

    def log_out(self, environ: WSGIEnvironment) -> None:
        """End the login of a request's cookie: copies of it are worth nothing then."""
        claims = self._claims(environ)
        if claims is not None and self._logins is not None:
            now = self._clock()
            self._logins.end_login(claims.number, claims.expires_at, now)
            self._read_at = float("-inf")

    def _claims(self, environ: WSGIEnvironment) -> CookieClaims | None:
        header = environ.get("HTTP_COOKIE", "")
        if limits.LOGIN_COOKIE not in header:
            return None
        if len(header) > cookies.MAXIMUM_COOKIE_LENGTH:
            claims = self._read(header)
        else:
            claims = self._claims_of(header)
        if claims is None or claims.expires_at <= self._clock():
            return None
        return None if claims.number in self._ended_logins() else claims

    def _ended_logins(self) -> Collection[str]:
        now = time.monotonic()
        if self._logins is not None and now - self._read_at > _RELOAD_SECONDS:
            self._ended = self._logins.ended_logins()
            self._read_at = now
        return self._ended

    def _read(self, header: str) -> CookieClaims | None:
        claims = self._signer.read(_cookie_value(header))
        if claims is None:
            return None
        # The id is made from the email again, as the datastore does for its users.
        email = claims.user.email
        user = User(email, claims.user.is_admin, user_id_of(email))
        return replace(claims, user=user)


def _cookie_value(header: str) -> str:
    """Return our cookie's value out of a Cookie header that others share."""
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == limits.LOGIN_COOKIE:
            if len(value) > _LONGEST_WRITTEN:
                return ""
            try:
                morsel = SimpleCookie(f"{name}={value}").get(name)
            except CookieError:
                return ""
            return morsel.value if morsel else ""
    return ""


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
        self.app.registry["cookies"].log_out(self.request.environ)
        self.response.set_cookie(limits.LOGIN_COOKIE, "", max_age=0, path="/")

    def _show(self, refused: str = "") -> None:
        """Show the form.

        Args:
            refused: an email that cannot log in; "" for none.
        """
        if refused:
            self.response.status = 400
        user = self.app.registry["cookies"].user(self.request.environ)
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
        value = self.app.registry["cookies"].log_in(user)
        secure = "; Secure" if self.request.scheme == "https" else ""
        self.response.headers.add(
            "Set-Cookie",
            f'{limits.LOGIN_COOKIE}="{value}"; Path=/; HttpOnly; SameSite=Lax{secure}',
        )


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
    """

    paths: Final = frozenset({limits.PATH_LOGIN, limits.PATH_LOGOUT})
    asks_no_proof: Final = True

    def __init__(
        self,
        signer: Signer,
        logins: Logins | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        own_cookies = _Cookies(signer, logins, clock)
        self.user: Callable[[WSGIEnvironment], User | None] = own_cookies.user
        self._pages = webapp2.WSGIApplication(
            [(limits.PATH_LOGIN, LoginPage), (limits.PATH_LOGOUT, LogoutPage)]
        )
        self._pages.registry["cookies"] = own_cookies

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
