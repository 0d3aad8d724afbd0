"""Push: a WebSocket of the browser, on the connection that uvicorn accepted.

The handshake is answered here from the request that uvicorn parsed. Outgoing frames
come ready-made from the hub; what pages send is read by transports.incoming.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs

from channelshim import limits
from channelshim.contracts.clock import Clock
from channelshim.contracts.status import Status
from channelshim.errors import RemoteProtocolError, TokenError
from channelshim.hub.connections import Connection
from channelshim.hub.hub import Hub
from channelshim.kernel import sockets
from channelshim.kernel.io_uring import send_word
from channelshim.protocol import frames
from channelshim.protocol.tokens import TokenSigner
from channelshim.protocol.window import parse_after
from channelshim.transports import handshake
from channelshim.transports.incoming import Incoming
from channelshim.transports.ring_sender import RingSender

READER_BEHIND_BYTES: Final = 64 << 10
"""Every reader may be this far behind, however many slow readers there are."""

RESETS_AT_ONCE: Final = 16
"""Connections of slow readers that are cut in one go."""

RESET_PAUSE_SECONDS: Final = 0.002
"""Between two such goes, so that cutting thousands does not hold up the loop."""

CLOSE_SECONDS: Final = 2.0
"""How long a page may take to answer a close frame before its connection is cut."""

_logger: Final = logging.getLogger("channelshim.transports")

Headers = Sequence[tuple[bytes, bytes]]


class Acceptor:
    """Decides who may open a WebSocket; one for a server.

    Args:
        hub: where accepted ones attach.
        tokens: verifies tokens.
        clock: the time.
        is_allowed: takes the Origin header (None when absent) and the Host header, and
            says whether a page from there may open a channel.
        sender: the hub's, where it sends to many pages in one call.
        send_buffer_bytes: bytes that may wait for one reader.
        send_buffer_total_bytes: bytes that may wait for all that are behind.

    Attributes:
        connections: those that are open.
        reader_bytes: bytes that may wait for one reader now.
    """

    def __init__(
        self,
        hub: Hub,
        tokens: TokenSigner,
        clock: Clock,
        is_allowed: Callable[[str | None, str], bool],
        *,
        sender: RingSender | None = None,
        send_buffer_bytes: int,
        send_buffer_total_bytes: int,
    ) -> None:
        self.hub = hub
        self.tokens = tokens
        self.clock = clock
        self._is_allowed = is_allowed
        self._send_buffer_bytes = send_buffer_bytes
        self._send_buffer_total_bytes = send_buffer_total_bytes
        self.connections: set[WebSocketProtocol] = set()
        # Of each client id, those included that have left and are not gone yet.
        self._transports: Counter[str] = Counter()
        self._behind = 0
        self._ending: deque[asyncio.Transport] = deque()
        self.sender = sender
        self.reader_bytes = send_buffer_bytes

    @property
    def watched_bytes(self) -> int:
        """Return from how many bytes on a reader counts as behind."""
        return min(self._send_buffer_bytes, READER_BEHIND_BYTES)

    def report_to(self, status: Status) -> None:
        """Register the WebSockets that are open, and those whose readers are slow."""
        status.counter("transports.websockets", lambda: len(self.connections))
        status.counter("transports.slow_readers", lambda: self._behind)

    def count_behind(self, change: int) -> None:
        """Count a reader that falls behind (1) or is so no more (-1)."""
        self._behind += change
        share = self._send_buffer_total_bytes // max(self._behind, 1)
        self.reader_bytes = min(
            self._send_buffer_bytes, max(share, READER_BEHIND_BYTES)
        )

    def refusal(self, target: bytes, headers: Headers) -> bytes:
        """Return the whole answer to an upgrade that is refused; b"" for one to accept.

        Args:
            target: the request's target, path and query.
            headers: as parsed, names in lower case.
        """
        # Not urlsplit: it raises for some targets, and "//" would begin a host.
        path = target.decode("ascii", "replace").partition("?")[0]
        return handshake.refusal(path, dict(headers), self._is_allowed)

    def accept(
        self, transport: asyncio.Transport, target: bytes, headers: Headers, rest: bytes
    ) -> None:
        """Take over the transport of an upgrade that `refusal` lets pass.

        A bad token is accepted and then closed with 4401: browsers show pages nothing
        of a refused handshake.

        Args:
            transport: the connection; its protocol is replaced.
            target: the request's target, path and query.
            headers: as parsed, names in lower case.
            rest: bytes that came behind the request.
        """
        query = target.decode("ascii", "replace").partition("?")[2]
        switching = handshake.switching_protocols(dict(headers)[b"sec-websocket-key"])
        protocol = WebSocketProtocol(transport, self, switching)
        transport.set_protocol(protocol)
        self._attach(protocol, parse_qs(query))
        protocol.switch()
        if rest:
            protocol.data_received(rest)

    def reset(self, transport: asyncio.Transport) -> None:
        """End a connection soon: when many end at once, the others do not wait."""
        if not self._ending:
            asyncio.get_running_loop().call_soon(self._reset_some)
        self._ending.append(transport)

    def _reset_some(self) -> None:
        ending = self._ending
        for _ in range(min(RESETS_AT_ONCE, len(ending))):
            sockets.reset(ending.popleft())
        if ending:
            loop = asyncio.get_running_loop()
            loop.call_later(RESET_PAUSE_SECONDS, self._reset_some)

    def forget(self, protocol: WebSocketProtocol) -> None:
        """Count a connection no more: its transport is gone."""
        self.connections.discard(protocol)
        client_id = protocol.client_id
        if self._transports[client_id] > 1:
            self._transports[client_id] -= 1
        else:
            del self._transports[client_id]

    def _attach(
        self, protocol: WebSocketProtocol, query: Mapping[str, list[str]]
    ) -> None:
        try:
            token = query.get("token", [""])[0]
            claims = self.tokens.verify(token, self.clock.time())
            others = self._transports[claims.client_id]
            self._transports[claims.client_id] += 1
            protocol.client_id = claims.client_id
            protocol.nonce = claims.nonce
            protocol.expires_at = claims.expires_at
            after = parse_after(query.get("after", [None])[0])
            self.hub.check_room(len(self.connections) - 1, others)
            self.hub.attach(protocol, claims.number, after)
        except TokenError as error:
            protocol.close(error.close_code, error.description)
        except RemoteProtocolError as error:
            protocol.close(error.close_code, error.reason)


class WebSocketProtocol(Connection, asyncio.Protocol):
    """One open WebSocket.

    Args:
        transport: the connection.
        acceptor: whose connection it is.
        switching: the answer to the handshake; goes out with the first frame, in one
            write, where that frame is there at once.
    """

    __slots__ = (
        "__weakref__",
        "_acceptor",
        "_awaits_answer",
        "_closing_timer",
        "_incoming",
        "_is_behind",
        "_is_closing",
        "_is_over",
        "_own_word",
        "_switching",
        "_transport",
    )

    def __init__(
        self, transport: asyncio.Transport, acceptor: Acceptor, switching: bytes
    ) -> None:
        super().__init__("", b"", 0, transport.write)
        self._switching = switching
        self._transport = transport
        self._acceptor = acceptor
        self._own_word = 0
        if acceptor.sender is not None and acceptor.sender.is_open:
            self._own_word = send_word(sockets.descriptor(transport))
            self.write = self._put
        self._incoming = Incoming()
        self._awaits_answer = False
        self._is_closing = False
        # Nothing is read any more.
        self._is_over = False
        self._closing_timer: asyncio.TimerHandle | None = None
        self._is_behind = False
        transport.set_write_buffer_limits(acceptor.watched_bytes)
        sockets.bound_send_buffer(transport)
        acceptor.connections.add(self)

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
        self._drop()

    def may_send(self) -> bool:
        """See Connection.may_send."""
        if self._is_closing or self._transport.get_write_buffer_size():
            return False
        self.send_word = self._own_word
        return True

    def _put(self, data: bytes) -> None:
        """Hand data to the transport, which may keep it for a while."""
        self.send_word = 0
        self._transport.write(data)

    # --- asyncio.Protocol: what the transport calls -------------------------------

    def pause_writing(self) -> None:
        """Look at each further write: the reader is behind."""
        self._note_behind(is_behind=True)
        self.write = self._write_behind

    def resume_writing(self) -> None:
        """Write straight again: the reader has caught up."""
        self._note_behind(is_behind=False)
        self.write = self._put if self._own_word else self._transport.write

    def _note_behind(self, *, is_behind: bool) -> None:
        if is_behind != self._is_behind:
            self._is_behind = is_behind
            self._acceptor.count_behind(1 if is_behind else -1)

    def _write_behind(self, frames: bytes) -> None:
        """Write, or end a reader that still has more before it than its bound.

        One burst may be longer than the bound, and so may a replay: otherwise a page
        that comes back for it would be sent away again.
        """
        transport = self._transport
        if transport.get_write_buffer_size() <= self._acceptor.reader_bytes:
            transport.write(frames)
            return
        _logger.warning("a reader is too slow: asking it to reconnect")
        self._acceptor.hub.detach(self)
        # A close frame would wait behind what it does not read.
        self._is_closing = self._is_over = True
        self.send_word = 0
        self.write = _discard
        self._acceptor.reset(transport)

    def data_received(self, data: bytes) -> None:
        """Read the page's frames; any byte is a sign of life."""
        self._awaits_answer = False
        if self._is_over:
            return
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
        self._acceptor.forget(self)
        self._note_behind(is_behind=False)
        self._acceptor.hub.detach(self)
        if self._closing_timer is not None:
            self._closing_timer.cancel()
            self._closing_timer = None

    # --- Closing ------------------------------------------------------------------

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame and end within CLOSE_SECONDS. Idempotent."""
        if self._is_closing:
            return
        self._is_closing = True
        last = self._switching + frames.close_frame(code, reason)
        self._switching = b""
        self._put(last)
        self._arm()

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
        self._arm()

    def _fail(self, code: int) -> None:
        """Close and read no more: what comes behind a broken frame has no meaning."""
        self._is_over = True
        self._transport.pause_reading()
        self._acceptor.hub.detach(self)
        if self._is_closing:
            self._drop()
        else:
            self.close(code)

    def _arm(self) -> None:
        """Have the transport gone within CLOSE_SECONDS, whatever is unread."""
        if self._closing_timer is None:
            loop = asyncio.get_running_loop()
            self._closing_timer = loop.call_later(CLOSE_SECONDS, self._drop)

    def _drop(self) -> None:
        self._is_closing = self._is_over = True
        self.send_word = 0
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
