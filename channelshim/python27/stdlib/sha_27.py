"""sha: SHA-1 under its first name."""

from __future__ import annotations

from channelshim.python27.stdlib.hashlib_27 import sha1

__all__ = ["new", "sha", "blocksize", "digest_size", "digestsize"]

new = sha = sha1
blocksize = 1
digest_size = digestsize = 20
