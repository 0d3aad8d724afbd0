"""google.appengine.api.logservice.logservice: names of a log that nobody keeps."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, TextIO

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
LOG_BUFFERING_ENABLED = False


class Error(Exception):
    """The base of the errors of this module."""


class InvalidArgumentError(Error):
    """An argument is not valid."""


class TimeoutError(Error):
    """Reading took too long."""


class RequestLog:
    """Kept for isinstance: `fetch` returns none."""


class AppLog:
    """Kept for isinstance: `fetch` returns none."""


class LogsBuffer:
    """What waits to be written: nothing ever does."""

    def __init__(self, stream: TextIO | None = None, stderr: bool = False) -> None:
        self._stream = stream

    def stream(self) -> TextIO:
        """Return where lines are written."""
        return self._stream or sys.stderr

    def lines(self) -> int:
        """Return how many lines wait."""
        return 0

    def bytes(self) -> int:
        """Return how many bytes wait."""
        return 0

    def contents(self) -> str:
        """Return what waits."""
        return ""

    parse_logs = contents

    def write(self, line: str) -> None:
        """Write a line now."""
        self.stream().write(line)

    def flush(self) -> None:
        """Write what waits."""

    clear = close = autoflush = flush_with_record = reset = flush


_buffer = LogsBuffer()


def fetch(**options: Any) -> Iterator[RequestLog]:
    """Return the logs of earlier requests: none are kept."""
    return iter(())


def logs_buffer() -> LogsBuffer:
    """Return the buffer, in which nothing waits."""
    return _buffer


def flush(logs: LogsBuffer | None = None) -> None:
    """Write what is waiting: nothing ever does."""


def clear() -> None:
    """Forget what is waiting."""


def autoflush() -> None:
    """Write what is waiting if it is much."""


def write(message: str) -> None:
    """Write a line now."""
    _buffer.write(message)


def write_record(
    level: int, created: float, message: str, source_location: Any = None
) -> None:
    """Write a line now."""
    _buffer.write(f"{message}\n")


def log_buffer_contents() -> str:
    """Return what is waiting to be written."""
    return ""


def log_buffer_bytes() -> int:
    """Return how many bytes wait to be written."""
    return 0


def log_buffer_lines() -> int:
    """Return how many lines wait to be written."""
    return 0
