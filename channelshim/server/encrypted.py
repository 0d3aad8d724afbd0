"""A transport that encrypts, and says how much waits in it.

Theory. uvloop and asyncio encrypt what is written and hand it on to the transport
below, and count only what that one does not take: it takes a write whole, and refuses
the next when it holds more than its limit (64 KiB). So after one long write nothing
seems to wait, and neither the table nor the budget would see a slow reader. Written in
pieces, at most the limit and a piece are out of sight.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

PIECE_BYTES: Final = 64 << 10


class EncryptedTransport:
    """An encrypting transport that is written to in pieces.

    Args:
        transport: where everything goes.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write data; never waits."""
        if len(data) <= PIECE_BYTES:
            self._transport.write(data)
            return
        view = memoryview(data)
        for start in range(0, len(data), PIECE_BYTES):
            self._transport.write(bytes(view[start : start + PIECE_BYTES]))
