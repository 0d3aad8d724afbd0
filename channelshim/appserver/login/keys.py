"""Public keys that others sign with: from a file, or from a URL that is asked again."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from cryptography.x509 import load_pem_x509_certificate
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from channelshim.appserver.login.fetching import FetchFailed, fetch_json
from channelshim.errors import ConfigurationError

_logger: Final = logging.getLogger("channelshim.login")

_KINDS: Final = ("RSA", "EC", "OKP")
"""Of key pairs. A shared secret ("oct") has no business in a set of public keys."""

REFRESH_SECONDS: Final = 3600
"""After this time keys are asked for again, so that one that was withdrawn goes."""

PAUSE_SECONDS: Final = 60
"""Between two questions at least: anybody can send the name of an unknown key."""

RETRY_SECONDS: Final = 10
"""The same while there are no keys, and nobody can log in."""


class KeysUnavailable(Exception):
    """There are no keys now; the text is a sentence for the operator's log."""


class Keys:
    """The keys of one signer.

    A key that is not there has them asked for again, so that a signer can change its
    keys; while they cannot be had, those that were there stay.

    Args:
        load: returns a JWK set, or raises FetchFailed.
        monotonic: seconds.
    """

    def __init__(
        self,
        load: Callable[[], Mapping[str, Any]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._keys: Sequence[Any] = ()
        self._asked_at = float("-inf")

    def find(self, number: str) -> Sequence[Any]:
        """Return the keys that may have signed: that of a number, or all without one.

        Args:
            number: the `kid` of a token; "" for none.

        Raises:
            KeysUnavailable: there are none, and they cannot be had.
        """
        found = _named(self._keys, number)
        asked_at = self._asked_at
        if self._monotonic() - asked_at > self._pause(is_found=bool(found)):
            self._refresh(asked_at)
            found = _named(self._keys, number)
        if not self._keys:
            raise KeysUnavailable("the keys that sign logins cannot be had")
        return found

    def _pause(self, *, is_found: bool) -> float:
        """Return the seconds between two questions."""
        if not self._keys:
            return RETRY_SECONDS
        return REFRESH_SECONDS if is_found else PAUSE_SECONDS

    def _refresh(self, asked_at: float) -> None:
        """Ask for the keys, unless another thread has since asked_at."""
        # One asks; the others go on with what there is, or wait where there is nothing.
        if not self._lock.acquire(blocking=not self._keys):
            return
        try:
            if self._asked_at == asked_at:
                self._ask()
        finally:
            self._lock.release()

    def _ask(self) -> None:
        try:
            self._keys = keys_of(self._load()) or self._keys
        except FetchFailed as error:
            _logger.error("the keys that sign logins cannot be had: %s", error)
        finally:
            self._asked_at = self._monotonic()


def _named(keys: Sequence[Any], number: str) -> Sequence[Any]:
    if not number:
        return keys
    # A key without a number may be any: one from a file in PEM has none.
    return [key for key in keys if key.kid in (number, None)]


def keys_of(document: Mapping[str, Any]) -> Sequence[Any]:
    """Return the public keys of a JWK set; what cannot be used is left out."""
    keys = []
    entries = document.get("keys")
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or entry.get("kty") not in _KINDS:
            continue
        if entry.get("use", "sig") != "sig":
            continue
        try:
            keys.append(JWKRegistry.import_key(entry))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return keys


def keys_at(url: str) -> Keys:
    """Return the keys at a URL, asked for at the first login."""
    return Keys(lambda: fetch_json(url))


def keys_in(path: Path) -> Keys:
    """Return the keys in a file, read now and when it changes.

    Raises:
        ConfigurationError: the file cannot be read, or has no key.
    """
    return FileKeys(path, _keys_of_file(path))


class FileKeys(Keys):
    """The keys of a file, read again when it has changed.

    Args:
        path: of the file.
        keys: as read.
    """

    def __init__(self, path: Path, keys: Sequence[Any]) -> None:
        super().__init__(lambda: {})
        self._path = path
        self._keys = keys
        self._asked_at = float("inf")
        self._stamp = _stamp(path)

    def find(self, number: str) -> Sequence[Any]:
        """See Keys.find."""
        stamp = _stamp(self._path)
        if stamp not in (self._stamp, None):
            self._stamp = stamp
            try:
                self._keys = _keys_of_file(self._path)
            except ConfigurationError as error:
                _logger.error("%s; the keys stay as they were", error)
        return _named(self._keys, number)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_ino


def _keys_of_file(path: Path) -> Sequence[Any]:
    keys = _read(path)
    if not keys:
        raise ConfigurationError(
            f"login_assertion_keys_file {path} has no public key: it must be a JWK "
            "set, or a key in PEM"
        )
    return keys


def _read(path: Path) -> Sequence[Any]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"login_assertion_keys_file {path} cannot be read: {error}"
        ) from None
    if "-----BEGIN" in text:
        return _of_pem(text)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    return keys_of(document) if isinstance(document, dict) else ()


def _of_pem(text: str) -> Sequence[Any]:
    if "PRIVATE KEY-----" in text:
        # Whoever could read it could sign.
        raise ConfigurationError(
            "login_assertion_keys_file holds a private key: write the public one there "
            "(openssl pkey -pubout)"
        )
    try:
        if "-----BEGIN CERTIFICATE" in text:
            public: Any = load_pem_x509_certificate(text.encode()).public_key()
        else:
            public = load_pem_public_key(text.encode())
        plain = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        kinds = {RSAPublicKey: "RSA", EllipticCurvePublicKey: "EC"}
        for known, kind in kinds.items():
            if isinstance(public, known):
                return [JWKRegistry.import_key(plain, kind)]
        return [JWKRegistry.import_key(plain, "OKP")]
    except (UnsupportedAlgorithm, JoseError, ValueError, TypeError, KeyError):
        return ()
