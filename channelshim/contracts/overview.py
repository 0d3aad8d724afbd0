"""What can be seen of the channels of a running server, for the pages that show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class KnownId:
    """A client id whose messages are kept.

    Attributes:
        client_id: any text.
        number: that of its latest message.
        is_connected: to any process, its grace included.
        expected_seconds: how long a page with a new token is still expected; 0 for not.
        kept_messages: messages in its window.
        kept_bytes: their texts as UTF-8.
    """

    client_id: str
    number: int
    is_connected: bool
    expected_seconds: float
    kept_messages: int
    kept_bytes: int


@dataclass(frozen=True, slots=True)
class LivePage:
    """A page that is connected to this process.

    Attributes:
        key: names this page among those of its client id, as long as it is there.
        transport: "websocket", or "poll" for a poll that is being held.
        number: that of the last message written to it.
        expires_at: Unix seconds at which its token ends.
        opened_at: Unix seconds at which it came.
        user_agent: what its browser calls itself, cut; "" where that is not known.
        sent_bytes: that its machine has taken, as the kernel counts them, the opening
            included; None where nobody counts.
        waiting_bytes: written to it and not sent, since its reader is behind.
    """

    key: str
    transport: str
    number: int
    expires_at: int
    opened_at: float = 0.0
    user_agent: str = ""
    sent_bytes: int | None = None
    waiting_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """How much there is now, and has been since the start.

    Rates are differences between two of these.

    Attributes:
        known_ids: client ids whose messages are kept.
        kept_bytes: of all windows together, what they cost in memory included.
        connections: of this process.
        written: messages written to a connection, each connection counted.
    """

    known_ids: int
    kept_bytes: int
    connections: int
    written: int


class KnownChannels(Protocol):
    """What a broker knows of all processes together. Any thread but the loop's.

    Raises BrokerError where the broker's server does not answer.
    """

    @property
    def known_count(self) -> int:
        """Return how many client ids are known."""

    @property
    def kept_bytes(self) -> int:
        """Return what all windows together cost."""

    def known_ids(self, after: str, limit: int) -> Sequence[KnownId]:
        """See Overview."""

    def find(self, client_id: str) -> KnownId | None:
        """See Overview."""


class Overview(Protocol):
    """The channels of a server. Any thread but the loop's; may take milliseconds.

    Counts and known ids raise BrokerError where the broker's server does not answer.
    """

    def counts(self) -> ChannelCounts:
        """Return how much there is."""

    def known_ids(self, after: str = "", limit: int = 100) -> Sequence[KnownId]:
        """Return a page of the known client ids, in the order of their texts.

        Args:
            after: the last id of the page before; "" for the first page.
            limit: ids of a page, at least 1.
        """

    def find(self, client_id: str) -> KnownId | None:
        """Return what is known of a client id; None for one of which nothing is."""

    def pages(self, client_id: str) -> Sequence[LivePage]:
        """Return the pages of a client id, in the order of their coming."""

    def disconnect(self, client_id: str, key: str | None = None) -> None:
        """End every page of a client id, or one, as one whose token has ended.

        The browser's script does not come back by itself; polls are told the same.

        Args:
            client_id: whose pages; nothing happens where there are none.
            key: of LivePage; None for all.
        """
