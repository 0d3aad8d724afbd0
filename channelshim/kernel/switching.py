"""How soon the thread that runs is interrupted for another one, wished by several.

The interpreter has one such interval for all threads. Whoever changes it for a moment
and sets it back to what was there before would set it for ever to somebody else's wish,
when two do so at once. So wishes are kept here: the shortest one holds, and after the
last one what was there before the first.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Final

_lock: Final = threading.Lock()
# Guarded by the lock, as is the interval between the first wish and the last.
_wishes: Final[list[float]] = []
_usual = 0.0


@contextlib.contextmanager
def switch_interval(seconds: float, *, is_least: bool = False) -> Iterator[None]:
    """Wish for a sys.setswitchinterval while a `with` block lasts. Any thread.

    Args:
        seconds: of the interval.
        is_least: whether one that is longer by itself is as good.
    """
    wish = _add(seconds, is_least=is_least)
    try:
        yield
    finally:
        _remove(wish)


def _add(seconds: float, *, is_least: bool) -> float:
    global _usual
    with _lock:
        if not _wishes:
            _usual = sys.getswitchinterval()
        wish = max(seconds, _usual) if is_least else seconds
        _wishes.append(wish)
        sys.setswitchinterval(min(_wishes))
    return wish


def _remove(wish: float) -> None:
    with _lock:
        _wishes.remove(wish)
        sys.setswitchinterval(min(_wishes, default=_usual))
