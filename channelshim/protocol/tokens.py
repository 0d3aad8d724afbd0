"""Channel tokens: signed, stateless, told apart as invalid or expired.

A token is the base64url text of expiry, number, nonce and client id, and an HMAC over
it. Any process that has the secrets verifies it; nothing is looked up.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from channelshim.errors import InvalidToken, TokenExpired

MAXIMUM_TOKEN_LENGTH: Final = 512
"""Characters. Ours are the id and 24 bytes in base64, a dot and 43 of signature: 418
for the longest id. Longer text is refused before any work is done on it."""

_HEAD = struct.Struct(">QQ8s")
_SIGNATURE_LENGTH: Final = 43
"""Characters of a SHA-256 in base64url."""

_SHORTEST_PAYLOAD: Final = 32
"""Characters of the head in base64url, before any client id."""

SHORTEST: Final = _SHORTEST_PAYLOAD + 1 + _SIGNATURE_LENGTH
"""Characters of a token at least."""

PATTERN: Final = re.compile(
    rf"(?<![\w-])[\w-]{{{_SHORTEST_PAYLOAD},}}\.[\w-]{{{_SIGNATURE_LENGTH}}}"
)
"""Finds what looks like a token within a longer text.

It begins where a word does: tried at every character of a long one, the search would
take the square of its length.
"""

_SALT = b"channelshim.channel-token"


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a token says.

    Attributes:
        client_id: whose channel it opens.
        expires_at: Unix seconds; valid while this is later than now.
        number: the client id's message number when the token was made.
        nonce: 8 bytes; tells tokens of one client id apart.
    """

    client_id: str
    expires_at: int
    number: int
    nonce: bytes


def expiry(now: float, minutes: int) -> int:
    """Return when a token made now for minutes ends, in Unix seconds.

    Up to a second more than asked, as with the original: case 31 of
    docs/reference/contract.md.
    """
    return int(now + minutes * 60) + 1


def client_id_bytes(client_id: str) -> bytes:
    """Return a client id as bytes; ids that were no UTF-8 come back as they were."""
    try:
        return client_id.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return client_id.encode("utf-8", "surrogatepass")


def client_id_text(raw: bytes) -> str:
    """Return the text of a client id given as bytes; distinct bytes stay distinct."""
    return raw.decode("utf-8", "surrogateescape")


def looks_like_token(text: str | bytes) -> bool:
    """Return whether text may be a token and is worth verifying; cheap.

    Anything else that passes as a client id is one, however odd.
    """
    if len(text) < SHORTEST:
        return False
    before_signature = slice(-_SIGNATURE_LENGTH - 1, -_SIGNATURE_LENGTH)
    if isinstance(text, str):
        return text[before_signature] == "."
    return text[before_signature] == b"."


class TokenSigner:
    """Makes and verifies tokens.

    Args:
        secrets: at least one, oldest first: the last one signs, all verify.
        application_id: whose tokens; those of another app are invalid, whatever signs
            there.
    """

    def __init__(self, secrets: Sequence[bytes], application_id: str = "") -> None:
        self._signer = Signer(
            list(secrets),
            salt=_SALT + b"\0" + application_id.encode("utf-8"),
            key_derivation="hmac",
            digest_method=hashlib.sha256,
        )

    def sign(self, claims: TokenClaims) -> str:
        """Return the token: at most MAXIMUM_TOKEN_LENGTH url-safe characters."""
        head = _HEAD.pack(claims.expires_at, claims.number, claims.nonce)
        payload = base64_encode(head + client_id_bytes(claims.client_id))
        return self._signer.sign(payload).decode("ascii")

    def verify(self, token: str | bytes, now: float) -> TokenClaims:
        """Return what a genuine token in its time says.

        Args:
            token: from outside, anything.
            now: Unix seconds.

        Raises:
            InvalidToken: malformed, altered, or signed with no secret of ours.
            TokenExpired: genuine, and its time is over.
        """
        claims = self._read(token)
        if claims.expires_at <= now:
            raise TokenExpired(claims.client_id, claims.expires_at)
        return claims

    def _read(self, token: str | bytes) -> TokenClaims:
        if not 0 < len(token) <= MAXIMUM_TOKEN_LENGTH:
            raise InvalidToken
        try:
            raw = token.encode("ascii") if isinstance(token, str) else token
            payload = self._signer.unsign(raw)
            signature = raw[len(payload) + 1 :]
            # base64 leaves bits unused at the end and skips foreign characters: only
            # the one spelling that we write is ours.
            if base64_encode(base64_decode(signature)) != signature:
                raise InvalidToken
            body = base64_decode(payload)
            expires_at, number, nonce = _HEAD.unpack_from(body)
        except (BadSignature, ValueError, struct.error):
            raise InvalidToken from None
        client_id = client_id_text(body[_HEAD.size :])
        return TokenClaims(client_id, expires_at, number, nonce)
