"""The login cookie: the original's value, with a signature behind it.

The original's value, `email:True:user_id`, could be written by anyone: D8 of
docs/explanation/differences.md.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, unquote

from itsdangerous import BadSignature, Signer

from channelshim.contracts.identity import User

MAXIMUM_COOKIE_LENGTH: Final = 1024

_SALT: Final = b"channelshim login cookie"
_VALUE: Final = re.compile(r"([^:]+):(True|False):(\d{1,32})")


class CookieSigner:
    """Writes and reads the cookie's value.

    Args:
        secrets: oldest first; the last signs, all verify.
    """

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._signer = Signer(
            list(secrets),
            salt=_SALT,
            sep=":",
            key_derivation="hmac",
            digest_method=hashlib.sha256,
        )

    def sign(self, email: str, is_admin: bool, user_id: str) -> str:
        """Return the value: ASCII without quotes, semicolons, commas or spaces."""
        value = f"{quote(email, safe='@')}:{is_admin}:{user_id}"
        return self._signer.sign(value).decode("ascii")

    def read(self, value: str) -> User | None:
        """Return who the value names, or None for nobody.

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
        return User(email, match[2] == "True", match[3])
