"""Message numbers and the replay window of one client id.

What they promise to pages is in docs/explanation/delivery-guarantees.md.

The window holds *chunks*: texts that were published together, in one object that all
the client ids which were sent the same texts share. A thousand ids that get one text
cost one chunk and a thousand references. Its bounds are looked at when a page comes
back, which is seldom, and not when a message is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from channelshim.contracts.broker import Replay

MAXIMUM_MESSAGE_NUMBER: Final = 1 << 53
"""Numbers stay exact in JavaScript (ECMAScript Number.MAX_SAFE_INTEGER)."""


def first_number(unix_seconds: float) -> int:
    """Return the number with which a client id starts when it becomes known.

    Microseconds of the clock: ahead of any number given before an eviction, a restart
    or in another process, as long as an id gets under a million messages a second.
    """
    return min(int(unix_seconds * 1_000_000), MAXIMUM_MESSAGE_NUMBER)


_ANEW: Final = 250_000
"""Numbers begin at the clock in microseconds: those of an id that was unknown for a
quarter of a second are ahead by so much, which nobody sends to one id in that time."""


def skipped(before: int, number: int) -> int:
    """Return how many messages lie between two numbers of a client id.

    0 where they are in no order, or where the id began anew in between.

    Args:
        before: the last number that was seen, a moment ago.
        number: that before what is seen now.
    """
    count = number - before
    return count if 0 < count < _ANEW else 0


def parse_after(text: str | None) -> int | None:
    """Return the `after` of a query string; None when absent or not a number of ours.

    Hostile text means "from now", never an error: the page has a valid token.
    """
    if not text or not text.isascii() or not text.isdigit() or len(text) > 16:
        return None
    number = int(text)
    return number if number <= MAXIMUM_MESSAGE_NUMBER else None


class Chunk:
    """Texts published together.

    Attributes:
        texts: at least one, oldest first.
        sizes: bytes of each as UTF-8.
        at: monotonic seconds when they were published, or a little later.
    """

    __slots__ = ("at", "sizes", "texts")

    def __init__(self, texts: tuple[str, ...], at: float) -> None:
        self.texts: tuple[str, ...] = texts
        self.sizes: list[int] = [len(text.encode("utf-8")) for text in texts]
        self.at: float = at


def replay(
    chunks: Iterable[Chunk],
    number: int,
    after: int | None,
    maximum_count: int,
    maximum_bytes: int,
) -> Replay:
    """Return what of chunks comes after the message numbered `after`.

    None, or a number ahead of the counter, means from now. A number older than the
    window means what is left of it; the bounds are those of the window.

    Args:
        chunks: newest first.
        number: that of the newest text.
        after: what the page has seen.
        maximum_count: messages that are kept.
        maximum_bytes: bytes that are kept.
    """
    if after is None or after >= number:
        return Replay(number, ())
    wanted = min(number - after, maximum_count)
    newest_first: list[str] = []
    for chunk in chunks:
        for text, size in zip(
            reversed(chunk.texts), reversed(chunk.sizes), strict=True
        ):
            maximum_bytes -= size
            if len(newest_first) == wanted or maximum_bytes < 0:
                return _replay(number, newest_first)
            newest_first.append(text)
    return _replay(number, newest_first)


def _replay(number: int, newest_first: list[str]) -> Replay:
    return Replay(number - len(newest_first), tuple(reversed(newest_first)))
