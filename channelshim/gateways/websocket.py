"""Push: a WebSocket of the browser, on the connection that uvicorn accepted.

The handshake is answered here from the request that uvicorn parsed. Outgoing frames
come ready-made from the hub. Pages send pongs and closes only, and those are read by
protocol.frames; the websockets library's parser is made for a peer that sends more.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import parse_qs

from websockets.exceptions import PayloadTooBig
from websockets.exceptions import ProtocolError as WebSocketProtocolError
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from channelshim import limits
from channelshim.errors import RemoteProtocolError, TokenError
from channelshim.gateways import sockets
from channelshim.gateways.io_uring import SendRing, send_word
from channelshim.hub.connections import Connection, write_each
from channelshim.hub.hub import Hub
from channelshim.protocol import frames
from channelshim.protocol.contracts import Clock
from channelshim.protocol.tokens import TokenSigner
from channelshim.protocol.window import parse_after

if TYPE_CHECKING:
    from collections.abc import Generator

_logger: Final = logging.getLogger("channelshim.gateways")

_HANDSHAKE_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 1.3."""


class Acceptor:
    """Decides who may open a WebSocket; one for a server.

    Args:
        hub: where accepted ones attach.
        tokens: verifies tokens.
        clock: the time.
        is_allowed: takes the Origin header (None when absent) and the Host header, and
            says whether a page from there may open a channel.
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
        send_buffer_bytes: int = limits.SEND_BUFFER_BYTES,
        send_buffer_total_bytes: int = limits.SEND_BUFFER_TOTAL_BYTES,
    ) -> None:
        self.hub = hub
        self.tokens = tokens
        self.clock = clock
        self.is_allowed = is_allowed
        self._send_buffer_bytes = send_buffer_bytes
        self._send_buffer_total_bytes = send_buffer_total_bytes
        self.connections: set[WebSocketProtocol] = set()
        self._behind = 0
        self._ending: deque[asyncio.Transport] = deque()
        self._ring: SendRing | None = None
        self.reader_bytes = send_buffer_bytes

    @property
    def has_ring(self) -> bool:
        """Return whether the kernel takes many sends in one call."""
        return self._ring is not None

    def open_ring(self) -> None:
        """Have the hub send to many pages in one call of the kernel, where it can.

        Called on the loop's thread, before any connection.
        """
        try:
            self._ring = SendRing()
        except OSError as error:
            _logger.debug("each page is sent to by itself: %s", error)
            return
        self.hub.write_all = self._write_all

    def close_ring(self) -> None:
        """Give the ring back; the hub writes to each page by itself again."""
        if self._ring is not None:
            self.hub.write_all = write_each
            self._ring.close()
            self._ring = None

    def _write_all(self, connections: Sequence[Connection], frames: bytes) -> None:
        """Send frames to all that nothing waits for; the others' transports wait."""
        ring = self._ring
        if ring is None or len(connections) < limits.RING_LEAST_CONNECTIONS:
            write_each(connections, frames)
            return
        apart = [c for c in connections if not (c.send_word or c.may_send())]
        if apart:
            connections = [c for c in connections if c.send_word]
        self._send(ring, connections, frames)
        # Those that are behind come last: nobody waits for them.
        write_each(apart, frames)

    def _send(
        self, ring: SendRing, connections: Sequence[Connection], frames: bytes
    ) -> None:
        try:
            short = ring.send([c.send_word for c in connections], frames)
        except OSError as error:
            _logger.error("io_uring failed, and is used no more: %s", error)
            self.close_ring()
            # Who has what is unknown: they come back and resume.
            for connection in connections:
                self.hub.detach(connection)
                connection.abort()
            return
        for index, taken in short:
            connections[index].write(frames[taken:])

    @property
    def watched_bytes(self) -> int:
        """Return from how many bytes on a reader counts as behind."""
        return min(self._send_buffer_bytes, limits.READER_BEHIND_BYTES)

    def count_behind(self, change: int) -> None:
        """Count a reader that falls behind (1) or is so no more (-1)."""
        self._behind += change
        share = self._send_buffer_total_bytes // max(self._behind, 1)
        self.reader_bytes = min(
            self._send_buffer_bytes, max(share, limits.READER_BEHIND_BYTES)
        )

    def accept(
        self,
        transport: asyncio.Transport,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        rest: bytes,
    ) -> None:
        """Answer an upgrade request and take over its transport.

        A bad token is accepted and then closed with 4401: browsers show pages nothing
        of a refused handshake.

        Args:
            transport: the connection; its protocol is replaced.
            target: the request's target, path and query.
            headers: as parsed, names in lower case.
            rest: bytes that came behind the request.
        """
        named = dict(headers)
        # Not urlsplit: it raises for some targets, and "//" would begin a host.
        path, _, query = target.decode("ascii", "replace").partition("?")
        refusal = self._refusal(path, named)
        if refusal is not None:
            transport.write(_refusal_bytes(*refusal))
            transport.close()
            return
        switching = _switching_protocols(named[b"sec-websocket-key"])
        protocol = WebSocketProtocol(transport, self, switching)
        transport.set_protocol(protocol)
        self._attach(protocol, parse_qs(query))
        if rest:
            protocol.data_received(rest)

    def reset(self, transport: asyncio.Transport) -> None:
        """End a connection soon: when many end at once, the others do not wait."""
        if not self._ending:
            asyncio.get_running_loop().call_soon(self._reset_some)
        self._ending.append(transport)

    def _reset_some(self) -> None:
        ending = self._ending
        for _ in range(min(limits.RESETS_AT_ONCE, len(ending))):
            sockets.reset(ending.popleft())
        if ending:
            loop = asyncio.get_running_loop()
            loop.call_later(limits.RESET_PAUSE_SECONDS, self._reset_some)

    def _refusal(
        self, path: str, headers: Mapping[bytes, bytes]
    ) -> tuple[HTTPStatus, str] | None:
        if path != limits.PATH_SOCKET:
            return HTTPStatus.NOT_FOUND, "There is no WebSocket here."
        if headers.get(b"sec-websocket-version") != b"13" or not _is_key(
            headers.get(b"sec-websocket-key", b"")
        ):
            return HTTPStatus.BAD_REQUEST, "This is not a WebSocket handshake."
        origin = headers.get(b"origin")
        host = headers.get(b"host", b"").decode("latin-1")
        if not self.is_allowed(origin.decode("latin-1") if origin else None, host):
            return HTTPStatus.FORBIDDEN, "Pages of this origin may not open a channel."
        return None

    def _attach(
        self, protocol: WebSocketProtocol, query: Mapping[str, list[str]]
    ) -> None:
        try:
            token = query.get("token", [""])[0]
            claims = self.tokens.verify(token, self.clock.time())
            protocol.client_id = claims.client_id
            protocol.nonce = claims.nonce
            protocol.expires_at = claims.expires_at
            after = parse_after(query.get("after", [None])[0])
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
            write.
    """

    __slots__ = (
        "__weakref__",
        "_acceptor",
        "_awaits_answer",
        "_closing_timer",
        "_is_behind",
        "_is_broken",
        "_is_closing",
        "_own_word",
        "_parser",
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
        if acceptor.has_ring:
            self._own_word = send_word(sockets.descriptor(transport))
            self.write = self._put
        self._parser: _FrameParser | None = None
        self._awaits_answer = False
        self._is_closing = False
        self._is_broken = False
        self._closing_timer: asyncio.TimerHandle | None = None
        self._is_behind = False
        transport.set_write_buffer_limits(acceptor.watched_bytes)
        sockets.bound_send_buffer(transport)
        acceptor.connections.add(self)

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
        _logger.warning("a reader is too slow: it is told to come back")
        self._acceptor.hub.detach(self)
        # A close frame would wait behind what it does not read.
        self._is_closing = True
        self.send_word = 0
        self.write = _discard
        self._acceptor.reset(transport)

    def data_received(self, data: bytes) -> None:
        """Read the page's frames; any byte is a sign of life."""
        self._awaits_answer = False
        if self._is_broken or (self._is_closing and self._closing_timer is None):
            return
        while data and self._parser is None:
            frame = frames.read_plain_frame(data)
            if frame is None:
                self._parser = _FrameParser()
                break
            if frame.opcode == frames.OPCODE_CLOSE:
                self._closed_by_peer(frame.close_code)
                return
            data = data[frame.length :]
        if self._parser is not None:
            self._read(data)

    def eof_received(self) -> bool:
        """Close our side too."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Detach; the page may come back within the grace."""
        # The descriptor is somebody else's from now on.
        self.send_word = self._own_word = 0
        self.write = _discard
        self._acceptor.connections.discard(self)
        self._note_behind(is_behind=False)
        self._acceptor.hub.detach(self)
        if self._closing_timer is not None:
            self._closing_timer.cancel()
            self._closing_timer = None

    # --- Closing ------------------------------------------------------------------

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame and end within limits.CLOSE_SECONDS. Idempotent."""
        if self._is_closing:
            return
        self._is_closing = True
        last = self._switching + frames.close_frame(code, reason)
        self._switching = b""
        self._put(last)
        loop = asyncio.get_running_loop()
        self._closing_timer = loop.call_later(limits.CLOSE_SECONDS, self._drop)

    def _closed_by_peer(self, code: int | None) -> None:
        if not self._is_closing:
            self._is_closing = True
            answer = code if code is not None else limits.CLOSE_NORMAL
            if not _is_sendable(answer):
                answer = limits.CLOSE_PROTOCOL_ERROR
            self._put(frames.close_frame(answer))
        self._acceptor.hub.detach(self)
        self._transport.close()

    def _drop(self) -> None:
        self._is_closing = True
        self.send_word = 0
        self._transport.abort()

    def _read(self, data: bytes) -> None:
        assert self._parser is not None
        try:
            for frame in self._parser.feed(data):
                if frame.opcode is Opcode.PING:
                    pong = Frame(Opcode.PONG, bytes(frame.data))
                    self.write(pong.serialize(mask=False))
                elif frame.opcode is Opcode.CLOSE:
                    code = int.from_bytes(frame.data[:2], "big") or None
                    self._closed_by_peer(code)
                    return
        except PayloadTooBig:
            self._fail(limits.CLOSE_TOO_BIG)
        except WebSocketProtocolError:
            self._fail(limits.CLOSE_PROTOCOL_ERROR)

    def _fail(self, code: int) -> None:
        """Close; what comes behind a broken frame has no meaning."""
        self._is_broken = True
        self._acceptor.hub.detach(self)
        self.close(code)


class _FrameParser:
    """The websockets library's frame parser, fed with bytes.

    Text and binary frames of pages are read and ignored: there is no upstream channel
    (contract 0.3), and old clients send keep-alives.
    """

    def __init__(self) -> None:
        self._reader = StreamReader()
        self._parsing: Generator[None, None, Frame] | None = None

    def feed(self, data: bytes) -> list[Frame]:
        self._reader.feed_data(data)
        read: list[Frame] = []
        while True:
            if self._parsing is None:
                self._parsing = Frame.parse(
                    self._reader.read_exact,
                    mask=True,
                    max_size=limits.MAXIMUM_INCOMING_FRAME_BYTES,
                )
            try:
                next(self._parsing)
            except StopIteration as stop:
                read.append(cast(Frame, stop.value))
                self._parsing = None
            else:
                return read


def _discard(frames: bytes) -> None:
    """Write nothing to a connection that ends."""


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except ValueError:
        return False


def _is_sendable(code: int) -> bool:
    """Return whether RFC 6455 7.4 lets an endpoint send this close code."""
    return code in (1000, 1001, 1002, 1003, *range(1007, 1015)) or 3000 <= code < 5000


def _switching_protocols(key: bytes) -> bytes:
    digest = hashlib.sha1(key + _HANDSHAKE_GUID, usedforsecurity=False).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Accept: "
        + base64.b64encode(digest)
        + b"\r\n\r\n"
    )


def _refusal_bytes(status: HTTPStatus, sentence: str) -> bytes:
    body = sentence.encode("utf-8") + b"\n"
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
