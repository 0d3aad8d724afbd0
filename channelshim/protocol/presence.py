"""Who counts as connected: per client id, never per tab.

Cases 73 to 80 of docs/reference/contract.md say what apps see of it.

A client id is connected while it has an open connection, a lease (a poller between two
polls), or is within the grace after its last one. Deadlines are monotonic seconds;
the owner asks `due` when the earliest has passed.
"""

from __future__ import annotations

import heapq
from typing import Final

MAXIMUM_TOKEN_POSITIONS: Final = 64
"""Tokens per client id whose last written number is remembered, newest kept."""


class _Presence:
    """One connected client id.

    Attributes:
        open_count: its open connections.
        until: when it counts as gone once nothing is open.
        leases: what pollers hold, by key.
        armed: the deadline of its entry in the book's heap, or None without one.
    """

    __slots__ = ("armed", "leases", "open_count", "until")

    def __init__(self) -> None:
        self.open_count = 0
        self.until = 0.0
        self.armed: float | None = None
        self.leases: dict[bytes, float] | None = None

    def deadline(self) -> float:
        if self.leases:
            return max(self.until, *self.leases.values())
        return self.until


class PresenceBook:
    """The rules of connected and disconnected.

    Args:
        grace_seconds: how long an id may be gone before it counts as disconnected.
    """

    def __init__(self, grace_seconds: float) -> None:
        self._grace_seconds = grace_seconds
        self._present: dict[str, _Presence] = {}
        # (deadline, client id); an entry whose id has come back or has a later
        # deadline is found stale when it is reached.
        self._deadlines: list[tuple[float, str]] = []

    def __contains__(self, client_id: str) -> bool:
        """Return whether client_id counts as connected."""
        return client_id in self._present

    def __len__(self) -> int:
        return len(self._present)

    def opened(self, client_id: str) -> bool:
        """Note a new connection; return whether that makes client_id connected."""
        presence = self._present.get(client_id)
        is_new = presence is None
        if presence is None:
            presence = self._present[client_id] = _Presence()
        presence.open_count += 1
        return is_new

    def closed(self, client_id: str, now: float) -> None:
        """Note that a connection of client_id has ended: the grace begins."""
        presence = self._present[client_id]
        presence.open_count -= 1
        presence.until = max(presence.until, now + self._grace_seconds)
        self._arm(client_id, presence)

    def leased(self, client_id: str, key: bytes, until: float) -> bool:
        """Count client_id as connected until then; return whether it was not.

        Args:
            client_id: whose poller it is.
            key: tells pollers of one id apart: the token's nonce.
            until: replaces what the same key held before.
        """
        presence = self._present.get(client_id)
        is_new = presence is None
        if presence is None:
            presence = self._present[client_id] = _Presence()
        leases = presence.leases
        if leases is None:
            leases = presence.leases = {}
        if key not in leases and len(leases) >= MAXIMUM_TOKEN_POSITIONS:
            # The dict is bounded: the earliest lease is folded into `until`, so that
            # its poller is not dropped early.
            first = min(leases, key=leases.__getitem__)
            presence.until = max(presence.until, leases.pop(first))
        leases[key] = until
        self._arm(client_id, presence)
        return is_new

    def released(self, client_id: str, key: bytes, now: float) -> None:
        """End the lease of key: the poller said that it goes; the grace begins."""
        presence = self._present.get(client_id)
        if presence is None or not presence.leases or key not in presence.leases:
            return
        del presence.leases[key]
        presence.until = max(presence.until, now + self._grace_seconds)
        self._arm(client_id, presence)

    def awaited(self, client_id: str, until: float) -> None:
        """Count client_id as connected until then: an earlier process says it was."""
        if client_id in self._present:
            return
        presence = self._present[client_id] = _Presence()
        presence.until = until
        self._arm(client_id, presence)

    def next_deadline(self) -> float | None:
        """Return when `due` should be asked next; None when nothing is pending."""
        return self._deadlines[0][0] if self._deadlines else None

    def due(self, now: float) -> list[str]:
        """Return the client ids that are disconnected from now on, in due order."""
        gone: list[str] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            armed, client_id = heapq.heappop(self._deadlines)
            presence = self._present.get(client_id)
            if presence is None or presence.armed != armed:
                continue
            presence.armed = None
            if presence.open_count == 0 and presence.deadline() <= now:
                del self._present[client_id]
                gone.append(client_id)
            else:
                self._arm(client_id, presence)
        return gone

    def _arm(self, client_id: str, presence: _Presence) -> None:
        if presence.open_count:
            return
        deadline = presence.deadline()
        # One entry for each id: a poller would add one with every poll. An earlier
        # one finds the later deadline when it is reached.
        if presence.armed is None or deadline < presence.armed:
            presence.armed = deadline
            heapq.heappush(self._deadlines, (deadline, client_id))
