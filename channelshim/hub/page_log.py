"""One line for each page that comes, and one for each that goes.

A WebSocket is a page as long as it is attached. Pollers and pages of the old wire come
with their first request and go when they say so, or when their client id is told gone.
Where nobody reads these lines, nothing is made or remembered for them.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import MutableMapping
from typing import Any, Final

from channelshim.hub.connections import Connection
from channelshim.protocol.presence import MAXIMUM_TOKEN_POSITIONS

_logger: Final = logging.getLogger("channelshim.hub")


class _PageLogger(logging.LoggerAdapter):  # type: ignore[type-arg]
    """Puts the number of its page before each line."""

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        assert self.extra is not None
        return f"page {self.extra['page']}: {msg}", kwargs


class PageLog:
    """Who has come and gone, at level INFO. Loop thread only."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        # Pollers by client id and nonce of their token.
        self._pollers: dict[str, dict[bytes, tuple[int, str]]] = {}

    def came(self, connection: Connection) -> None:
        """Log a connection that has been attached."""
        name = connection.transport_name
        if name:
            connection.page = self._number(connection.client_id, name)
        else:
            self.polled(connection.client_id, connection.nonce, "poll")

    def went(self, connection: Connection) -> None:
        """Log that a connection went, if its coming was logged."""
        name = connection.transport_name
        _log_end(connection.page, connection.client_id, name)

    def polled(self, client_id: str, nonce: bytes, transport_name: str) -> None:
        """Log a poller with its first poll; nonce is its token's."""
        if not _logger.isEnabledFor(logging.INFO):
            return
        known = self._pollers.setdefault(client_id, {})
        if nonce in known:
            return
        if len(known) >= MAXIMUM_TOKEN_POSITIONS:
            self.left(client_id, next(iter(known)))
        known[nonce] = self._number(client_id, transport_name), transport_name

    def left(self, client_id: str, nonce: bytes) -> None:
        """Log that a poller said that it goes."""
        known = self._pollers.get(client_id)
        if known is None or nonce not in known:
            return
        number, transport_name = known.pop(nonce)
        if not known:
            del self._pollers[client_id]
        _log_end(number, client_id, transport_name)

    def gone(self, client_id: str) -> None:
        """Log that the pollers of a client id have not come again."""
        for number, transport_name in self._pollers.pop(client_id, {}).values():
            _log_end(number, client_id, transport_name)

    def _number(self, client_id: str, transport_name: str) -> int:
        if not _logger.isEnabledFor(logging.INFO):
            return 0
        number = next(self._numbers)
        _log(number, "%s connected by %s", client_id, transport_name)
        return number


def _log_end(number: int, client_id: str, transport_name: str) -> None:
    if number:
        _log(number, "%s disconnected, by %s", client_id, transport_name)


def _log(number: int, line: str, client_id: str, transport_name: str) -> None:
    # An id is what somebody chose: it must not look like a line of its own, or speak
    # to a terminal.
    readable = "".join(c if c.isprintable() else "?" for c in client_id)
    _PageLogger(_logger, {"page": number}).info(line, readable, transport_name)
