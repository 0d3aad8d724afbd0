"""The latest lines of the log, kept for whoever looks at them in a browser.

Filled by the handler that writes the log, where it writes: a request costs nothing more
before its line is written. Until somebody looks for the first time only warnings and
errors are kept.
"""

from __future__ import annotations

import logging
import re
import threading
import traceback
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Final

from channelshim.contracts.logs import LoggedRequest, LogLine
from channelshim.runtime.environment import current_variables

MOST_LINES: Final = 1000
MOST_REQUESTS: Final = 1000
MOST_ERRORS: Final = 200
"""Lines with tracebacks, which are not pushed out by others."""

LONGEST_TEXT: Final = 8192
LONGEST_TRACEBACK: Final = 32768

_ACCESS: Final = re.compile(
    r'(\S+) "(\S+) (.*)" (\d{3})(?: (?:\d+|-) [\d.]+ms)?', re.DOTALL
)
"""What appserver.access_log writes, with size and time or without."""


_FAILED: Final = frozenset({"%s %s failed", "%s %s failed: %s"})
"""What appserver logs of a request that has failed: its method and path."""


class LogRing:
    """The latest lines; see contracts.logs.Logs. Any thread.

    Args:
        access_name: of the logger whose lines are requests.
    """

    def __init__(self, access_name: str) -> None:
        self._access_name = access_name
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._is_read = False
        self._lines: deque[LogLine] = deque(maxlen=MOST_LINES)
        self._errors: deque[LogLine] = deque(maxlen=MOST_ERRORS)
        self._requests: deque[tuple[int, float, str]] = deque(maxlen=MOST_REQUESTS)

    # --- Filled by the handler ----------------------------------------------------

    def note(self, created: float, message: str) -> None:
        """Keep the line of a request, once somebody reads."""
        if self._is_read:
            with self._lock:
                self._requests.append((next(self._numbers), created, message))

    def record(self, record: logging.LogRecord) -> None:
        """Keep a record: warnings and errors always, others once somebody reads."""
        if record.levelno < logging.WARNING and not self._is_read:
            return
        if record.name == self._access_name:
            self.note(record.created, record.getMessage())
            return
        line = self.line_of(record)
        with self._lock:
            (self._errors if line.traceback else self._lines).append(line)

    def take(self, line: LogLine, process: str) -> None:
        """Keep a line of another process, as `record` would.

        Args:
            line: its number counts nothing here.
            process: its name.
        """
        if line.level < logging.WARNING and not self._is_read:
            return
        if line.logger == self._access_name:
            self.note(line.at, line.text)
            return
        logger = f"{process} {line.logger}"
        with self._lock:
            kept = replace(line, number=next(self._numbers), logger=logger)
            (self._errors if line.traceback else self._lines).append(kept)

    def line_of(self, record: logging.LogRecord) -> LogLine:
        """Return what is kept of a record."""
        trace, error = "", ""
        if record.exc_info and record.exc_info[1] is not None:
            raised = record.exc_info[1]
            trace = "".join(traceback.format_exception(raised))
            if len(trace) > LONGEST_TRACEBACK:
                # Its end says what was raised.
                trace = f"...\n{trace[-LONGEST_TRACEBACK:]}"
            error = "".join(traceback.format_exception_only(raised)).strip()
        request, target = _request_of(record)
        if not target and record.msg in _FAILED and isinstance(record.args, tuple):
            # Written outside of the request, which has ended.
            target = " ".join(str(each) for each in record.args[:2])
        return LogLine(
            next(self._numbers),
            record.created,
            record.levelno,
            record.name,
            record.getMessage()[:LONGEST_TEXT],
            trace,
            error[:LONGEST_TEXT],
            request,
            target[:LONGEST_TEXT],
        )

    # --- Read by the console ------------------------------------------------------

    def lines(self, after: int = 0) -> Sequence[LogLine]:
        """See contracts.logs.Logs."""
        self._is_read = True
        return [line for line in self._all_lines() if line.number > after]

    def warnings(self) -> Sequence[LogLine]:
        """See contracts.logs.Logs."""
        return [line for line in self._all_lines() if line.level >= logging.WARNING]

    def _all_lines(self) -> list[LogLine]:
        with self._lock:
            found = [*self._errors, *self._lines]
        return sorted(found, key=lambda line: line.number)

    def requests(self, after: int = 0) -> Sequence[LoggedRequest]:
        """See contracts.logs.Logs."""
        self._is_read = True
        with self._lock:
            found = [each for each in self._requests if each[0] > after]
        parsed = []
        for number, at, message in found:
            match = _ACCESS.fullmatch(message)
            if match is not None:
                address, method, target, status = match.groups()
                parsed.append(
                    LoggedRequest(number, at, address, method, target, int(status))
                )
        return parsed


def _request_of(record: logging.LogRecord) -> tuple[str, str]:
    """Return id and target of the request that this thread runs."""
    variables = current_variables()
    if variables is not None:
        query = variables.get("QUERY_STRING", "")
        target = variables.get("REQUEST_URI", "") + (f"?{query}" if query else "")
        method = variables.get("REQUEST_METHOD", "")
        return variables.get("REQUEST_LOG_ID", ""), f"{method} {target}"
    return "", ""


class LogRingHandler(logging.Handler):
    """Fills a ring where no LineHandler writes the log.

    Args:
        ring: to fill.
    """

    def __init__(self, ring: LogRing) -> None:
        super().__init__()
        self.ring: LogRing = ring

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        try:
            self.ring.record(record)
        except Exception:
            self.handleError(record)
