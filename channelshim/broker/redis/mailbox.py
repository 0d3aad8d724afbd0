"""Reads what Redis routes to this process: one stream, on a link of its own.

A stream keeps what is not read yet, over a lost connection too, and is trimmed by its
reader. Its entries are counted from 1, so that one which is missing is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from channelshim.broker.redis.inbox import Entry
from channelshim.broker.redis.link import Link, command
from channelshim.broker.redis.packing import unpack_numbers, unpack_texts
from channelshim.errors import BrokerError

BLOCK_MILLISECONDS: Final = 1000
"""How long Redis waits with an empty answer: a sign of life for this process."""

ENTRIES: Final = 200
"""Of one answer."""


class Mailbox:
    """The reader of one front. Loop thread.

    Args:
        link: for nothing else.
        key: of the stream.
        position: the last entry that was read; 0 for none.
        put: takes each entry, in order.
        woken: called after some were put.
        broken: called once, when nothing more comes: why, and whether an entry is
            missing.

    Attributes:
        position: as above.
    """

    def __init__(
        self,
        link: Link,
        key: str,
        position: int,
        put: Callable[[Entry], None],
        woken: Callable[[], None],
        broken: Callable[[Exception, bool], None],
    ) -> None:
        self.position: int = position
        self._link = link
        self._key = key.encode("utf-8")
        self._put = put
        self._woken = woken
        self._broken = broken
        self._read()

    def _read(self, trim: bytes = b"") -> None:
        read = command(
            b"XREAD",
            b"COUNT",
            b"%d" % ENTRIES,
            b"BLOCK",
            b"%d" % BLOCK_MILLISECONDS,
            b"STREAMS",
            self._key,
            b"%d-1" % self.position,
        )
        if trim:
            self._link.call(trim + read, self._trimmed, self._answered)
        else:
            self._link.call(read, self._answered)

    def _trimmed(self, reply: Any) -> None:
        if isinstance(reply, Exception):
            self._fail(reply)

    def _answered(self, reply: Any) -> None:
        if isinstance(reply, Exception):
            self._fail(reply)
            return
        if not reply:
            self._read()
            return
        ((_, entries),) = reply
        try:
            for name, fields in entries:
                if int(name.partition(b"-")[0]) != self.position + 1:
                    self._fail(BrokerError("messages to this process are missing"))
                    return
                self.position += 1
                self._take(fields)
        except (BrokerError, ValueError, IndexError, UnicodeDecodeError) as error:
            self._fail(BrokerError(f"a message cannot be read: {error}"))
            return
        self._read(command(b"XTRIM", self._key, b"MINID", b"%d-2" % self.position))
        self._woken()

    def _take(self, fields: Sequence[bytes]) -> None:
        """Take one entry: texts, ids and numbers of each group of a batch."""
        for at in range(0, len(fields), 6):
            texts = unpack_texts(fields[at + 1])
            numbers = unpack_numbers(fields[at + 5])
            self._put(Entry(texts, fields[at + 3], numbers))

    def _fail(self, error: Exception) -> None:
        self._link.close()
        self._broken(error, isinstance(error, BrokerError))
