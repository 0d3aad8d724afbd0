"""Calls onto the loop from the threads that run the app.

The loop's own `call_soon_threadsafe` makes the loop take the interpreter twice: once
to hear of the call and once to make it. Where handlers compute, each time is a wait for
all of them in turn. A descriptor that the loop watches takes it once.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import sys
import weakref
from collections import deque
from collections.abc import Callable
from typing import Final

_logger: Final = logging.getLogger("channelshim.kernel")

_ONE = (1).to_bytes(8, sys.byteorder)


class Wakeups:
    """Makes calls on a loop, from any thread; all that come together in one wake-up.

    Args:
        loop: where the calls are made. Loop thread only, as is `close`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[Callable[[], object]] = deque()
        self._is_signalled = False
        self._is_watched = False
        if sys.platform == "linux":
            self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            # A handler keeps the interpreter meanwhile: to ask for it back would wait
            # for all others.
            library = ctypes.PyDLL(None)
            self._write, self._read = library.write, library.read
            self._received = ctypes.create_string_buffer(8)
            # Not closed before the last thread that may write to it lets go of this:
            # its number could be somebody else's by then.
            weakref.finalize(self, os.close, self._descriptor)
            loop.add_reader(self._descriptor, self._hear)
            self._is_watched = True

    def call(self, function: Callable[[], object]) -> None:
        """Have function called soon, after those that were given before.

        Raises:
            RuntimeError: the loop is closed.
        """
        self._calls.append(function)
        if self._is_watched and not self._is_signalled:
            self._is_signalled = True
            self._write(self._descriptor, _ONE, 8)
        # Looked at last: `close` clears it before it makes what is left.
        if not self._is_watched:
            self._loop.call_soon_threadsafe(self._make)

    def _hear(self) -> None:
        self._read(self._descriptor, self._received, 8)
        # Cleared before anything is taken: what comes later signals again.
        self._is_signalled = False
        self._make()

    def _make(self) -> None:
        calls = self._calls
        for _ in range(len(calls)):
            try:
                calls.popleft()()
            except BaseException:
                # Raised further, SystemExit would end the loop and the server.
                _logger.exception("a call from another thread failed")

    def close(self) -> None:
        """Make the calls that are left; later ones go through the loop itself."""
        if self._is_watched:
            self._is_watched = False
            self._loop.remove_reader(self._descriptor)
            self._make()
