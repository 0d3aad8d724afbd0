"""A transport that writes once in a turn of the loop, and closes with care."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from channelshim.kernel import sockets


class JoinedWrites:
    """A transport that writes once in a turn of the loop what comes together.

    The head of an answer in pieces and its first piece come apart; each write wakes the
    peer, and costs more than all the Python between them.

    Args:
        transport: where everything else goes.
        loop: whose turns count.
        lingers: asked before it closes; True when the other side is not to be closed.

    Attributes:
        transport: as given.
        is_closing: the transport's own.
        written_bytes: all that was written, those that wait included.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        lingers: Callable[[], bool],
    ) -> None:
        self.transport = transport
        self.is_closing: Callable[[], bool] = transport.is_closing
        self._loop = loop
        self._lingers = lingers
        self._held: list[bytes] = []
        # Our side is closed.
        self._is_over = False
        self.written_bytes: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    def write(self, data: bytes) -> None:
        """Write data at the end of this turn."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)
        self.written_bytes += len(data)

    def write_now(self, data: bytes) -> None:
        """Write data that is all of an answer: nothing will come to be joined with."""
        if self._held:
            self.write(data)
        elif not (self._is_over or self.is_closing()):
            self.written_bytes += len(data)
            self.transport.write(data)

    def count(self, size: int) -> None:
        """Note that so many bytes were written to the socket past this."""
        self.written_bytes += size

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait, those of this turn included."""
        return self.transport.get_write_buffer_size() + sum(map(len, self._held))

    def taken_bytes(self) -> int:
        """Return how many bytes the peer has, as far as the kernel tells."""
        # What is written is megabytes ahead of a slow peer otherwise.
        unsent = self.get_write_buffer_size()
        return (
            self.written_bytes - unsent - sockets.unacknowledged_bytes(self.transport)
        )

    def close(self) -> None:
        """Write what is held, and close, our side alone when `lingers` says so."""
        self.flush()
        if self.is_closing():
            return
        if self._lingers():
            if not self._is_over:
                self._is_over = True
                # One that encrypts cannot close its side alone: the peer closes.
                if self.transport.can_write_eof():
                    self.transport.write_eof()
        else:
            self.transport.close()

    def flush(self) -> None:
        """Write what is held, now."""
        held = self._held
        if held:
            self._held = []
            # uvloop raises where asyncio lets it pass.
            if self._is_over or self.is_closing():
                return
            self.transport.write(held[0] if len(held) == 1 else b"".join(held))
