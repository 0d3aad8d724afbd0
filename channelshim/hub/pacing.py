"""Which handlers run, so that a pass can wait for those that are sending.

A handler that sends one text to a thousand ids publishes for milliseconds, and each
publish could wake the loop. A pass that waits until the handler has ended writes all of
it at once. The hub bounds the wait (Hub, pause_seconds): a wrong guess here costs time
and never a message.

Whoever runs handlers tells `Pacing` of each: `begin` and `finish` on the loop, and
`run` before and after the handler in its own thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

NEW_SECONDS: Final = 0.02
"""A handler counts as about to send for so long after its begin, where others at its
path have sent: a handler that reads from the store first sends within that time."""

_MOST_PATHS: Final = 256
"""Paths with ids in them are many; then all are forgotten and seen again."""


class Handler(Protocol):
    """What runs in a thread and may send.

    Attributes:
        path: of its address: handlers at one path do the same.
        begun: monotonic seconds of its begin.
    """

    @property
    def path(self) -> str: ...

    @property
    def begun(self) -> float: ...


class Pacing:
    """The handlers in hand, and at which paths they send.

    Args:
        new_seconds: how long a handler that has begun counts as about to send.
    """

    def __init__(self, *, new_seconds: float = NEW_SECONDS) -> None:
        self._new_seconds = new_seconds
        self._in_hand: set[Handler] = set()
        # Those that have ended, and whose answers wait for something.
        self._answering: set[Handler] = set()
        self._threads = threading.local()
        self._sending_paths: set[str] = set()
        self._on_finished: Callable[[], None] = _ignore

    @property
    def count(self) -> int:
        """Return how many handlers have begun and not finished."""
        return len(self._in_hand) + len(self._answering)

    def oldest_path(self) -> str:
        """Return the path of the handler that has begun first, "" for none.

        Loop thread.
        """
        oldest = min(self._in_hand, key=lambda handler: handler.begun, default=None)
        return "" if oldest is None else oldest.path

    def subscribe(self, on_finished: Callable[[], None]) -> None:
        """Have on_finished called, on the loop, whenever a handler has finished."""
        self._on_finished = on_finished

    # --- Told by whoever runs handlers --------------------------------------------

    def begin(self, handler: Handler) -> None:
        """Note that a handler is handed to a thread. Loop thread."""
        self._in_hand.add(handler)

    def finish(self, handler: Handler) -> None:
        """Note that a handler's answer is there. Loop thread. Idempotent."""
        self._in_hand.discard(handler)
        if self._answering:
            self._answering.discard(handler)
        self._on_finished()

    def hold(self, handler: Handler) -> None:
        """Note that a handler has ended and its answer waits. Loop thread.

        What it has sent may be what the answer waits for: nobody waits for more of it.
        """
        self._in_hand.discard(handler)
        self._answering.add(handler)
        self._on_finished()

    def run(self, handler: Handler | None) -> None:
        """Count what this thread sends from now on as the handler's.

        Args:
            handler: None when it has ended.
        """
        self._threads.handler = handler

    # --- Asked by the hub ---------------------------------------------------------

    def current(self) -> Handler | None:
        """Return the handler that this thread runs, which sends; None for no handler.

        Any thread.
        """
        handler: Handler | None = getattr(self._threads, "handler", None)
        if handler is not None and handler.path not in self._sending_paths:
            if len(self._sending_paths) >= _MOST_PATHS:
                self._sending_paths.clear()
            self._sending_paths.add(handler.path)
        return handler

    def is_sending(self, handler: Handler | None) -> bool:
        """Return whether that handler still runs, or others are about to send.

        Those that have only just begun, at a path where others have sent. Loop thread.
        """
        if handler is None or handler in self._in_hand:
            return handler is not None
        latest = time.monotonic() - self._new_seconds
        return any(
            other.begun > latest and other.path in self._sending_paths
            for other in self._in_hand
        )


def _ignore() -> None:
    """Stand in until the hub subscribes."""
