"""google.appengine.api.app_logging: importable; the log is the terminal's."""

from __future__ import annotations

import logging

__all__ = ["AppLogsHandler"]


class AppLogsHandler(logging.Handler):
    """A handler of log records that drops each: the log has it already."""

    def emit(self, record: logging.LogRecord) -> None:
        """Drop the record."""
