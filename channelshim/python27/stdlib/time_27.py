"""time: the clock of the processor, and formats of either kind of string."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from channelshim.python27.stdlib.wrapping import with_text

__all__ = ["clock", "strftime", "strptime"]

strptime: Callable[..., time.struct_time] = with_text(time.strptime)


def clock() -> float:
    """Return the seconds that the program has computed."""
    return time.process_time()


def strftime(format: Any, t: Any = None) -> str:
    """Write a time by a format."""
    plain = with_text(time.strftime)
    return plain(format) if t is None else plain(format, tuple(t))  # type: ignore[no-any-return]
