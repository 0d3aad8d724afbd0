"""sha: SHA-1 under its first name."""

from __future__ import annotations

from collections.abc import Callable

from channelshim.python27.stdlib.hashlib_27 import Hash, sha1

__all__ = ["new", "sha", "blocksize", "digest_size", "digestsize"]

new: Callable[..., Hash] = sha1
sha: Callable[..., Hash] = sha1
blocksize = 1
digest_size = digestsize = 20
