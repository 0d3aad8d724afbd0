"""The login cookie: the original's value, then an end, a number and a signature.

The original's value, `email:True:user_id`, could be written by anyone, and was good for
ever: D8 of docs/explanation/differences.md.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from itsdangerous import BadSignature, Signer

from channelshim.contracts.identity import User

MAXIMUM_COOKIE_LENGTH: Final = 1024

_SALT: Final = b"channelshim login cookie"
_VALUE: Final = re.compile(
    r"([^:]+):(True|False):(\d{1,32}):(\d{1,12}):([0-9a-f]{1,64})", re.A
)


@dataclass(frozen=True, slots=True)
class CookieClaims:
    """What a login cookie says.

    Attributes:
        user: who has logged in.
        expires_at: Unix seconds; good while this is later than now.
        number: random, hexadecimal, in lower case: tells this login from others.
    """

    user: User
    expires_at: int
    number: str


class CookieSigner:
    """Writes and reads the cookie's value.

    Args:
        secrets: oldest first; the last signs, all verify.
        application_id: whose logins; those of another app are not believed, whatever
            signs there.
        login: which way to log in; logins of another are not believed: the development
            login lets anybody be anybody. "" for the development login.
    """

    def __init__(
        self, secrets: Sequence[bytes], application_id: str = "", login: str = ""
    ) -> None:
        salt = _SALT + b"\0" + application_id.encode("utf-8")
        if login:
            salt += b"\0" + login.encode("ascii")
        self._signer = Signer(
            list(secrets),
            salt=salt,
            sep=":",
            key_derivation="hmac",
            digest_method=hashlib.sha256,
        )

    def sign(self, claims: CookieClaims) -> str:
        """Return the value: ASCII without quotes, semicolons, commas or spaces."""
        user = claims.user
        email = quote(user.email, safe="@")
        value = f"{email}:{user.is_admin}:{user.user_id}"
        end = f"{claims.expires_at}:{claims.number}"
        return self._signer.sign(f"{value}:{end}").decode("ascii")

    def read(self, value: str) -> CookieClaims | None:
        """Return what the value says, or None for one that is not ours.

        Its end is for the caller to look at.

        Args:
            value: from outside; anything.
        """
        if len(value) > MAXIMUM_COOKIE_LENGTH or not value.isascii():
            return None
        try:
            text = self._signer.unsign(value).decode("ascii")
        except BadSignature:
            return None
        match = _VALUE.fullmatch(text)
        email = unquote(match[1]) if match else ""
        if match is None or "@" not in email:
            return None
        user = User(email, match[2] == "True", match[3])
        return CookieClaims(user, int(match[4]), match[5])
