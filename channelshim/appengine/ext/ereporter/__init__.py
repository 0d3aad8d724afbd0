"""google.appengine.ext.ereporter: importable; the log has every exception."""

from channelshim.appengine.ext.ereporter.ereporter import (
    ExceptionRecordingHandler,
    register_logger,
)

__all__ = ["ExceptionRecordingHandler", "register_logger"]
