"""Passwords: how they are hashed, and what a good one is.

argon2id with the parameters of argon2-cffi, which are those of RFC 9106 for little
memory: 64 MiB and three passes. So much memory for each visitor at once would be an
attack by itself, so few are hashed at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import threading
import unicodedata
from collections.abc import Iterator
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHash, VerificationError

SHORTEST: Final = 8
"""Characters (NIST SP 800-63B 5.1.1.2)."""

LONGEST: Final = 1024
"""Characters; a passphrase has far less."""

AT_ONCE: Final = 2
"""Passwords that are hashed at the same time, 64 MiB each."""

WAITING: Final = 2
"""Passwords that wait for their turn; each holds a thread, which others need too: a
server on one core has six."""

_MARK_DIGITS: Final = 32


class TooBusy(Exception):
    """More passwords are being looked at than may wait."""


def complaint(password: str) -> str:
    """Return what is wrong with a new password, or ""."""
    if len(password) < SHORTEST:
        return f"a password must have at least {SHORTEST} characters"
    if len(password) > LONGEST:
        return f"a password must have at most {LONGEST:,} characters"
    if not password.strip():
        return "a password must have more than blanks"
    return ""


def hash_of(password: str) -> str:
    """Return a new hash of a password, with its parameters and salt."""
    return PasswordHasher().hash(_bytes_of(password))


def mark_of_hash(hashed: str) -> str:
    """Return what a session keeps of a hash: it ends with the password.

    Of a salted hash, so that nothing can be learned from it.
    """
    return hashlib.sha256(hashed.encode("utf-8")).hexdigest()[:_MARK_DIGITS]


class Verifier:
    """Compares passwords, a few at a time; for an unknown name it takes as long."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._places = threading.BoundedSemaphore(AT_ONCE + WAITING)
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._nobody = ""

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Have a place among those who wait, in a with statement.

        Raises:
            TooBusy: there is none.
        """
        if not self._places.acquire(blocking=False):
            raise TooBusy
        try:
            yield
        finally:
            self._places.release()

    def is_right(self, hashed: str | None, password: str) -> bool:
        """Return whether a password is the one of a hash.

        Args:
            hashed: None for somebody unknown: then False, after the same time.
            password: from outside; anything.
        """
        if len(password) > LONGEST:
            return False
        with self._turns:
            try:
                is_right = self._hasher.verify(
                    hashed or self._nobodys(), _bytes_of(password)
                )
            except (VerificationError, InvalidHash):
                return False
        return is_right and hashed is not None

    def new_hash(self, hashed: str, password: str) -> str:
        """Return a hash with today's parameters where that one has others, or ""."""
        if not self._hasher.check_needs_rehash(hashed):
            return ""
        with self._turns:
            return self._hasher.hash(_bytes_of(password))

    def _nobodys(self) -> str:
        with self._lock:
            self._nobody = self._nobody or self._hasher.hash(secrets.token_hex())
        return self._nobody


def _bytes_of(password: str) -> bytes:
    """Return what is hashed: the same for a letter however a keyboard makes it.

    Source: NIST SP 800-63B 5.1.1.2, NFKC.
    """
    # A lone surrogate has no UTF-8.
    normal = unicodedata.normalize("NFKC", password)
    return normal.encode("utf-8", "backslashreplace")
