"""The login of a proxy: a header says who has logged in there.

Only a proxy that `trusted_proxies` names may say it, and it must set the header in each
request that it passes on, whatever the visitor has sent. Where others may connect as
the proxy does, a signed assertion proves more than an address: then the header counts
for nothing, and the address stands in the assertion.
"""

from __future__ import annotations

import functools
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

# webapp2 asks when it is first imported; see compat.installer.
os.environ.setdefault("APPENGINE_RUNTIME", "python27")

import webapp2

from channelshim import limits
from channelshim.appserver.login import page
from channelshim.appserver.login.addresses import Admins, is_address
from channelshim.appserver.proxies import Network, header_of_proxy
from channelshim.contracts.identity import User

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_logger: Final = logging.getLogger("channelshim.login")

ASSERTIONS_REMEMBERED: Final = 1024
"""Tokens that were verified: a page asks again and again with the same."""

REMEMBER_SECONDS: Final = 300.0
"""So long at most: a key may be withdrawn."""

WARNING_SECONDS: Final = 60.0

_LONGEST_REMEMBERED: Final = 4096

_PREFIX: Final = "accounts.google.com:"
"""What Google's proxy writes before the address."""


class Assertions(Protocol):
    """Verifies tokens; appserver.login.assertions.Verifier."""

    def claims(self, token: str) -> Mapping[str, Any]:
        """Return what a token says, or raise."""

    def check_times(self, claims: Mapping[str, Any]) -> None:
        """Raise when the time of claims is over."""


@dataclass(frozen=True, slots=True)
class ProxyPages:
    """Where the proxy logs people in and out; "" for nowhere.

    "{url}" in them becomes the quoted URL to go on to.
    """

    login: str = ""
    logout: str = ""


class ProxyHeaderLogin:
    """Believes what a trusted proxy says; see contracts.identity.Login.

    Args:
        header: name of the header with the address.
        proxies: that are believed.
        admins: who is an administrator.
        domain: what comes behind the @ of a name without one; "" takes no such name.
        pages: of the proxy; None for none.
        assertion_header: name of the header with a signed assertion; "" for none.
        assertions: verifies them; None for none.
    """

    paths: Final = frozenset({limits.PATH_LOGIN, limits.PATH_LOGOUT})
    asks_no_proof: Final = False

    def __init__(
        self,
        header: str,
        proxies: tuple[Network, ...],
        admins: Admins,
        *,
        domain: str = "",
        pages: ProxyPages | None = None,
        assertion_header: str = "",
        assertions: Assertions | None = None,
    ) -> None:
        self._key = key_of(header)
        self._proxies = proxies
        self._admins = admins
        self._domain = domain
        self._assertion_key = key_of(assertion_header)
        self._assertions = assertions
        self._warnings = _Warnings()
        if assertions is not None:
            verify = assertions.claims

            # One that is refused raises, and is not remembered: the keys may change.
            @functools.lru_cache(ASSERTIONS_REMEMBERED)
            def claims(token: str, _: float) -> Mapping[str, Any]:
                return verify(token)

            self._claims = claims
        self._app = webapp2.WSGIApplication(
            [(limits.PATH_LOGIN, _InPage), (limits.PATH_LOGOUT, _OutPage)]
        )
        self._app.registry.update(user=self.user, pages=pages or ProxyPages())

    def user(self, environ: WSGIEnvironment) -> User | None:
        """See contracts.identity.Login."""
        if self._assertions is None:
            name = header_of_proxy(environ, self._key, self._proxies)
        else:
            name = self._asserted(environ, self._assertions)
        if not name:
            return None
        return self._user(name)

    def _user(self, name: str) -> User | None:
        try:
            email = name.encode("latin-1").decode("utf-8").strip(" \t")
        except UnicodeError:
            email = ""
        email = email.removeprefix(_PREFIX)
        if self._domain and email and "@" not in email:
            email = f"{email}@{self._domain}"
        if not is_address(email):
            self._warnings.add(
                "the proxy says that %s has logged in, which is no address (names "
                "without an @ need --login_domain): nobody is logged in",
                ascii(name)[:100],
            )
            return None
        return self._admins.user(email)

    def _asserted(self, environ: WSGIEnvironment, assertions: Assertions) -> str:
        """Return the address in the assertion, as WSGI writes text, or ""."""
        from channelshim.appserver.login.assertions import AssertionRefused
        from channelshim.appserver.login.keys import KeysUnavailable

        token = header_of_proxy(environ, self._assertion_key, self._proxies)
        if not token:
            return ""
        try:
            if len(token) <= _LONGEST_REMEMBERED:
                claims = self._claims(token, time.monotonic() // REMEMBER_SECONDS)
            else:
                claims = assertions.claims(token)
            assertions.check_times(claims)
        except (AssertionRefused, KeysUnavailable) as error:
            self._warnings.add("an assertion of the proxy is refused: %s", str(error))
            return ""
        return self._verified(claims)

    def _verified(self, claims: Mapping[str, Any]) -> str:
        """Return the address in claims, as WSGI writes text, or ""."""
        email = claims.get("email")
        if not isinstance(email, str):
            self._warnings.add("an assertion of the proxy has no email%s", "")
            return ""
        # Most do not say it; what is said counts, as with a provider.
        if claims.get("email_verified", True) is not True:
            self._warnings.add(
                "an assertion of the proxy does not call the address %s verified: "
                "nobody is logged in",
                ascii(email)[:100],
            )
            return ""
        # Only a plain header's name is completed: an assertion says all of it.
        if not is_address(email.removeprefix(_PREFIX)):
            self._warnings.add(
                "an assertion of the proxy has no address: %s", ascii(email)[:100]
            )
            return ""
        return email.encode("utf-8", "replace").decode("latin-1")

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
        answer: Iterable[bytes] = self._app(environ, start_response)
        return answer


def key_of(header: str) -> str:
    """Return the key of a header in the environment; "" for none."""
    return f"HTTP_{header.upper().replace('-', '_')}" if header else ""


class _Warnings:
    """Warns of each kind of trouble once a minute: each request may have it."""

    def __init__(self) -> None:
        self._warned_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, sentence: str, fact: str) -> None:
        """Write a line, unless there was one like it just now."""
        now = time.monotonic()
        with self._lock:
            is_due = now - self._warned_at.get(sentence, -math.inf) >= WARNING_SECONDS
            if is_due:
                self._warned_at[sentence] = now
        if is_due:
            _logger.warning(sentence, fact)


class _ProxyPage(page.LoginPage):
    def user(self) -> User | None:
        """Return who the proxy says has logged in."""
        ask: Callable[[WSGIEnvironment], User | None] = self.app.registry["user"]
        return ask(self.request.environ)

    def send_to(self, template: str, destination: str) -> None:
        """Redirect to a page of the proxy."""
        url = self.request.host_url + page.path_of(destination)
        self.response.status = HTTPStatus.SEE_OTHER
        self.response.headers["Location"] = template.replace(
            "{url}", quote(url, safe="")
        )


class _InPage(_ProxyPage):
    def get(self) -> None:
        """Go on, since the proxy has logged the visitor in, or have it do so."""
        destination = self.destination(self.request.GET)
        pages: ProxyPages = self.app.registry["pages"]
        user = self.user()
        if user is not None and destination != "/":
            self.go_on(destination)
        elif user is not None:
            self.explain(
                HTTPStatus.OK, "Logged in", f"You are logged in as {user.email}."
            )
        elif pages.login:
            self.send_to(pages.login, destination)
        else:
            self.explain(
                HTTPStatus.FORBIDDEN,
                "Not logged in",
                "The proxy in front of this server logs people in, and has not said "
                "who you are. Open the app by its public address.",
            )


class _OutPage(_ProxyPage):
    def get(self) -> None:
        """Have the proxy log the visitor out, which only it can."""
        destination = self.destination(self.request.GET)
        pages: ProxyPages = self.app.registry["pages"]
        user = self.user()
        if user is None:
            self.go_on(destination)
        elif pages.logout:
            self.send_to(pages.logout, destination)
        else:
            self.explain(
                HTTPStatus.OK,
                "Logged in",
                f"You are logged in as {user.email} by the proxy in front of this "
                "server. Log out there.",
            )
