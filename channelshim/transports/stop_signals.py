"""Hears of a stop before the WSGI server that handles it.

A server that is told to stop waits for the requests in hand, and a poll may be held for
25 seconds. No server tells its application, so the signal handlers that are there are
wrapped: ours ends the polls, and calls the one that was there.

Handlers that a server installs later win; then it waits as it would for any request.
"""

from __future__ import annotations

import signal
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final, Protocol

STOP_SECONDS: Final = 10.0
"""How long SIGTERM waits for requests in hand."""

INTERRUPT_SECONDS: Final = 0.5
"""How long Ctrl-C waits for them."""

_NAMES = ("SIGINT", "SIGTERM", "SIGQUIT")
"""Ctrl-C, the usual stop, and what gunicorn sends its workers for Ctrl-C."""


class Stoppable(Protocol):
    """Wants to know of a stop."""

    def note_stop(self) -> None:
        """Called in a signal handler: may not wait for anything."""


_listeners: weakref.WeakSet[Stoppable] = weakref.WeakSet()


class _Handler:
    """Tells the listeners, then whoever handled the signal before."""

    def __init__(self, previous: Callable[..., Any]) -> None:
        self._previous = previous

    def __call__(self, number: int, frame: Any) -> Any:
        for listener in list(_listeners):
            listener.note_stop()
        return self._previous(number, frame)


def listen(listener: Stoppable) -> None:
    """Have listener told of each stop while it lives.

    Signals that end the process at once, or that are ignored, stay as they are. Does
    nothing outside of the main thread, where Python lets nobody handle signals.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    _listeners.add(listener)
    for name in _NAMES:
        number = getattr(signal, name, None)
        previous = None if number is None else signal.getsignal(number)
        if number is not None and callable(previous):
            if not isinstance(previous, _Handler):
                signal.signal(number, _Handler(previous))
