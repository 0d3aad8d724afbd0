"""Waiting, in a thread, until what was published is safe."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

_logger: Final = logging.getLogger("channelshim.broker")

_SECONDS: Final = 15.0
"""Longer than any broker takes until it gives its back end up."""


def wait_until_safe(when_safe: Callable[[Callable[[], None]], None]) -> None:
    """Wait until what this thread has published cannot be lost any more.

    At most some seconds: a handler that has ended must not wait for ever.

    Args:
        when_safe: see contracts.Broker.
    """
    done: list[None] = []
    when_safe(lambda: done.append(None))
    if done:
        return
    safe = threading.Event()
    when_safe(safe.set)
    if not safe.wait(_SECONDS):
        _logger.error("an answer goes out before its messages are safe")
