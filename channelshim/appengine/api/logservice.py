"""google.appengine.api.logservice: importable; the log is the terminal's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

LOG_LEVEL_DEBUG = 0
LOG_LEVEL_INFO = 1
LOG_LEVEL_WARNING = 2
LOG_LEVEL_ERROR = 3
LOG_LEVEL_CRITICAL = 4

AUTOFLUSH_ENABLED = True
AUTOFLUSH_EVERY_SECONDS = 60
AUTOFLUSH_EVERY_BYTES = 4096
AUTOFLUSH_EVERY_LINES = 50
MAX_ITEMS_PER_FETCH = 1000


class Error(Exception):
    """The base of the errors of this module."""


class InvalidArgumentError(Error):
    """An argument is not valid."""


class TimeoutError(Error):
    """Reading took too long."""


def fetch(**options: Any) -> Iterator[Any]:
    """Return the logs of earlier requests: none are kept."""
    return iter(())


def flush() -> None:
    """Write what is waiting: nothing ever does."""


def clear() -> None:
    """Forget what is waiting."""


def autoflush() -> None:
    """Write what is waiting if it is much."""


def log_buffer_contents() -> str:
    """Return what is waiting to be written."""
    return ""


def logs_buffer() -> None:
    """Return the buffer: there is none."""
