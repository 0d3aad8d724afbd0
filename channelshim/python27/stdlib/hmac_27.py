"""hmac: MD5 unless another hash is named, keys and messages of any string."""

from __future__ import annotations

import hmac
from types import ModuleType
from typing import Any

from channelshim.python27.stdlib import hashlib_27
from channelshim.python27.strings import NativeStr, to_bytes

__all__ = ["new", "HMAC", "compare_digest", "digest_size"]

digest_size = None


def _algorithm(digestmod: Any) -> Any:
    if digestmod is None:
        return "md5"
    if isinstance(digestmod, ModuleType) or not callable(digestmod):
        digestmod = getattr(digestmod, "new", digestmod)
    if not callable(digestmod):
        return digestmod
    made = digestmod()
    return made.name if isinstance(made, hashlib_27.Hash) else digestmod


class HMAC:
    """A keyed hash in the making."""

    blocksize = 64

    def __init__(self, key: Any, msg: Any = None, digestmod: Any = None) -> None:
        self._real = hmac.new(
            to_bytes(key),
            None if msg is None else to_bytes(msg),
            _algorithm(digestmod),
        )
        self.digest_size: int = self._real.digest_size

    def update(self, msg: Any) -> None:
        """Hash more."""
        self._real.update(to_bytes(msg))

    def digest(self) -> NativeStr:
        """Return the hash as bytes."""
        return NativeStr(self._real.digest())

    def hexdigest(self) -> str:
        """Return the hash as text."""
        return self._real.hexdigest()

    def copy(self) -> HMAC:
        """Return another one that has hashed as much."""
        other = self.__class__.__new__(self.__class__)
        other._real = self._real.copy()
        other.digest_size = self.digest_size
        return other


def new(key: Any, msg: Any = None, digestmod: Any = None) -> HMAC:
    """Begin a keyed hash."""
    return HMAC(key, msg, digestmod)


def compare_digest(a: Any, b: Any) -> bool:
    """Compare in a time that tells nothing."""
    return hmac.compare_digest(to_bytes(a), to_bytes(b))
