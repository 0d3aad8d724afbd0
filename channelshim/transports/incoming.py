"""What a page sends on its WebSocket, read within a budget.

Pages send pongs and closes, and those are read by protocol.frames; anything else goes
to the websockets library's parser, in transports.frame_parser, which is imported when
a page first sends such a thing. Text and binary frames are read and ignored: there
is no channel from page to server, and old clients send keep-alives.

Theory. All pages are read on one thread, so none may have it for long. A page may
spend a burst at once, and so much a second; a frame costs its bytes and a constant.
The clock is asked only when a burst is spent, which a page that answers pings takes
hours for: in any time of t seconds at most 2 bursts + t seconds' worth are read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from channelshim import limits
from channelshim.errors import ChannelShimError, RemoteProtocolError
from channelshim.protocol import frames
from channelshim.transports.websockets_names import check_names

if TYPE_CHECKING:
    from channelshim.transports.frame_parser import FrameParser

_logger: Final = logging.getLogger("channelshim.transports")

MAXIMUM_INCOMING_FRAME_BYTES: Final = 4096
"""Pages send nothing but pongs and closes (125 bytes at most, RFC 6455 5.5)."""

INCOMING_BYTES_PER_SECOND: Final = 8 << 10
"""What a page may send for as long as it likes: it has nothing to say but a pong in
PING_INTERVAL_SECONDS; some old clients send keep-alives."""

INCOMING_BURST_BYTES: Final = 64 << 10
"""What it may send at once beyond that."""

INCOMING_FRAME_BYTES: Final = 64
"""What each frame counts besides its bytes: small ones cost as much as long ones."""


class IncomingFrame(NamedTuple):
    """A frame that wants an answer.

    Attributes:
        opcode: frames.OPCODE_PING or frames.OPCODE_CLOSE.
        payload: of a ping.
        close_code: of a close that names one, else None.
    """

    opcode: int
    payload: bytes = b""
    close_code: int | None = None


class Incoming:
    """The frames of one page.

    Attributes:
        failure: the close code for a page that broke the protocol or spent its
            budget, after which nothing may be fed; 0 until then.
    """

    __slots__ = ("_parser", "_spent", "_spent_at", "failure")

    def __init__(self) -> None:
        self.failure: int = 0
        self._parser: FrameParser | None = None
        self._spent = 0
        self._spent_at = 0.0

    def feed(self, data: bytes, time: Callable[[], float]) -> Iterator[IncomingFrame]:
        """Yield what of data wants an answer; set `failure` when data is too much.

        Args:
            data: the next bytes.
            time: monotonic seconds.
        """
        if not self._may_spend(len(data), time):
            return
        at = 0
        while self._parser is None and at < len(data):
            frame = frames.read_plain_frame(data, at)
            if frame is None:
                try:
                    self._parser = _new_parser()
                except (ChannelShimError, ImportError, OSError) as error:
                    # Another version was installed meanwhile, or files are scarce.
                    _logger.error("what a page sends cannot be read: %s", error)
                    self.failure = limits.CLOSE_INTERNAL_ERROR
                    return
                break
            if not self._may_spend(INCOMING_FRAME_BYTES, time):
                return
            at += frame.length
            if frame.opcode == frames.OPCODE_CLOSE:
                yield IncomingFrame(frame.opcode, close_code=frame.close_code)
        if self._parser is not None:
            yield from self._parse(self._parser, data[at:], time)

    def _parse(
        self, parser: FrameParser, data: bytes, time: Callable[[], float]
    ) -> Iterator[IncomingFrame]:
        try:
            for opcode, payload in parser.feed(data):
                if not self._may_spend(INCOMING_FRAME_BYTES, time):
                    return
                if opcode == frames.OPCODE_PING:
                    yield IncomingFrame(opcode, payload)
                elif opcode == frames.OPCODE_CLOSE:
                    # 0 is a code too, which no peer may send.
                    code = int.from_bytes(payload[:2], "big") if payload else None
                    yield IncomingFrame(opcode, close_code=code)
        except RemoteProtocolError as error:
            self.failure = error.close_code

    def _may_spend(self, cost: int, time: Callable[[], float]) -> bool:
        if self._spent + cost > INCOMING_BURST_BYTES:
            now = time()
            earned = int((now - self._spent_at) * INCOMING_BYTES_PER_SECOND)
            self._spent = max(0, self._spent - earned)
            self._spent_at = now
        self._spent += cost
        if self._spent <= INCOMING_BURST_BYTES:
            return True
        self.failure = limits.CLOSE_POLICY
        return False


def _new_parser() -> FrameParser:
    check_names()
    from channelshim.transports.frame_parser import FrameParser

    return FrameParser(MAXIMUM_INCOMING_FRAME_BYTES)
