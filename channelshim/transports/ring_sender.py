"""The kernel's way to send to many pages in one call, behind the hub's Sender."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from channelshim.hub.connections import Connection, write_each
from channelshim.kernel.io_uring import SendRing

_logger: Final = logging.getLogger("channelshim.transports")

LEAST_CONNECTIONS: Final = 4
"""Below, one write after the other is as quick as the ring's call."""


class RingSender:
    """Sends through one ring while it is open, and one by one else. Loop thread.

    Args:
        least_connections: from how many on the ring is used; None means
            LEAST_CONNECTIONS.
    """

    def __init__(self, *, least_connections: int | None = None) -> None:
        least = LEAST_CONNECTIONS if least_connections is None else least_connections
        self._least_connections = least
        self._ring: SendRing | None = None

    @property
    def is_open(self) -> bool:
        """Return whether the kernel takes many sends in one call."""
        return self._ring is not None

    def open(self) -> None:
        """Open the ring where this kernel has one. Before any connection."""
        try:
            self._ring = SendRing()
        except OSError as error:
            _logger.debug("each page is sent to by itself: %s", error)

    def close(self) -> None:
        """Give the ring back. Idempotent."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def __call__(
        self, connections: Sequence[Connection], frames: bytes
    ) -> Sequence[Connection]:
        """Send to all that nothing waits for; the others' transports wait.

        See hub.connections.Sender.
        """
        ring = self._ring
        if ring is None or len(connections) < self._least_connections:
            return write_each(connections, frames)
        apart = [c for c in connections if not (c.send_word or c.may_send())]
        if apart:
            connections = [c for c in connections if c.send_word]
        try:
            short = ring.send([c.send_word for c in connections], frames)
        except OSError as error:
            _logger.error("io_uring failed and is no longer used: %s", error)
            self.close()
            failed = connections
        else:
            failed = ()
            for index, taken in short:
                connections[index].write(frames[taken:])
        # Those that are behind come last: nobody waits for them.
        write_each(apart, frames)
        return failed
