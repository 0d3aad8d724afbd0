"""The login by a password, for a few people who have no provider.

Attempts on an account are counted for all processes and servers of a store together,
before the password is looked at; the requests of an address are counted before that, by
the server that they come to (appserver.client_limits). Who guesses is slow, and learns
nothing from the answer or from its time: whether there is such an account, it does not
say.

Guesses hold up the account's owner too, but not in a browser that has logged in to it
before: its attempts are counted apart, by a number in a signed cookie (the device
cookies of OWASP).
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import os
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

# webapp2 asks when it is first imported; see compat.installer.
os.environ.setdefault("APPENGINE_RUNTIME", "python27")

import webapp2

from channelshim import limits
from channelshim.appserver.login import page
from channelshim.appserver.login.addresses import Admins, is_address
from channelshim.appserver.login.notes import Notes
from channelshim.appserver.login.passwords import (
    TooBusy,
    Verifier,
    mark_of_hash,
)
from channelshim.appserver.login.sessions import (
    Logins,
    Sessions,
    Signer,
    cookie_value,
    mark_of,
)
from channelshim.contracts.identity import LOGIN_SECONDS, User, folded
from channelshim.contracts.store import Password
from channelshim.pages import templates

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_logger: Final = logging.getLogger("channelshim.login")

ACCOUNT_SECONDS: Final = 60.0
ACCOUNT_AT_ONCE: Final = 20
"""On one account, wherever they come from: twenty, then one a minute."""

BROWSER_COOKIE: Final = "channelshim_known"
BROWSER_SECONDS: Final = 365 * 86400
"""So long a browser is known that has logged in."""

BUSY_SECONDS: Final = 5
"""To wait where too many passwords are being looked at."""

_RELOAD_SECONDS: Final = 5.0
"""After this time a password that was changed or removed ends the sessions it began."""

_MARKS_REMEMBERED: Final = 4096

_WRONG: Final = "The email or the password is wrong."


class Passwords(Protocol):
    """What is asked of contracts.store.Passwords."""

    def put(self, password: Password) -> None: ...

    def get(self, email: str) -> Password | None: ...

    def rehash(self, email: str, old: str, new: str) -> bool: ...

    def attempt(
        self, key: str, now: float, *, every_seconds: float, at_once: int
    ) -> float: ...

    def forgive(self, key: str) -> None: ...


class AccountsLogin:
    """Asks for an email and a password; see contracts.identity.Login.

    Args:
        signer: signs and reads the cookie.
        logins: keeps who has logged in, and which logins ended early.
        passwords: who may log in.
        admins: who is an administrator.
        read_secrets: what signs the cookies of browsers that are known, oldest first.
        clock: Unix seconds.
        seconds: how long a login is good.
    """

    paths: Final = frozenset({limits.PATH_LOGIN, limits.PATH_LOGOUT})
    asks_no_proof: Final = False

    def __init__(
        self,
        signer: Signer,
        logins: Logins,
        passwords: Passwords,
        admins: Admins,
        read_secrets: Callable[[], Sequence[bytes]],
        *,
        clock: Callable[[], float] = time.time,
        seconds: float = LOGIN_SECONDS,
    ) -> None:
        self._sessions = Sessions(signer, logins, clock, seconds)
        self._admins = admins
        self._marks = _Marks(passwords)
        self._pages = webapp2.WSGIApplication(
            [(limits.PATH_LOGIN, _PasswordPage), (limits.PATH_LOGOUT, page.LogoutPage)]
        )
        self._pages.registry.update(
            sessions=self._sessions,
            user=self.user,
            entry=_Entry(passwords, clock),
            browsers=_Browsers(read_secrets, clock, self._marks),
            admins=admins,
        )

    def user(self, environ: WSGIEnvironment) -> User | None:
        """See contracts.identity.Login."""
        claims = self._sessions.claims(environ)
        if claims is None:
            return None
        email = claims.user.email
        if not self._marks.is_of(email, mark_of(claims)):
            return None
        return self._admins.user(email)

    def login_url(self, destination: str) -> str:
        """See contracts.identity.Login."""
        return page.url_of(limits.PATH_LOGIN, destination)

    def logout_url(self, destination: str) -> str:
        """See contracts.identity.Login."""
        return page.url_of(limits.PATH_LOGOUT, destination)

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request for one of the two pages."""
        answer: Iterable[bytes] = self._pages(environ, start_response)
        return answer


class _Marks:
    """What the sessions of an account must end with, read every few seconds."""

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords
        self._known: dict[str, tuple[str, float]] = {}

    def is_of(self, email: str, mark: str) -> bool:
        """Return whether a mark is that of an account's password."""
        now = time.monotonic()
        known, read_at = self._known.get(email, ("", 0.0))
        # Another one may be newer than what was read.
        if not known or known != mark or now - read_at > _RELOAD_SECONDS:
            found = self._passwords.get(email)
            known = "" if found is None else mark_of_hash(found.hash)
            if len(self._known) >= _MARKS_REMEMBERED:
                self._known = {}
            self._known[email] = known, now
        return bool(known) and hmac.compare_digest(known, mark)


class Refused(Exception):
    """Nobody was logged in.

    Args:
        sentence: for the visitor.
        wait_seconds: until a further attempt, 0 for none.
    """

    def __init__(self, sentence: str, wait_seconds: int = 0) -> None:
        super().__init__(sentence)
        self.sentence: str = sentence
        self.wait_seconds: int = wait_seconds


class _Browsers:
    """Browsers that have logged in before, each in a cookie of its own.

    By the password of now: whoever knew the one before may be why it was changed.
    """

    def __init__(
        self,
        read_secrets: Callable[[], Sequence[bytes]],
        clock: Callable[[], float],
        marks: _Marks,
    ) -> None:
        self._notes = Notes(read_secrets, "known browser", clock)
        self._marks = marks

    def number(self, environ: WSGIEnvironment, email: str) -> str:
        """Return the number of a browser that has logged in by an email, or ""."""
        header = str(environ.get("HTTP_COOKIE", ""))
        note = self._notes.read(cookie_value(header, BROWSER_COOKIE))
        if note is None or note["account"] != _digest(email):
            return ""
        if not self._marks.is_of(email, str(note.get("mark", ""))):
            return ""
        return str(note["number"])

    def note(self, password: Password) -> str:
        """Return the cookie's value of a browser that has logged in by a password."""
        note = {
            "account": _digest(password.email),
            "mark": mark_of_hash(password.hash),
            # A new one each time, with a full allowance.
            "number": secrets.token_hex(16),
        }
        return self._notes.write(note, BROWSER_SECONDS)


class _Entry:
    """Decides who gets in."""

    def __init__(self, passwords: Passwords, clock: Callable[[], float]) -> None:
        self._passwords = passwords
        self._clock = clock
        self._verifier = Verifier()

    def admit(
        self, email: str, password: str, environ: WSGIEnvironment, browser: str
    ) -> Password:
        """Return whose password it is.

        Args:
            email: as typed, without blanks around it.
            password: as typed.
            environ: of the request.
            browser: the number of one that is known for this email, or "".

        Raises:
            Refused: nobody's, or too many were tried.
        """
        key = browser or _digest(email)
        try:
            with self._verifier.place():
                self._count(key)
                found = self._password(email, password, environ)
        except TooBusy:
            raise Refused(
                "Too many people are logging in just now. Try again in a few seconds.",
                BUSY_SECONDS,
            ) from None
        self._passwords.forgive(key)
        return found

    def _password(
        self, email: str, password: str, environ: WSGIEnvironment
    ) -> Password:
        found = self._passwords.get(email) if is_address(email) else None
        hashed = None if found is None else found.hash
        if not self._verifier.is_right(hashed, password) or found is None:
            # People type a password there by mistake.
            shown = ascii(email)[:100] if is_address(email) else "what is no address"
            _logger.warning(
                "a wrong password for %s, from %.64s",
                shown,
                environ.get("REMOTE_ADDR", ""),
            )
            raise Refused(_WRONG)
        fresh = self._verifier.new_hash(found.hash, password)
        if fresh and self._passwords.rehash(found.email, found.hash, fresh):
            found = Password(found.email, fresh, found.changed_at)
        return found

    def _count(self, key: str) -> None:
        wait = self._passwords.attempt(
            key,
            self._clock(),
            every_seconds=ACCOUNT_SECONDS,
            at_once=ACCOUNT_AT_ONCE,
        )
        if wait:
            seconds = math.ceil(wait)
            raise Refused(
                f"There were too many attempts. Try again in {seconds} seconds.",
                seconds,
            )


def _digest(email: str) -> str:
    """Return by what an email is counted: there may be no such account."""
    return hashlib.sha256(folded(email).encode("utf-8", "backslashreplace")).hexdigest()


class _PasswordPage(page.LoginPage):
    def get(self) -> None:
        """Show the form."""
        self._show(self.destination(self.request.GET))

    def post(self) -> None:
        """Log in and go on, or show the form with what was wrong."""
        if not self.take_form():
            return
        fields = self.request.POST
        destination = self.destination(fields)
        email = str(fields.get("email", "")).strip()
        entry: _Entry = self.app.registry["entry"]
        browsers: _Browsers = self.app.registry["browsers"]
        environ = self.request.environ
        browser = browsers.number(environ, email)
        try:
            password = str(fields.get("password", ""))
            found = entry.admit(email, password, environ, browser)
        except Refused as refusal:
            if refusal.wait_seconds:
                self.response.status = HTTPStatus.TOO_MANY_REQUESTS
                self.response.headers["Retry-After"] = str(refusal.wait_seconds)
            else:
                self.response.status = HTTPStatus.UNPROCESSABLE_ENTITY
            self._show(destination, email, refusal.sentence)
            return
        admins: Admins = self.app.registry["admins"]
        self.sessions.log_out(environ)
        cookie = self.sessions.log_in(
            admins.user(found.email), environ, mark_of_hash(found.hash)
        )
        note = browsers.note(found)
        self.set_note(BROWSER_COOKIE, note, BROWSER_SECONDS, same_site="Strict")
        self.response.headers.add("Set-Cookie", cookie)
        self.go_on(destination)

    def _show(self, destination: str, email: str = "", refused: str = "") -> None:
        ask: Callable[[WSGIEnvironment], User | None] = self.app.registry["user"]
        user = ask(self.request.environ)
        self.response.write(
            templates.render(
                "password.html",
                action=self.own_url(limits.PATH_LOGIN),
                email=email[: limits.MAXIMUM_EMAIL_LENGTH],
                refused=refused,
                user=user.email if user else "",
                destination=destination,
            )
        )
