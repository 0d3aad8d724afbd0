"""Who is logged in: one signed cookie, made at each login and good until it ends.

The cookie says all: who, until when, and a number of its own. Nothing of it is taken
over from before the login, so that nobody can have a browser use a number that he knows
(session fixation). What ends earlier, by a logout, is in the store until it would have
ended; secrets that are rotated twice, or at once, end all.
"""

from __future__ import annotations

import functools
import secrets
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final, Protocol

from channelshim import limits
from channelshim.contracts.identity import User, user_id_of
from channelshim.contracts.store import Account
from channelshim.protocol import cookies
from channelshim.protocol.cookies import CookieClaims

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

COOKIES_REMEMBERED: Final = 4096
"""Cookie headers whose user is known without verifying again, newest kept: 4 MiB."""

_LONGEST_WRITTEN: Final = 4 * cookies.MAXIMUM_COOKIE_LENGTH
"""Characters of the value as a header may write it, each quoted by four: to read what
is longer, Python's library takes the square of its length."""

NUMBER_BYTES: Final = 12
"""Of the random part of a login's number."""

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


class Sessions:
    """Signs the cookie that a login page sets, and believes it until it ends.

    Args:
        signer: signs and reads the cookie's value.
        logins: keeps which have ended early; None keeps none.
        clock: Unix seconds.
        seconds: how long a login is good.
    """

    def __init__(
        self,
        signer: Signer,
        logins: Logins | None,
        clock: Callable[[], float],
        seconds: float,
    ) -> None:
        self._seconds = seconds
        self._signer = signer
        self._logins = logins
        self._clock = clock
        self._ended: Collection[str] = ()
        self._read_at = float("-inf")
        self._last_logout = object()
        self._lock = threading.Lock()
        # The same pages ask again and again; verifying costs as much as a small app.
        self._claims_of = functools.lru_cache(COOKIES_REMEMBERED)(self._read)

    def user(self, environ: WSGIEnvironment) -> User | None:
        """Return who the cookie names, or None."""
        claims = self.claims(environ)
        return None if claims is None else claims.user

    def log_in(self, user: User, environ: WSGIEnvironment, mark: str = "") -> str:
        """Return the Set-Cookie header for somebody who logs in now.

        Args:
            user: who it is.
            environ: of the request.
            mark: hexadecimal, at most 32 digits: what the number ends with; see
                `mark_of`.
        """
        now = self._clock()
        if self._logins is not None and "@" in user.email:
            self._logins.remember(Account(user, now))
        number = secrets.token_hex(NUMBER_BYTES) + mark
        value = self._signer.sign(CookieClaims(user, int(now + self._seconds), number))
        return _header(f'"{value}"', environ)

    def clear(self, environ: WSGIEnvironment) -> str:
        """End the login of a request; return the Set-Cookie header that removes it."""
        self.log_out(environ)
        return _header("; Max-Age=0", environ)

    def log_out(self, environ: WSGIEnvironment) -> None:
        """End the login of a request's cookie: copies of it are worth nothing then."""
        claims = self.claims(environ)
        if claims is not None and self._logins is not None:
            now = self._clock()
            self._logins.end_login(claims.number, claims.expires_at, now)
            with self._lock:
                self._last_logout = object()
                self._read_at = float("-inf")

    def claims(self, environ: WSGIEnvironment) -> CookieClaims | None:
        """Return what the cookie says while it is good, or None."""
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
        if self._logins is None or now - self._read_at <= _RELOAD_SECONDS:
            return self._ended
        last_logout = self._last_logout
        found = self._logins.ended_logins()
        with self._lock:
            # What was read before a logout may not have it: the next request reads.
            if self._last_logout is last_logout:
                self._ended, self._read_at = found, now
        return found

    def _read(self, header: str) -> CookieClaims | None:
        claims = self._signer.read(cookie_value(header))
        if claims is None:
            return None
        # The id is made from the email again, as the datastore does for its users.
        email = claims.user.email
        user = User(email, claims.user.is_admin, user_id_of(email))
        return replace(claims, user=user)


def cookie_value(header: str, wanted: str = limits.LOGIN_COOKIE) -> str:
    """Return a cookie's value out of a Cookie header that others share, or ""."""
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == wanted:
            if len(value) > _LONGEST_WRITTEN:
                return ""
            try:
                morsel = SimpleCookie(f"{name}={value}").get(name)
            except CookieError:
                return ""
            return morsel.value if morsel else ""
    return ""


def mark_of(claims: CookieClaims) -> str:
    """Return what a login's number ends with, as given to Sessions.log_in."""
    return claims.number[2 * NUMBER_BYTES :]


def _header(value: str, environ: WSGIEnvironment) -> str:
    """Return a Set-Cookie header; https alone sends back what was set by https."""
    secure = "; Secure" if environ.get("wsgi.url_scheme") == "https" else ""
    name = limits.LOGIN_COOKIE
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}"
