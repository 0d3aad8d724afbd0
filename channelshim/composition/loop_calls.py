"""Calls that all run in one thread: the main one at first, then that of the loop."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable

from channelshim.server.pipe_pool import CallSoon


class LoopCalls:
    """Calls from any thread that run one after the other, so that none needs a lock.

    Until `start` they wait, and the main thread runs them by `run_next`.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._call_soon: CallSoon | None = None
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        # So that nothing is put into the queue once the loop has emptied it.
        self._turn = threading.Lock()

    @property
    def is_on_loop(self) -> bool:
        """Whether the loop runs them now."""
        return self._loop is not None

    def run_next(self) -> None:
        """Wait for a call and run it; before `start`, in the main thread."""
        self._waiting.get()()

    def start(self, loop: asyncio.AbstractEventLoop, call_soon: CallSoon) -> None:
        """Run what waits, and from now on all on this loop; in its thread.

        Args:
            loop: the running one.
            call_soon: has a function called on it, from any thread.
        """
        self._loop = loop
        with self._turn:
            self._call_soon = call_soon
        while not self._waiting.empty():
            self._waiting.get()()

    def post(self, function: Callable[[], None]) -> None:
        """Have a function called. Any thread."""
        with self._turn:
            call_soon = self._call_soon
            if call_soon is None:
                self._waiting.put(function)
                return
        # A loop that is closed has nothing left to decide.
        with contextlib.suppress(RuntimeError):
            call_soon(function)

    def later(self, seconds: float, function: Callable[[], None]) -> None:
        """Have a function called after a while; at once before `start`.

        From within a call.
        """
        if self._loop is not None:
            self._loop.call_later(seconds, function)
        else:
            # While another one loads the app: nobody waits for this one.
            self._waiting.put(function)
