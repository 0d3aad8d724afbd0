"""hashlib: text is hashed as UTF-8, a digest is a string of bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

from channelshim.python27.strings import NativeStr, to_bytes, to_text

__all__ = [
    *("new", "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "pbkdf2_hmac"),
    *("algorithms", "Hash"),
]

algorithms: Final = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")


class Hash:
    """A hash in the making."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.name: str = real.name
        self.digest_size: int = real.digest_size
        self.digestsize: int = real.digest_size
        self.block_size: int = real.block_size

    def update(self, string: Any) -> None:
        """Hash more."""
        self._real.update(_hashed(string))

    def digest(self) -> NativeStr:
        """Return the hash as bytes."""
        return NativeStr(self._real.digest())

    def hexdigest(self) -> str:
        """Return the hash as text."""
        return str(self._real.hexdigest())

    def copy(self) -> Hash:
        """Return another one that has hashed as much."""
        return Hash(self._real.copy())

    def __repr__(self) -> str:
        return f"<{self.name} HASH object @ {id(self):#x}>"


def _hashed(string: Any) -> bytes:
    try:
        return to_bytes(string)
    except TypeError:
        kind = type(string).__name__
        raise TypeError(f"must be string or buffer, not {kind}") from None


def new(name: Any, string: Any = "") -> Hash:
    """Begin a hash by the name of its kind."""
    return Hash(hashlib.new(to_text(name), _hashed(string), usedforsecurity=False))


def _kind(name: str) -> Callable[..., Hash]:
    def function(string: Any = "") -> Hash:
        return new(name, string)

    function.__name__ = f"openssl_{name}"
    return function


md5: Callable[..., Hash] = _kind("md5")
sha1: Callable[..., Hash] = _kind("sha1")
sha224: Callable[..., Hash] = _kind("sha224")
sha256: Callable[..., Hash] = _kind("sha256")
sha384: Callable[..., Hash] = _kind("sha384")
sha512: Callable[..., Hash] = _kind("sha512")


def pbkdf2_hmac(
    hash_name: Any, password: Any, salt: Any, iterations: int, dklen: Any = None
) -> NativeStr:
    """Derive a key from a password."""
    return NativeStr(
        hashlib.pbkdf2_hmac(
            to_text(hash_name), to_bytes(password), to_bytes(salt), iterations, dklen
        )
    )
