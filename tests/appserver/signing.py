"""Keys that sign tokens for the tests, well and badly."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

_ALGORITHMS = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}


class Signing:
    """A key pair.

    Args:
        kind: RSA, EC or OKP.
    """

    def __init__(self, kind: str = "EC") -> None:
        self.number = uuid.uuid4().hex
        self.algorithm = _ALGORITHMS[kind]
        parameters: Any = {"kid": self.number, "use": "sig"}
        if kind == "RSA":
            self._key: Any = RSAKey.generate_key(2048, parameters)
        elif kind == "EC":
            self._key = ECKey.generate_key("P-256", parameters)
        else:
            self._key = OKPKey.generate_key("Ed25519", parameters)

    def public(self) -> dict[str, Any]:
        """Return the public key as a JWK."""
        found: dict[str, Any] = {**self._key.as_dict(private=False), "use": "sig"}
        return found

    def public_pem(self) -> bytes:
        """Return the public key in PEM."""
        text: bytes = self._key.as_pem(private=False)
        return text

    def private_pem(self) -> bytes:
        """Return the private key in PEM."""
        text: bytes = self._key.as_pem(private=True)
        return text

    def write(self, path: Path, *others: Signing) -> None:
        """Write a JWK set."""
        keys = [each.public() for each in (self, *others)]
        path.write_text(json.dumps({"keys": keys}), "utf-8")

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """Return a token."""
        full = {"alg": self.algorithm, "kid": self.number, **header}
        return jwt.encode(full, claims, self._key, algorithms=[self.algorithm])

    def unsigned(self, claims: dict[str, Any]) -> str:
        """Return a token that says that it needs no signature."""
        return f"{_part({'alg': 'none', 'kid': self.number})}.{_part(claims)}."

    def signed_with_the_public_key(self, claims: dict[str, Any]) -> str:
        """Return a token that takes the public key for a shared secret."""
        text = f"{_part({'alg': 'HS256', 'kid': self.number})}.{_part(claims)}"
        digest = hmac.new(self.public_pem(), text.encode(), hashlib.sha256).digest()
        return f"{text}.{_base64(digest)}"

    def with_a_key_of_its_own(self, claims: dict[str, Any]) -> str:
        """Return a token of another key, which it brings along."""
        other = Signing()
        other.number = self.number
        return other.sign(claims, jwk=other.public())


def _part(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
