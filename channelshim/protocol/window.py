"""Message numbers and the replay window of one client id (design decision 4).

The window holds *chunks*: texts that were published together, in one object that all
the client ids which were sent the same texts share. A thousand ids that get one text
cost one chunk and a thousand references.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from channelshim import limits
from channelshim.protocol.contracts import Replay


def first_number(unix_seconds: float) -> int:
    """Return the number with which a client id starts when it becomes known.

    Microseconds of the clock: ahead of any number given before an eviction, a restart
    or in another process, as long as an id gets under a million messages a second.
    """
    return min(int(unix_seconds * 1_000_000), limits.MAXIMUM_MESSAGE_NUMBER)


def parse_after(text: str | None) -> int | None:
    """Return the `after` of a query string; None when absent or not a number of ours.

    Hostile text means "from now", never an error: the page has a valid token.
    """
    if not text or not text.isascii() or not text.isdigit() or len(text) > 16:
        return None
    number = int(text)
    return number if number <= limits.MAXIMUM_MESSAGE_NUMBER else None


@dataclass(slots=True, eq=False)
class Chunk:
    """Texts published together.

    Attributes:
        texts: at least one, oldest first.
        sizes: bytes of each as UTF-8.
        at: monotonic seconds when they were numbered.
    """

    texts: tuple[str, ...]
    sizes: tuple[int, ...]
    at: float


class ReplayWindow:
    """The last messages of one client id, bounded in count and bytes.

    Bounds in time and in total are its owner's, who drops the oldest chunk. So is the
    count: the owner adds to `number` when messages are published, and has them kept
    before anyone asks for a replay.

    Args:
        number: the number of the last message before the first one to come.
    """

    __slots__ = ("_chunks", "_skipped", "bytes", "count", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.count = 0
        self.bytes = 0
        self._chunks: deque[Chunk] | None = None
        # How many texts of the oldest chunk the bounds have already dropped: a chunk
        # is shared, so it is never cut.
        self._skipped = 0

    def keep(
        self, chunk: Chunk, size: int, maximum_count: int, maximum_bytes: int
    ) -> None:
        """Keep what fits into the bounds of texts that `number` counts already.

        Args:
            chunk: the texts; may be shared with other windows.
            size: the sum of its sizes.
            maximum_count: messages kept.
            maximum_bytes: bytes kept.
        """
        if self._chunks is None:
            self._chunks = deque()
        self._chunks.append(chunk)
        self.count += len(chunk.texts)
        self.bytes += size
        while self.count > maximum_count:
            self._drop_oldest(self.count - maximum_count)
        while self.bytes > maximum_bytes:
            self._drop_oldest(1)

    def drop(self, chunk: Chunk) -> None:
        """Drop chunk when it is the oldest one here; do nothing otherwise."""
        chunks = self._chunks
        if not chunks or chunks[0] is not chunk:
            return
        chunks.popleft()
        self.count -= len(chunk.texts) - self._skipped
        self.bytes -= sum(chunk.sizes[self._skipped :])
        self._skipped = 0

    def replay(self, after: int | None) -> Replay:
        """Return what comes after the message numbered `after`.

        None or a number ahead of the counter: from now. Older than the window: what
        is left.
        """
        if after is None or after >= self.number:
            return Replay(self.number, ())
        texts = self._last(min(self.number - after, self.count))
        return Replay(self.number - len(texts), texts)

    def _last(self, wanted: int) -> tuple[str, ...]:
        pieces: list[tuple[str, ...]] = []
        for chunk in reversed(self._chunks or ()):
            if wanted <= 0:
                break
            piece = chunk.texts[-wanted:]
            pieces.append(piece)
            wanted -= len(piece)
        return tuple(text for piece in reversed(pieces) for text in piece)

    def _drop_oldest(self, wanted: int) -> None:
        """Drop the oldest `wanted` texts, or those of the oldest chunk if fewer."""
        assert self._chunks
        chunk = self._chunks[0]
        end = self._skipped + wanted
        if end >= len(chunk.texts):
            self.drop(chunk)
            return
        self.bytes -= sum(chunk.sizes[self._skipped : end])
        self.count -= wanted
        self._skipped = end
