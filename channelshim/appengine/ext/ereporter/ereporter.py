"""google.appengine.ext.ereporter.ereporter: a log handler that keeps nothing."""

from __future__ import annotations

import logging

__all__ = ["ExceptionRecordingHandler", "register_logger"]

MAX_SIGNATURE_LENGTH = 256


class ExceptionRecordingHandler(logging.Handler):
    """A handler of log records that drops each."""

    def __init__(self, log_interval: int = 10) -> None:
        super().__init__()
        self.log_interval: int = log_interval

    def emit(self, record: logging.LogRecord) -> None:
        """Drop the record: the log has it."""


def register_logger(logger: logging.Logger | None = None) -> None:
    """Do nothing: no report of exceptions is mailed, and the log has each of them."""
