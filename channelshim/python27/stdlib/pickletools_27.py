"""pickletools: pickles of either kind of string."""

from __future__ import annotations

import pickletools
from typing import Any

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.strings import STRINGS, native, to_bytes

__all__ = ["genops", "dis", "optimize"]


def _source(pickle: Any) -> Any:
    return to_bytes(pickle) if isinstance(pickle, STRINGS) else plain_file(pickle)


class _Code:
    """An opcode whose letter is a string of an app."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.code = native(real.code.encode("latin-1"))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def genops(pickle: Any) -> Any:
    """Yield opcode, argument and place of each step."""
    for code, argument, place in pickletools.genops(_source(pickle)):
        yield _Code(code), argument, place


def dis(pickle: Any, out: Any = None, memo: Any = None, indentlevel: int = 4) -> None:
    """Write a pickle, step by step."""
    pickletools.dis(_source(pickle), out, memo, indentlevel)


def optimize(p: Any) -> Any:
    """Return a pickle without what it does not need."""
    return native(pickletools.optimize(to_bytes(p)))
