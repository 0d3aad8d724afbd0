"""The login by an OpenID provider: authorization code, PKCE, state and nonce.

A visit to /_ah/login sends the browser to the provider, and sets a cookie that is good
for that one login: who brings the provider's answer must bring this cookie too, so that
nobody can have another one's browser finish a login that he has begun. The answer's
code is worth nothing without the verifier in the cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

# webapp2 asks when it is first imported; see compat.installer.
os.environ.setdefault("APPENGINE_RUNTIME", "python27")

import webapp2

from channelshim import limits
from channelshim.appserver.login import page
from channelshim.appserver.login.addresses import Admins, is_address
from channelshim.appserver.login.notes import Notes
from channelshim.appserver.login.provider import (
    Client,
    LoginRefused,
    Provider,
    ProviderFailed,
)
from channelshim.appserver.login.sessions import (
    Logins,
    Sessions,
    Signer,
    cookie_value,
)
from channelshim.appserver.request_urls import safe_destination
from channelshim.contracts.identity import LOGIN_SECONDS, User

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_logger: Final = logging.getLogger("channelshim.login")

PATH_CALLBACK: Final = limits.PATH_LOGIN + "/callback"
"""Where the provider sends the browser back: its redirect URI."""

PATH_LOGGED_OUT: Final = limits.PATH_LOGOUT + "/done"
"""Where the provider sends the browser after a logout."""

ATTEMPT_SECONDS: Final = 600
"""So long a visitor may take to log in at the provider."""

ATTEMPTS_AT_ONCE: Final = 3
"""Logins that one browser may have begun, in several tabs."""

COOKIE_PREFIX: Final = "channelshim_oidc_"

_LONGEST_CODE: Final = 4096
_LONGEST_DESTINATION: Final = 1000
_TROUBLE: Final = (
    "Logging in does not work at the moment. Try again later; if it stays so, tell "
    "whoever runs this server."
)
_REFUSED: Final = "You were not logged in. You can try again."


class OidcLogin:
    """Asks an OpenID provider who somebody is; see contracts.identity.Login.

    Args:
        signer: signs and reads the cookie.
        logins: keeps who has logged in, and which logins ended early.
        client: what the provider knows this app by.
        read_secrets: what signs logins that were begun, oldest first.
        admins: who is an administrator.
        trusts_email: whether an address counts that the provider does not call
            verified.
        clock: Unix seconds.
        seconds: how long a login is good.
    """

    paths: Final = frozenset(
        {limits.PATH_LOGIN, limits.PATH_LOGOUT, PATH_CALLBACK, PATH_LOGGED_OUT}
    )
    asks_no_proof: Final = False

    def __init__(
        self,
        signer: Signer,
        logins: Logins,
        client: Client,
        read_secrets: Callable[[], Sequence[bytes]],
        admins: Admins,
        *,
        trusts_email: bool = False,
        clock: Callable[[], float] = time.time,
        seconds: float = LOGIN_SECONDS,
    ) -> None:
        self._sessions = Sessions(signer, logins, clock, seconds)
        self._admins = admins
        self._pages = webapp2.WSGIApplication(
            [
                (limits.PATH_LOGIN, _BeginPage),
                (PATH_CALLBACK, _CallbackPage),
                (limits.PATH_LOGOUT, _EndPage),
                (PATH_LOGGED_OUT, _LoggedOutPage),
            ]
        )
        self._pages.registry.update(
            sessions=self._sessions,
            provider=Provider(client, clock),
            client=client,
            attempts=_Attempts(read_secrets, client, clock),
            admins=admins,
            trusts_email=trusts_email,
        )

    def user(self, environ: WSGIEnvironment) -> User | None:
        """See contracts.identity.Login."""
        user = self._sessions.user(environ)
        return None if user is None else self._admins.user(user.email)

    def login_url(self, destination: str) -> str:
        """See contracts.identity.Login."""
        return page.url_of(limits.PATH_LOGIN, destination)

    def logout_url(self, destination: str) -> str:
        """See contracts.identity.Login."""
        return page.url_of(limits.PATH_LOGOUT, destination)

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request for one of its pages."""
        answer: Iterable[bytes] = self._pages(environ, start_response)
        return answer


class _Attempts:
    """Logins that were begun, each in a signed cookie of the browser."""

    def __init__(
        self,
        read_secrets: Callable[[], Sequence[bytes]],
        client: Client,
        clock: Callable[[], float],
    ) -> None:
        kind = f"oidc login\0{client.issuer}\0{client.client_id}"
        self._notes = Notes(read_secrets, kind, clock)

    def begin(self, destination: str) -> dict[str, Any]:
        """Return a new login: state, nonce, verifier and where to go on."""
        if len(destination) > _LONGEST_DESTINATION:
            destination = "/"
        return {
            "state": secrets.token_urlsafe(24),
            "nonce": secrets.token_urlsafe(24),
            "verifier": secrets.token_urlsafe(48),
            "destination": destination,
        }

    def write(self, attempt: Mapping[str, Any]) -> str:
        """Return the cookie's value for a login."""
        return self._notes.write(attempt, ATTEMPT_SECONDS)

    def read(self, value: str, state: str) -> Mapping[str, Any] | None:
        """Return the login of a cookie and a state, or None.

        Args:
            value: of the cookie; anything.
            state: that the answer brings; anything.
        """
        attempt = self._notes.read(value)
        if attempt is None:
            return None
        own = str(attempt["state"]).encode("ascii")
        sent = state.encode("utf-8", "backslashreplace")
        return attempt if hmac.compare_digest(own, sent) else None


def cookie_name(state: str) -> str:
    """Return the name of the cookie of a login that was begun."""
    digest = hashlib.sha256(state.encode("utf-8", "backslashreplace"))
    return COOKIE_PREFIX + digest.hexdigest()[:12]


class _OidcPage(page.LoginPage):
    @property
    def provider(self) -> Provider:
        found: Provider = self.app.registry["provider"]
        return found

    @property
    def attempts(self) -> _Attempts:
        found: _Attempts = self.app.registry["attempts"]
        return found

    def fail(self, error: ProviderFailed) -> None:
        """Tell the operator what is wrong, and the visitor that something is."""
        _logger.error("nobody can log in: %s", error)
        self.explain(HTTPStatus.SERVICE_UNAVAILABLE, "Not logged in", _TROUBLE)

    def refuse(self, error: LoginRefused, destination: str = "/") -> None:
        """Tell the operator why, and the visitor no more than that it is so."""
        _logger.warning("a login was refused: %s", error)
        link = page.url_of(limits.PATH_LOGIN, destination)
        self.explain(HTTPStatus.FORBIDDEN, "Not logged in", _REFUSED, link)

    def set_attempt(self, name: str, value: str) -> None:
        """Set the cookie of a login that was begun; "" removes it."""
        # Lax: the provider's page leads to ours by a link, as it were.
        self.set_note(name, value, ATTEMPT_SECONDS if value else 0, same_site="Lax")

    def attempt_names(self) -> list[str]:
        """Return the names of such cookies that the browser has."""
        header = self.request.environ.get("HTTP_COOKIE", "")
        names = (part.strip().partition("=")[0] for part in header.split(";"))
        return [name for name in names if name.startswith(COOKIE_PREFIX)]


class _BeginPage(_OidcPage):
    def get(self) -> None:
        """Send the browser to the provider."""
        destination = self.destination(self.request.GET)
        attempt = self.attempts.begin(destination)
        try:
            url = self.provider.begin(
                self.own_url(PATH_CALLBACK),
                attempt["state"],
                attempt["nonce"],
                attempt["verifier"],
            )
        except ProviderFailed as error:
            self.fail(error)
            return
        for name in self.attempt_names()[: 1 - ATTEMPTS_AT_ONCE]:
            self.set_attempt(name, "")
        self.set_attempt(cookie_name(attempt["state"]), self.attempts.write(attempt))
        self.response.status = HTTPStatus.SEE_OTHER
        self.response.headers["Location"] = url


class _CallbackPage(_OidcPage):
    def get(self) -> None:
        """Take the provider's answer, and go on."""
        fields = self.request.GET
        state = fields.get("state", "")
        name = cookie_name(state)
        header = self.request.environ.get("HTTP_COOKIE", "")
        attempt = self.attempts.read(cookie_value(header, name), state)
        if attempt is None:
            self.refuse(
                LoginRefused(
                    "this browser has begun no login that the answer is for, or over "
                    f"{ATTEMPT_SECONDS // 60} minutes ago"
                )
            )
            return
        # Once: the same answer brings nothing a second time.
        self.set_attempt(name, "")
        destination = safe_destination(attempt["destination"], self.request.host)
        try:
            user = self._user(fields, attempt)
        except ProviderFailed as error:
            self.fail(error)
        except LoginRefused as error:
            self.refuse(error, destination)
        else:
            environ = self.request.environ
            self.sessions.log_out(environ)
            cookie = self.sessions.log_in(user, environ)
            self.response.headers.add("Set-Cookie", cookie)
            self.go_on(destination)

    def _user(self, fields: Any, attempt: Mapping[str, Any]) -> User:
        self.provider.check_issuer(fields.get("iss"))
        if "error" in fields:
            facts = f"{fields['error']}: {fields.get('error_description', '')}"
            raise LoginRefused(f"the provider says {ascii(facts)[:300]}")
        code = fields.get("code", "")
        if not 0 < len(code) <= _LONGEST_CODE:
            raise LoginRefused("the provider's answer has no code")
        claims = self.provider.finish(
            self.own_url(PATH_CALLBACK), code, attempt["nonce"], attempt["verifier"]
        )
        admins: Admins = self.app.registry["admins"]
        email = email_of(claims, trusts_email=self.app.registry["trusts_email"])
        return admins.user(email)


def email_of(claims: Mapping[str, Any], *, trusts_email: bool) -> str:
    """Return the address that a provider has verified.

    Args:
        claims: of its id_token or userinfo.
        trusts_email: whether it counts without.

    Raises:
        LoginRefused: there is none, or nobody has verified that it is the visitor's.
    """
    email = claims.get("email")
    if not isinstance(email, str) or not is_address(email):
        raise LoginRefused(f"the provider says no address: {ascii(email)[:100]}")
    if not trusts_email and claims.get("email_verified") is not True:
        raise LoginRefused(
            f"the provider has not verified that {ascii(email)[:100]} is the "
            "visitor's; where it lets nobody choose an address, set --oidc_trust_email"
        )
    return email


class _EndPage(page.LogoutPage, _OidcPage):
    def log_out(self, destination: str) -> None:
        """End the login here and at the provider, and go on."""
        was_logged_in = self.sessions.user(self.request.environ) is not None
        super().log_out(destination)
        url = self.provider.end_url() if was_logged_in else ""
        if not url:
            return
        client: Client = self.app.registry["client"]
        path = page.path_of(destination)
        asked = {
            "client_id": client.client_id,
            "post_logout_redirect_uri": self.own_url(PATH_LOGGED_OUT),
            "state": path if len(path) <= _LONGEST_DESTINATION else "/",
        }
        separator = "&" if "?" in url else "?"
        self.response.headers["Location"] = f"{url}{separator}{urlencode(asked)}"


class _LoggedOutPage(page.LoginPage):
    def get(self) -> None:
        """Go on: the provider has logged the visitor out."""
        state = self.request.GET.get("state", "")
        self.go_on(safe_destination(state, self.request.host))
