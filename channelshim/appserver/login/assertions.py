"""Signed assertions: a JWT that says who somebody is, for one audience, for a while.

What is looked at, in this order: the algorithm, asymmetric ones alone, so that no
public key is taken for a shared secret and `none` is nothing; the signature, by keys
that the verifier has, never by one that the token brings; issuer and audience; the
times.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError

from channelshim.appserver.login.keys import Keys

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)

LEEWAY_SECONDS: Final = 60
"""How far two clocks may be apart, as most verifiers allow."""

LATEST: Final = 1 << 53
"""Unix seconds that a time may say at most."""

LONGEST: Final = 16384
"""Characters of a token. A header has as many at most."""


class AssertionRefused(Exception):
    """A token that is not believed; the text is a sentence for the operator's log."""


class Verifier:
    """Reads tokens of one signer for one audience.

    Args:
        keys: that may have signed them.
        audience: that they must name.
        issuer: that they must name; "" for any.
        clock: Unix seconds.
    """

    def __init__(
        self, keys: Keys, audience: str, issuer: str, clock: Callable[[], float]
    ) -> None:
        self._keys = keys
        self._audience = audience
        self._issuer = issuer
        self._clock = clock

    def claims(self, token: str) -> Mapping[str, Any]:
        """Return what a token says.

        Args:
            token: from outside; anything.

        Raises:
            AssertionRefused: it is not to be believed, or its time is over.
            KeysUnavailable: the keys cannot be had now.
        """
        claims = self._signed(token)
        if self._issuer and claims.get("iss") != self._issuer:
            raise AssertionRefused(
                f"it was issued by {_shown(claims.get('iss'))}, not by {self._issuer}"
            )
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        if self._audience not in named:
            raise AssertionRefused(
                f"it is for {_shown(audience)}, not for {self._audience}"
            )
        self.check_times(claims)
        return claims

    def check_times(self, claims: Mapping[str, Any]) -> None:
        """Refuse claims whose time has not come, or is over.

        Raises:
            AssertionRefused: so it is; says by how much, since one of two clocks may
                be wrong.
        """
        now = self._clock()
        ends_at = _time(claims, "exp")
        if ends_at is None:
            raise AssertionRefused("it has no time at which it expires")
        if ends_at <= now - LEEWAY_SECONDS:
            raise AssertionRefused(
                f"it expired {now - ends_at:.0f} seconds ago: is this machine's clock "
                "right?"
            )
        for name in ("iat", "nbf"):
            begins_at = _time(claims, name)
            if begins_at is not None and begins_at > now + LEEWAY_SECONDS:
                raise AssertionRefused(
                    f"it is good in {begins_at - now:.0f} seconds only: is this "
                    "machine's clock right?"
                )

    def _signed(self, token: str) -> Mapping[str, Any]:
        header = _header(token)
        if header.get("alg") not in ALGORITHMS:
            raise AssertionRefused(
                f"its algorithm is {_shown(header.get('alg'))}, which is not taken"
            )
        if "crit" in header:
            raise AssertionRefused("it has an extension that is not known here")
        number = header.get("kid")
        for key in self._keys.find(number if isinstance(number, str) else ""):
            try:
                claims = jwt.decode(token, key, algorithms=list(ALGORITHMS)).claims
            # What the library raises for a key of another kind has changed.
            except (JoseError, ValueError, TypeError, KeyError):
                continue
            if isinstance(claims, dict):
                return claims
        raise AssertionRefused(
            f"none of the signer's keys has signed it (its key is {_shown(number)})"
        )


def _header(token: str) -> Mapping[str, Any]:
    if len(token) > LONGEST or not token.isascii() or token.count(".") != 2:
        raise AssertionRefused("it is no signed JWT")
    part = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise AssertionRefused("it is no signed JWT") from None
    if not isinstance(header, dict):
        raise AssertionRefused("it is no signed JWT")
    return header


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # Not a number is in no order, and would never end.
    if not is_number or not 0 <= value <= LATEST:
        raise AssertionRefused(f"its time {name} is {_shown(value)}")
    return float(value)


def _shown(value: object) -> str:
    """Return a value from outside for a log: short, on one line."""
    return ascii(value)[:100]
