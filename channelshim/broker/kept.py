"""What is kept: the known client ids and their replay windows.

A window is a queue of chunks; ids that were sent the same texts share them. The oldest
chunk of all goes first, so no id is looked at when chunks grow old.
"""

from __future__ import annotations

import itertools
import sys
from collections import deque
from typing import Final

from channelshim.contracts.broker import Replay, Subscriber
from channelshim.contracts.overview import KnownId
from channelshim.protocol.window import Chunk, replay

WINDOW_MESSAGES: Final = 1024
"""Messages kept per client id."""

WINDOW_BYTES: Final = 1 << 20
"""Bytes of text kept per client id: 32 of the longest messages."""

WINDOW_TOTAL_BYTES: Final = 256 << 20
"""Bytes of memory that all windows may take together."""


_TEXT_BYTES: Final = 271
"""What a kept text costs beside its own object: its chunk, its tuples."""

_REFERENCE_BYTES: Final = 16
"""What one more window that shares a chunk costs."""


class Known:
    """A known client id; a contracts.Receiver as well.

    Attributes:
        client_id: any text.
        number: that of the last message collected.
        subscriber: the hub's.
        waiting: what was published since the last collect, as far as it had to be
            looked at by itself.
        chunks: the replay window; None while it is empty.
        expected_until: monotonic seconds.
        is_connected: from `attach` to `release`.
    """

    __slots__ = (
        "chunks",
        "client_id",
        "expected_until",
        "is_connected",
        "number",
        "subscriber",
        "waiting",
    )

    def __init__(self, client_id: str, number: int) -> None:
        self.client_id: str = client_id
        self.number: int = number
        self.subscriber: Subscriber = ()
        self.waiting: list[str] = []
        self.chunks: deque[Chunk] | None = None
        self.expected_until: float = 0.0
        self.is_connected: bool = False

    def replay(self, after: int | None, messages: int, text_bytes: int) -> Replay:
        """Return what is owed after a number: what is kept, and what waits.

        Args:
            after: the last number that the page has seen, or None.
            messages: at most so many.
            text_bytes: of so many bytes of text at most.
        """
        waiting = tuple(self.waiting)
        return replay(
            itertools.chain([Chunk(waiting, 0.0)], reversed(self.chunks or ())),
            self.number + len(waiting),
            after,
            messages,
            text_bytes,
        )

    def described(self, now: float) -> KnownId:
        """Return what there is to see at monotonic seconds `now`."""
        sizes = [size for chunk in self.chunks or () for size in chunk.sizes]
        return KnownId(
            self.client_id,
            self.number,
            self.is_connected,
            max(0.0, self.expected_until - now),
            len(sizes),
            sum(sizes),
        )


class Kept:
    """The chunks of all windows, oldest first.

    Args:
        seconds: how long one is kept.
        messages: kept per client id.
        total_bytes: kept over all, objects around the texts included.

    Attributes:
        bytes: what is kept now.
    """

    def __init__(self, seconds: float, messages: int, total_bytes: int) -> None:
        self._seconds = seconds
        self._messages = messages
        self._total_bytes = total_bytes
        self._chunks: deque[tuple[Chunk, int, list[Known]]] = deque()
        self.bytes: int = 0

    def keep(self, texts: tuple[str, ...], owed: list[Known], now: float) -> None:
        """Keep texts, published at monotonic seconds `now`, for each of owed."""
        chunk = Chunk(texts, now)
        most = self._messages
        for known in owed:
            chunks = known.chunks
            if chunks is None:
                known.chunks = deque((chunk,))
            else:
                chunks.append(chunk)
                if len(chunks) > most:
                    chunks.popleft()
        # Not the bytes on the wire: one emoji makes each character take four.
        cost = sum(map(sys.getsizeof, texts))
        cost += len(texts) * _TEXT_BYTES + len(owed) * _REFERENCE_BYTES
        self._chunks.append((chunk, cost, owed))
        self.bytes += cost
        while self.bytes > self._total_bytes and self._chunks:
            self._drop_oldest()

    def drop_old(self, now: float) -> None:
        """Drop what is too old at monotonic seconds `now`."""
        chunks = self._chunks
        oldest = now - self._seconds
        while chunks and chunks[0][0].at < oldest:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        chunk, cost, owed = self._chunks.popleft()
        self.bytes -= cost
        for known in owed:
            chunks = known.chunks
            if chunks and chunks[0] is chunk:
                chunks.popleft()
                if not chunks:
                    known.chunks = None
