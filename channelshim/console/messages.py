"""What an action says on the page that follows it: kept for one look."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from typing import Final

MOST_MESSAGES: Final = 64
"""Messages that nobody has looked at; the oldest gives way."""

_KEY_BYTES: Final = 8


class Messages:
    """Messages by a random key, which stands in the address of the page. Any thread.

    Not a cookie: those are the app's too, whatever the port.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: OrderedDict[str, str] = OrderedDict()

    def keep(self, message: str) -> str:
        """Keep a message, and return its key."""
        key = secrets.token_urlsafe(_KEY_BYTES)
        with self._lock:
            self._messages[key] = message
            if len(self._messages) > MOST_MESSAGES:
                self._messages.popitem(last=False)
        return key

    def take(self, key: str) -> str:
        """Return the message of a key, once; "" for another key."""
        with self._lock:
            return self._messages.pop(key, "")
