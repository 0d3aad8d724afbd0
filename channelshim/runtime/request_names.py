"""Which request a line of the log belongs to."""

from __future__ import annotations

import logging
import os
from typing import Final

from channelshim.runtime.environment import is_in_request
from channelshim.runtime.log_text import CONTROLS

LOGGED_PATH_LENGTH: Final = 200
"""Characters of a request's path that stand before its lines in the log."""


class RequestNames(logging.Filter):
    """Gives each record a `request`: "GET /path: ", or "" outside of requests.

    The app's threads are part of the request that started them.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Name the request; every record passes."""
        name = ""
        if is_in_request():
            path = os.environ.get("PATH_INFO", "")[:LOGGED_PATH_LENGTH]
            name = f"{os.environ.get('REQUEST_METHOD', '')} {path}: "
        record.request = CONTROLS.sub("?", name)
        return True
