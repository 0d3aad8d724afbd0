"""logging: files that an app names, and messages of bytes."""

from __future__ import annotations

import logging
from typing import Any

from channelshim.python27.strings import to_text

__all__ = ["_levelNames", "getLogger", "_acquireLock", "_releaseLock"]

_levelNames: dict[Any, Any] = {**logging._levelToName, **logging._nameToLevel}


def _acquireLock() -> None:
    """Keep other threads from changing loggers; Python 3.13 dropped the name."""
    logging._lock.acquire()  # type: ignore[attr-defined]


def _releaseLock() -> None:
    """Let other threads change loggers."""
    logging._lock.release()  # type: ignore[attr-defined]


def getLogger(name: Any = None) -> logging.Logger:
    """Return a logger by a name of either kind of string."""
    return logging.getLogger(to_text(name) if isinstance(name, bytes) else name)
