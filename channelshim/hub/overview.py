"""What the hub and its broker can show of their channels."""

from __future__ import annotations

from collections.abc import Sequence

from channelshim.contracts.overview import (
    ChannelCounts,
    KnownChannels,
    KnownId,
    LivePage,
)
from channelshim.hub.connections import Connection
from channelshim.hub.hub import Hub


class LiveOverview:
    """Implements contracts.Overview for one process.

    Args:
        known: the broker.
        hub: the connections.
    """

    def __init__(self, known: KnownChannels, hub: Hub) -> None:
        self._known = known
        self._hub = hub

    def counts(self) -> ChannelCounts:
        """See contracts.Overview."""
        return ChannelCounts(
            self._known.known_count,
            self._known.kept_bytes,
            self._hub.connection_count,
            self._hub.written,
        )

    def known_ids(self, after: str = "", limit: int = 100) -> Sequence[KnownId]:
        """See contracts.Overview."""
        return self._known.known_ids(after, limit)

    def find(self, client_id: str) -> KnownId | None:
        """See contracts.Overview."""
        return self._known.find(client_id)

    def pages(self, client_id: str) -> Sequence[LivePage]:
        """See contracts.Overview."""
        return [
            _live_page(connection) for connection in self._hub.connections_of(client_id)
        ]

    def disconnect(self, client_id: str, key: str | None = None) -> None:
        """See contracts.Overview."""
        self._hub.expire(client_id, lambda page: key in (None, _key(page)))


def _key(connection: Connection) -> str:
    # No two objects that are there at a time share it.
    return f"{id(connection):x}"


def _live_page(connection: Connection) -> LivePage:
    traffic = connection.traffic()
    return LivePage(
        _key(connection),
        connection.transport_name or "poll",
        connection.number,
        connection.expires_at,
        connection.opened_at,
        connection.user_agent,
        traffic.sent_bytes,
        traffic.waiting_bytes,
    )
