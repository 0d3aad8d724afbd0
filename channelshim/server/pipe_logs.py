"""Lines of an app process' log for the console, which its front has."""

from __future__ import annotations

import logging

from channelshim.appserver.access_log import LOGGER_NAME
from channelshim.contracts.logs import LogLine
from channelshim.runtime.log_ring import LogRing
from channelshim.server.pipe_app import AppPipe

NOTE = "log"
"""The note's name."""


class PipeLogHandler(logging.Handler):
    """Tells the front of each record. What waits when a process is killed is lost.

    Args:
        pipe: to the front.
        process: the name of this process.
    """

    def __init__(self, pipe: AppPipe, process: str) -> None:
        super().__init__()
        self._pipe = pipe
        self._process = process
        self._ring = LogRing(LOGGER_NAME)

    def emit(self, record: logging.LogRecord) -> None:
        """Have a record sent soon."""
        try:
            line = self._ring.line_of(record)
            self._pipe.note_later(NOTE, self._process, *texts_of(line))
        except Exception:
            self.handleError(record)


def texts_of(line: LogLine) -> list[str]:
    """Return a line as the texts of a note."""
    return [
        repr(line.at),
        str(line.level),
        line.logger,
        line.text,
        line.traceback,
        line.error,
        line.request,
        line.target,
    ]


def line_of(at: str, level: str, *texts: str) -> LogLine:
    """Return the line that `texts_of` was given, without its number.

    Raises:
        TypeError, ValueError: there is none.
    """
    return LogLine(0, float(at), int(level), *texts)
