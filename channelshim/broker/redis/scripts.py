"""The functions that run inside Redis: one file of Lua each, behind shared.lua."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Final

NAMES: Final = (
    "attach",
    "describe",
    "expect",
    "ids",
    "join",
    "leave",
    "publish",
    "release",
    "renew",
    "replay",
    "telling",
    "tells",
    "told",
)


@dataclass(frozen=True, slots=True)
class Script:
    """One function.

    Attributes:
        name: of its file.
        source: shared.lua and the file.
        digest: by which Redis knows it: SHA-1, in hexadecimal.
    """

    name: str
    source: bytes
    digest: bytes


CACHE_NAMES: Final = (
    "cache_delete",
    "cache_get",
    "cache_increment",
    "cache_store",
    "cache_time",
)
"""Those of memcache."""


@functools.cache
def load() -> dict[str, Script]:
    """Return every function by its name."""
    shared = _read("shared")
    return {name: _script(name, shared + _read(name)) for name in NAMES}


@functools.cache
def load_cache() -> dict[str, Script]:
    """Return every function of memcache by its name."""
    shared = _read("cache")
    return {name: _script(name, shared + _read(name)) for name in CACHE_NAMES}


@functools.cache
def load_examination() -> Script:
    """Return the function that tries what the others use."""
    return _script("examine", _read("examine"))


def _script(name: str, source: bytes) -> Script:
    digest = hashlib.sha1(source, usedforsecurity=False).hexdigest()
    return Script(name, source, digest.encode("ascii"))


def _read(name: str) -> bytes:
    return (resources.files(__package__) / "lua" / f"{name}.lua").read_bytes()
