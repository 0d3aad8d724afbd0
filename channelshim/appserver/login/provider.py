"""An OpenID provider: its discovery document, its keys, and what it says of a visitor.

What comes from it is checked as OpenID Connect Core 1.0, 3.1.3.7 asks; what goes to it
are the requests of Authlib.
"""

from __future__ import annotations

import hmac
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session

from channelshim.appserver.login.assertions import AssertionRefused, Verifier
from channelshim.appserver.login.fetching import (
    FetchFailed,
    bound,
    fetch_json,
    is_safe_url,
    reason_of,
)
from channelshim.appserver.login.keys import Keys, KeysUnavailable

_logger: Final = logging.getLogger("channelshim.login")

DISCOVERY: Final = "/.well-known/openid-configuration"
SCOPE: Final = "openid email"

REFRESH_SECONDS: Final = 3600
"""After this time the provider's document is asked for again."""

PAUSE_SECONDS: Final = 10
"""So long a provider that has failed is not asked again."""

_NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_NO_ANSWER: Final = (
    *(requests.RequestException, AuthlibBaseError),
    *(ValueError, TypeError, KeyError),
)

_SERVERS: Final = 500
"""From this status on the trouble is the provider's own."""

_OPTIONAL: Final = ("userinfo_endpoint", "end_session_endpoint")


class ProviderFailed(Exception):
    """The provider cannot be used now; the text is for the operator's log."""


class LoginRefused(Exception):
    """A visitor is not logged in; the text is for the operator's log."""


@dataclass(frozen=True, slots=True)
class Client:
    """What the provider knows this app by.

    Attributes:
        issuer: URL of the provider.
        client_id: public.
        client_secret: "" for a public client.
    """

    issuer: str
    client_id: str
    client_secret: str


class Provider:
    """One provider, asked when it is first needed.

    Args:
        client: what it knows this app by.
        clock: Unix seconds.
    """

    def __init__(self, client: Client, clock: Callable[[], float]) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._facts: Mapping[str, Any] = {}
        self._asked_at = float("-inf")
        self._failure = ""
        self._keys = Keys(lambda: fetch_json(str(self.facts()["jwks_uri"])))
        self._verifier = Verifier(self._keys, client.client_id, client.issuer, clock)

    def facts(self) -> Mapping[str, Any]:
        """Return the discovery document.

        Raises:
            FetchFailed: it cannot be had, or is another provider's.
        """
        known = self._facts
        # One asks; the others go on with what there is, or wait where there is nothing.
        if not self._lock.acquire(blocking=not known):
            return known
        try:
            age = time.monotonic() - self._asked_at
            if self._failure and age < PAUSE_SECONDS:
                # Nobody waits again for a provider that has just not answered.
                raise FetchFailed(self._failure)
            if not self._facts or age > REFRESH_SECONDS:
                self._refresh()
            return self._facts
        finally:
            self._lock.release()

    def begin(self, redirect_url: str, state: str, nonce: str, verifier: str) -> str:
        """Return the URL at the provider where a visitor logs in.

        Raises:
            ProviderFailed: the provider cannot be used now.
        """
        facts = self._facts_or_fail()
        with self._session(facts, redirect_url) as session:
            url, _ = session.create_authorization_url(
                facts["authorization_endpoint"],
                state=state,
                nonce=nonce,
                code_verifier=verifier,
            )
        return str(url)

    def finish(
        self, redirect_url: str, code: str, nonce: str, verifier: str
    ) -> Mapping[str, Any]:
        """Return what the provider says of the visitor who brings a code.

        Raises:
            LoginRefused: the code, or what it leads to, is not good.
            ProviderFailed: the provider cannot be used now.
        """
        facts = self._facts_or_fail()
        with self._session(facts, redirect_url) as session:
            token = self._token(session, facts, code, verifier)
            claims = self._claims(token.get("id_token"), nonce)
            if "email" in claims or "userinfo_endpoint" not in facts:
                return claims
            found = self._userinfo(session, facts, claims)
        # Both from one place: what is verified is the address that stands beside it.
        names = ("email", "email_verified")
        return {**claims, **{name: found.get(name) for name in names}}

    def check_issuer(self, issuer: str | None) -> None:
        """Refuse an answer of another provider (RFC 9207).

        Args:
            issuer: that the answer names; None for none.

        Raises:
            LoginRefused: it is another one, or must be there and is not.
            ProviderFailed: the provider cannot be used now.
        """
        name = "authorization_response_iss_parameter_supported"
        is_needed = self._facts_or_fail().get(name) is True
        if issuer != self._client.issuer and (is_needed or issuer is not None):
            raise LoginRefused(
                f"the answer is of the provider {ascii(issuer)[:100]}, not of "
                f"{self._client.issuer}"
            )

    def end_url(self) -> str:
        """Return the URL at the provider that logs a visitor out, or ""."""
        try:
            return str(self.facts().get("end_session_endpoint", ""))
        except FetchFailed as error:
            _logger.error("nobody is logged out at the provider: %s", error)
            return ""

    def _refresh(self) -> None:
        """Ask for the document; what is there stays where there is no newer one."""
        try:
            self._facts = self._discover()
            self._failure = ""
        except FetchFailed as error:
            if not self._facts:
                self._failure = str(error)
                raise
            _logger.error("%s; its addresses stay as they were", error)
        finally:
            self._asked_at = time.monotonic()

    def _discover(self) -> Mapping[str, Any]:
        facts = fetch_json(self._client.issuer.rstrip("/") + DISCOVERY)
        if facts.get("issuer") != self._client.issuer:
            raise FetchFailed(
                f"the provider calls itself {ascii(facts.get('issuer'))[:200]}, and "
                f"oidc_issuer is {self._client.issuer}: they must be the same"
            )
        for name in _NEEDED:
            if not is_safe_url(facts.get(name)):
                raise FetchFailed(
                    f"the provider's {name} is {ascii(facts.get(name))[:200]}, which "
                    "is no https URL"
                )
        return {
            name: value
            for name, value in facts.items()
            if name not in _OPTIONAL or is_safe_url(value)
        }

    def _facts_or_fail(self) -> Mapping[str, Any]:
        try:
            return self.facts()
        except FetchFailed as error:
            raise ProviderFailed(str(error)) from error

    def _session(self, facts: Mapping[str, Any], redirect_url: str) -> Any:
        client = self._client
        method = "none"
        if client.client_secret:
            known = facts.get("token_endpoint_auth_methods_supported")
            is_basic = not isinstance(known, list) or "client_secret_basic" in known
            method = "client_secret_basic" if is_basic else "client_secret_post"
        session = OAuth2Session(
            client.client_id,
            client.client_secret or None,
            token_endpoint_auth_method=method,
            scope=SCOPE,
            redirect_uri=redirect_url,
            code_challenge_method="S256",
        )
        # A secret goes with the request: it must lead nowhere else.
        session.max_redirects = 0
        bound(session)
        return session

    def _token(
        self, session: Any, facts: Mapping[str, Any], code: str, verifier: str
    ) -> Mapping[str, Any]:
        try:
            token = session.fetch_token(
                facts["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=verifier,
            )
        except requests.HTTPError as error:
            if error.response is not None and error.response.status_code >= _SERVERS:
                raise ProviderFailed(ascii(str(error))[:300]) from error
            raise _refusal(_error_of(error.response), str(error)) from error
        # What Authlib raises for an answer that is no JSON object. The first is a
        # requests.RequestException too, in newer releases.
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ProviderFailed("the provider's token is no JSON object") from error
        except requests.RequestException as error:
            raise ProviderFailed(
                f"{facts['token_endpoint']} cannot be reached: {reason_of(error)}"
            ) from error
        except AuthlibBaseError as error:
            raise _refusal(error.error, str(error)) from error
        if not isinstance(token, dict):
            raise ProviderFailed("the provider's token is no JSON object")
        return token

    def _claims(self, token: object, nonce: str) -> Mapping[str, Any]:
        if not isinstance(token, str):
            raise ProviderFailed("the provider sends no id_token")
        try:
            claims = self._verifier.claims(token)
        except AssertionRefused as error:
            raise LoginRefused(
                f"the provider's id_token is refused: {error}"
            ) from error
        except KeysUnavailable as error:
            raise ProviderFailed(str(error)) from error
        sent = claims.get("nonce")
        if not isinstance(sent, str) or not hmac.compare_digest(
            sent.encode("utf-8", "backslashreplace"), nonce.encode("ascii")
        ):
            raise LoginRefused("the provider's id_token was made for another login")
        audience = claims.get("aud")
        party = claims.get("azp")
        is_for_several = isinstance(audience, list) and len(audience) > 1
        if (party is not None or is_for_several) and party != self._client.client_id:
            raise LoginRefused(
                f"the provider's id_token is for {ascii(party)[:100]} to use"
            )
        if not isinstance(claims.get("sub"), str):
            raise LoginRefused("the provider's id_token does not say for whom it is")
        return claims

    def _userinfo(
        self, session: Any, facts: Mapping[str, Any], claims: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        url = facts["userinfo_endpoint"]
        try:
            answer = session.get(url, allow_redirects=False)
            answer.raise_for_status()
            found = answer.json()
        except _NO_ANSWER as error:
            raise ProviderFailed(
                f"{url} does not say who it is: {reason_of(error)}"
            ) from error
        if not isinstance(found, dict) or found.get("sub") != claims["sub"]:
            raise LoginRefused("the provider's userinfo is somebody else's")
        return found


def _error_of(answer: requests.Response | None) -> str:
    """Return the error that a provider names (RFC 6749 5.2), or ""."""
    try:
        document = answer.json() if answer is not None else None
    except ValueError:
        return ""
    return str(document.get("error", "")) if isinstance(document, dict) else ""


def _refusal(name: object, text: str) -> LoginRefused | ProviderFailed:
    """Return what is wrong when the provider gives no token.

    Args:
        name: the error that it names.
        text: what it says, from outside.
    """
    sentence = f"the provider refuses the code: {ascii(name)[:60]}, {ascii(text)[:200]}"
    if name in ("invalid_client", "unauthorized_client"):
        return ProviderFailed(
            f"{sentence}; look at oidc_client_id and the client secret"
        )
    return LoginRefused(sentence)
