"""Whoever sends more than is read at once has it read in turns, a few at a time.

Theory. A peer that sends without end keeps a loop busy without end, however short each
of its turns is, and so do many such peers. A loop that never rests is one that the
system lets wait for others, and the threads beside it, which run the app, wait for the
interpreter. So turns are taken AT_ONCE at a time, whoever waits for one, with a rest
before each such pass: turns take a bounded share of the loop's time, however many peers
send. What one read brings of a body and is parsed at once needs no turn: the kernel's
rounds are its bound. Turns come in the order in which they were asked for, so each
peer has one before another has its second.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

REST_SECONDS: Final = 0.001
"""Before each pass: the shortest time that uvloop knows. It takes one to two."""

AT_ONCE: Final = 4
"""Turns of a pass. Of bodies, whose turns are the longest in bytes, 256 KiB: more than
a line of 1 Gbit/s brings meanwhile."""


class Turns:
    """Shares out turns to those who wait for one. Loop thread."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        # Whether a pass is due.
        self._is_due = False

    def wait(self, turn: Callable[[], None]) -> None:
        """Have turn called, once it is its turn.

        Args:
            turn: may wait for another one. It is called even if its connection is gone.
        """
        self._waiting.append(turn)
        self._arrange()

    def _arrange(self) -> None:
        if self._waiting and not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_later(REST_SECONDS, self._pass)

    def _pass(self) -> None:
        try:
            for _ in range(AT_ONCE):
                if not self._waiting:
                    break
                self._waiting.popleft()()
        finally:
            # One that fails holds up nobody.
            self._is_due = False
            self._arrange()
