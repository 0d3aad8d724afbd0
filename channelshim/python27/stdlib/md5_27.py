"""md5: the hash under its first name."""

from __future__ import annotations

from collections.abc import Callable

from channelshim.python27.stdlib.hashlib_27 import Hash, md5

__all__ = ["new", "md5", "blocksize", "digest_size", "MD5Type"]

new: Callable[..., Hash] = md5
blocksize = 1
digest_size = 16
MD5Type = Hash
