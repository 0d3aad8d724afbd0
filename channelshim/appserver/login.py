"""The development login: /_ah/login and /_ah/logout, and who a cookie names.

Contract 7.5 and 7.6, without the original's open redirect, split headers and
unsigned cookie (7.7).
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final, Protocol
from urllib.parse import quote, urlsplit

# webapp2 asks when it is first imported; see runtime.legacy_modules.install.
os.environ.setdefault("APPENGINE_RUNTIME", "python27")

import jinja2
import webapp2

from channelshim import limits
from channelshim.protocol.contracts import Account, Clock
from channelshim.protocol.cookies import CookieSigner
from channelshim.runtime.variables import User, user_id_of

REDIRECT_STATUS: Final = "302 Redirecting to continue URL"
_DEFAULT_EMAIL: Final = "test@example.com"

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("channelshim.appserver"), autoescape=True
)


class Identity(Protocol):
    """Turns a request into a user; another login has another one of these."""

    def user(self, environ: dict[str, Any]) -> User | None:
        """Return who makes the request, or None for nobody."""


class CookieIdentity:
    """Believes the signed cookie that the login page sets.

    Args:
        signer: reads the cookie's value.
    """

    def __init__(self, signer: CookieSigner) -> None:
        self._signer = signer
        # The same pages ask again and again; verifying costs as much as a small app.
        self._user_of = functools.lru_cache(limits.COOKIES_REMEMBERED)(self._read)

    def user(self, environ: dict[str, Any]) -> User | None:
        """Return who the cookie names, or None."""
        header = environ.get("HTTP_COOKIE", "")
        if limits.LOGIN_COOKIE not in header:
            return None
        if len(header) > limits.MAXIMUM_COOKIE_LENGTH:
            return self._read(header)
        return self._user_of(header)

    def _read(self, header: str) -> User | None:
        login = self._signer.read(_cookie_value(header))
        if login is None:
            return None
        # The id is made from the email again, as the datastore does (base-sdk 1.5).
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


def request_url(environ: dict[str, Any]) -> str:
    """Return the request's own URL, quoted, with its query."""
    url: str = webapp2.Request(environ).url
    return url


def login_url(environ: dict[str, Any]) -> str:
    """Return the absolute URL of the login page that comes back to this request."""
    request = webapp2.Request(environ)
    destination = quote(request.url, safe="/")
    return f"{request.host_url}{limits.PATH_LOGIN}?continue={destination}"


def safe_destination(text: str, host: str) -> str:
    """Return where `continue` leads, or "/" when that is not this server.

    Args:
        text: from outside.
        host: the request's Host.
    """
    text = text.strip()
    if not text or re.search(r"[\x00-\x20\x7f\\]", text) or text.startswith("//"):
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    is_own_url = parts.scheme in ("http", "https") and parts.netloc == host
    is_path = not parts.scheme and not parts.netloc and text.startswith("/")
    if not (is_own_url or is_path):
        return "/"
    return quote(text, safe="!#$%&'()*+,/:;=?@[]~")


class _Page(webapp2.RequestHandler):  # type: ignore[misc]
    def handle_exception(self, exception: BaseException, debug: bool) -> None:
        """Answer 400 to a query that is no UTF-8, which webob reads when asked."""
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
        if not email or not _is_speakable(email):
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
        user = self.app.registry["identity"].user(self.request.environ)
        self.response.headers["Cache-Control"] = "no-store"
        self.response.headers["X-Frame-Options"] = "DENY"
        template = _TEMPLATES.get_template("login.html")
        self.response.write(
            template.render(
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


def _is_speakable(email: str) -> bool:
    return (
        len(email) <= limits.MAXIMUM_EMAIL_LENGTH
        and ":" not in email
        and email.isprintable()
    )


def rememberer(
    remember: Callable[[Account], None] | None, clock: Clock | None
) -> Callable[[User], None] | None:
    """Return what is called with the user of each login, or None for nothing.

    Args:
        remember: called with the account.
        clock: says when the login was; needed with remember.
    """
    if remember is None or clock is None:
        return None

    def remember_user(user: User) -> None:
        account = Account(user.email, user.user_id, user.is_admin, clock.time())
        remember(account)

    return remember_user


def make_login_app(
    signer: CookieSigner,
    identity: Identity,
    remember: Callable[[User], None] | None = None,
) -> webapp2.WSGIApplication:
    """Return the WSGI application of the two pages.

    Args:
        signer: signs the cookie.
        identity: who is logged in now, for the form.
        remember: called with each user who logs in.
    """
    application = webapp2.WSGIApplication(
        [(limits.PATH_LOGIN, LoginPage), (limits.PATH_LOGOUT, LogoutPage)]
    )
    application.registry.update(signer=signer, identity=identity, remember=remember)
    return application
