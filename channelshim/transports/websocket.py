"""Push: a WebSocket of the browser, on a connection that the server accepted.

transports.acceptor answers the handshake. Outgoing frames come ready-made from the hub;
what pages send is read by transports.incoming.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from channelshim import limits
from channelshim.hub.connections import Connection, Traffic
from channelshim.kernel import sockets
from channelshim.kernel.io_uring import send_word
from channelshim.protocol import frames
from channelshim.transports.connection_table import State, Watched
from channelshim.transports.incoming import INCOMING_BURST_BYTES, Incoming

if TYPE_CHECKING:
    from channelshim.transports.acceptor import Acceptor

TURN_BYTES: Final = 256
"""What is read of one page in a turn: in the smallest frames it takes an eighth of a
millisecond. Whoever says more at once waits for the next one (see Turns)."""

_logger: Final = logging.getLogger("channelshim.transports")


class WebSocketProtocol(Connection, Watched, asyncio.Protocol):
    """One open WebSocket.

    Args:
        transport: the connection.
        acceptor: whose connection it is.
        switching: the answer to the handshake; goes out with the first frame, in one
            write, where that frame is there at once.
        user_agent: see Connection.
    """

    __slots__ = (
        "__weakref__",
        "_acceptor",
        "_awaits_answer",
        "_incoming",
        "_is_behind",
        "_is_closing",
        "_is_over",
        "_own_word",
        "_switching",
        "_written_behind",
        "_transport",
        "_unread",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        acceptor: Acceptor,
        switching: bytes,
        user_agent: str = "",
    ) -> None:
        super().__init__("", b"", 0, transport.write)
        self.user_agent = user_agent
        self._switching = switching
        self._transport = transport
        self._acceptor = acceptor
        self._own_word = 0
        if (
            acceptor.sender is not None
            and acceptor.sender.is_open
            and not sockets.is_encrypted(transport)
        ):
            self._own_word = send_word(sockets.descriptor(transport))
            self.write = self._put
        self._incoming = Incoming()
        self._awaits_answer = False
        self._is_closing = False
        # Nothing is read any more.
        self._is_over = False
        # What waits for another turn.
        self._unread = b""
        self._is_behind = False
        # What was written while its reader was behind.
        self._written_behind = 0
        transport.set_write_buffer_limits(acceptor.watched_bytes)
        sockets.bound_send_buffer(transport)

    def switch(self) -> None:
        """Answer the handshake unless a frame has carried the answer.

        The broker says later what comes first; whatever else is written, a pong say,
        must not go before the answer.
        """
        if self._switching:
            switching, self._switching = self._switching, b""
            self._put(switching)

    # --- Connection: what the hub calls -------------------------------------------

    def open(self, number: int, owed: bytes) -> None:
        """See Connection.open."""
        hello = frames.text_frame(frames.hello_text(number))
        first = self._switching + hello + owed
        self._switching = b""
        self._acceptor.table.settle(self)
        self._put(first)

    def expire(self) -> None:
        """See Connection.expire."""
        self.close(limits.CLOSE_TOKEN_REFUSED, limits.DESCRIPTION_TOKEN_EXPIRED)

    def come_back(self) -> None:
        """See Connection.come_back."""
        self.close(limits.CLOSE_COME_BACK)

    def ping(self) -> bool:
        """See Connection.ping."""
        self._awaits_answer = True
        self._put(frames.PING_FRAME)
        return True

    def has_answered(self) -> bool:
        """See Connection.has_answered."""
        return not self._awaits_answer

    def abort(self) -> None:
        """See Connection.abort."""
        self.drop()

    def may_send(self) -> bool:
        """See Connection.may_send."""
        if self._is_closing or self._transport.get_write_buffer_size():
            return False
        self.send_word = self._own_word
        return self._own_word != 0

    def takes_more(self) -> bool:
        """See Connection.takes_more."""
        return not self._is_behind

    def traffic(self) -> Traffic:
        """See Connection.traffic."""
        transport = self._transport
        if transport.is_closing():
            return Traffic()
        return Traffic(
            sockets.acknowledged_bytes(transport), transport.get_write_buffer_size()
        )

    def _put(self, data: bytes) -> None:
        """Hand data to the transport, which may keep it for a while."""
        self.send_word = 0
        self._transport.write(data)

    # --- asyncio.Protocol: what the transport calls -------------------------------

    def pause_writing(self) -> None:
        """Look at each further write: the reader is behind."""
        self._is_behind = True
        if not self._is_closing:
            self.write = self._write_behind
            self._acceptor.table.hasten(self, State.BEHIND)
        self._acceptor.table.sends.take(self, self.waiting_bytes())

    def resume_writing(self) -> None:
        """Write straight again: the reader has caught up."""
        self._is_behind = False
        self._acceptor.table.sends.give_back(self)
        if not self._is_closing:
            self.write = self._put if self._own_word else self._transport.write
            self._acceptor.hub.catch_up(self)

    def _write_behind(self, frames: bytes) -> None:
        """Write, or end a reader that still has more before it than its bound.

        One burst may be longer than the bound.
        """
        waiting = self.waiting_bytes()
        if waiting > self._acceptor.reader_bytes:
            self.cut()
        elif self._acceptor.table.sends.take(self, waiting + len(frames)):
            self._written_behind += len(frames)
            self._transport.write(frames)

    def data_received(self, data: bytes) -> None:
        """Read the page's frames; any byte is a sign of life."""
        self._awaits_answer = False
        if self._is_over:
            return
        if len(data) <= TURN_BYTES and not self._unread:
            self._read(data)
        elif len(self._unread) + len(data) > INCOMING_BURST_BYTES:
            self._fail(limits.CLOSE_POLICY)
        else:
            if not self._unread:
                self._acceptor.table.turns.wait(self._read_on)
            self._unread += data
            self._transport.pause_reading()

    def _read_on(self) -> None:
        """Read the next of what waits, and then from the transport again."""
        data, self._unread = self._unread[:TURN_BYTES], self._unread[TURN_BYTES:]
        if self._is_over:
            return
        self._read(data)
        if self._unread:
            self._acceptor.table.turns.wait(self._read_on)
        elif not (self._is_over or self._transport.is_closing()):
            self._transport.resume_reading()

    def _read(self, data: bytes) -> None:
        for frame in self._incoming.feed(data, asyncio.get_running_loop().time):
            if frame.opcode == frames.OPCODE_PING and not self._is_closing:
                self.write(frames.pong_frame(frame.payload))
            elif frame.opcode == frames.OPCODE_CLOSE:
                self._closed_by_peer(frame.close_code)
                return
        if self._incoming.failure:
            self._fail(self._incoming.failure)

    def eof_received(self) -> bool:
        """Close our side too; what the peer does not read is given up soon."""
        self._end()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Detach; the page may come back within the grace."""
        # The descriptor is somebody else's from now on.
        self.send_word = self._own_word = 0
        self.write = _discard
        # What waits for its turn is nobody's.
        self._is_closing = self._is_over = True
        self._acceptor.forget(self)
        self._acceptor.table.sends.give_back(self)
        self._acceptor.hub.detach(self)

    # --- Watched: what the table asks ---------------------------------------------

    def state(self) -> State:
        """See Watched.state."""
        if self._is_closing:
            return State.CLOSING
        if not self.is_attached:
            return State.UPGRADE
        return State.BEHIND if self._is_behind else State.OPEN

    def progress(self) -> int:
        """See Watched.progress."""
        if not self._is_behind:
            return 0
        unread = self.waiting_bytes() + sockets.unacknowledged_bytes(self._transport)
        return self._written_behind - unread

    def end(self, state: State) -> None:
        """See Watched.end."""
        if state is State.BEHIND:
            self.cut()
        else:
            self.drop()

    def abandon(self) -> None:
        """See Watched.abandon."""
        self._transport.abort()

    # --- Reader: what the budget asks ---------------------------------------------

    def waiting_bytes(self) -> int:
        """See Reader.waiting_bytes."""
        return self._transport.get_write_buffer_size()

    def cut(self) -> None:
        """See Reader.cut; the page is to come back."""
        if not self._is_closing:
            self._acceptor.table.sends.note_cut()
            _logger.warning("a reader is too slow: asking it to reconnect")
        # A close frame would wait behind what it does not read.
        self._end()
        self._acceptor.table.sends.give_back(self)
        self._acceptor.reset(self._transport)

    # --- Closing ------------------------------------------------------------------

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame and end soon, whatever is unread. Idempotent."""
        if self._is_closing:
            return
        self._is_closing = True
        last = self._switching + frames.close_frame(code, reason)
        self._switching = b""
        self._put(last)
        self._acceptor.table.hasten(self, State.CLOSING)

    def _closed_by_peer(self, code: int | None) -> None:
        if not self._is_closing:
            answer = code if code is not None else limits.CLOSE_NORMAL
            if not _is_sendable(answer):
                answer = limits.CLOSE_PROTOCOL_ERROR
            self._put(frames.close_frame(answer))
        self._end()
        self._transport.close()

    def _end(self) -> None:
        """Deliver no more; the transport may take a moment for what it still has."""
        self._is_closing = self._is_over = True
        self.send_word = 0
        self.write = _discard
        self._acceptor.hub.detach(self)
        self._acceptor.table.hasten(self, State.CLOSING)

    def _fail(self, code: int) -> None:
        """Close and read no more: what comes behind a broken frame has no meaning."""
        self._is_over = True
        self._transport.pause_reading()
        self._acceptor.hub.detach(self)
        if self._is_closing:
            self.drop()
        else:
            self.close(code)

    def drop(self) -> None:
        """See Watched.drop."""
        self._is_closing = self._is_over = True
        self.send_word = 0
        self.write = _discard
        if self._transport.get_write_buffer_size():
            # The kernel would go on for minutes to offer what is not read.
            sockets.reset(self._transport)
        else:
            self._transport.abort()


def _discard(frames: bytes) -> None:
    """Write nothing to a connection that ends."""


def _is_sendable(code: int) -> bool:
    """Return whether RFC 6455 7.4 lets an endpoint send this close code."""
    return code in (1000, 1001, 1002, 1003, *range(1007, 1015)) or 3000 <= code < 5000
