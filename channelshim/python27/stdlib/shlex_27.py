"""shlex: lines of either kind of string."""

from __future__ import annotations

import shlex as real
from typing import Any

from channelshim.python27.stdlib.wrapping import text_of

__all__ = ["split", "shlex"]


def split(s: Any, comments: Any = False, posix: Any = True) -> list[Any]:
    """Return a shell's words."""
    import sys

    return real.split(sys.stdin.read() if s is None else text_of(s), comments, posix)


class shlex(real.shlex):
    """Reads a shell's words."""

    def __init__(
        self, instream: Any = None, infile: Any = None, posix: Any = False
    ) -> None:
        super().__init__(text_of(instream), infile, posix)

    def next(self) -> Any:
        """Return the next word."""
        return self.__next__()
