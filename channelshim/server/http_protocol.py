"""uvicorn's HTTP protocol, with its upgrades handed to us and its input bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Final, cast

import httptools
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)

from channelshim.errors import ConfigurationError
from channelshim.kernel import sockets
from channelshim.server import request_line
from channelshim.server.bridge import AsgiApp
from channelshim.transports import handshake
from channelshim.transports.websocket import Acceptor

HEAD_SECONDS: Final = 30.0
"""How long the request line and headers may take."""

READER_SECONDS: Final = 20.0
"""A reader must take READER_BYTES in this time, or all that is left for it."""

READER_BYTES: Final = 128 << 10
"""52 kbit/s: slower, a streamed answer would hold its worker for long."""

MAXIMUM_HEADER_BYTES: Final = 64 << 10
"""Request line and headers together."""

_SLICE_BYTES = 4 << 10
"""What is parsed before anybody looks whether requests wait: about a hundred of the
smallest ones."""

_TRY_AGAIN: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
_VERSIONS = frozenset({"1.0", "1.1"})

Begin = Callable[[RequestResponseCycle, Callable[[AsgiApp], None]], bool]


class JoinedWrites:
    """A transport that writes once in a turn of the loop what comes together.

    uvicorn writes the head of an answer and its body apart; each write wakes the peer,
    and costs more than all the Python between them.

    Args:
        transport: where everything else goes.
        loop: whose turns count.

    Attributes:
        written_bytes: all that was written, those that wait included.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self.written_bytes: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    def write(self, data: bytes) -> None:
        """Write data at the end of this turn."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)
        self.written_bytes += len(data)

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
        """Write what is held, and close."""
        self.flush()
        self.transport.close()

    def flush(self) -> None:
        """Write what is held, now."""
        held = self._held
        if held:
            self._held = []
            # uvloop raises where asyncio lets it pass.
            if self.transport.is_closing():
                return
            self.transport.write(held[0] if len(held) == 1 else b"".join(held))


class _Flow(FlowControl):
    """uvicorn's flow control, which reads on for each answer and each body.

    Attributes:
        is_held: nothing is read while requests wait for the one in hand.
    """

    is_held = False

    def resume_reading(self) -> None:
        if not self.is_held:
            super().resume_reading()


class HttpProtocol(HttpToolsProtocol):
    """One HTTP connection.

    httptools bounds no header, uvicorn waits for ever for slow heads and slow readers,
    reads as many requests as its peer sends, and answers an upgrade by writing the
    request again for another parser. All of it is done here instead.

    What is read is parsed in slices. As soon as one leaves a request waiting behind
    another, the rest of what was read is kept as it is, and nothing more is read until
    the last of those requests has begun. So at most a slice of requests waits parsed,
    and one read of the transport unparsed. An upgrade waits until all before it has
    been answered.
    """

    # Filled in by `for_server`: uvicorn makes protocols from a class.
    acceptor: ClassVar[Acceptor | None]
    begin: ClassVar[
        staticmethod[[RequestResponseCycle, Callable[[AsgiApp], None]], bool]
    ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_feeding = False
        self._is_deaf = False
        self._begun: tuple[RequestResponseCycle, Any] | None = None
        self._header_bytes = 0
        self._hosts = 0
        self._is_in_head = True
        self._is_between_requests = True
        # Since when the sweep has seen a head awaited, and a reader behind; 0 means
        # not. Times are monotonic seconds.
        self._head_since = 0.0
        self._behind_since = 0.0
        self._taken_bytes = 0
        self._is_behind = False
        self._was_behind = False
        self._in_hand: RequestResponseCycle | None = None
        self._unparsed = b""
        # What came behind the head of an upgrade that waits.
        self._upgrading: bytes | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection."""
        super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type]
        self.flow = self._flow = _Flow(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what waits, and tell the request in hand."""
        if self._in_hand is not None and self._in_hand is not self.cycle:
            # uvicorn tells the newest one only.
            self._in_hand.disconnected = not self._in_hand.response_complete
            self._in_hand.message_event.set()
        self._unparsed = b""
        self._upgrading = None
        self.pipeline.clear()
        super().connection_lost(exc)

    def give_up(self) -> bool:
        """End the connection at the end of a stop.

        Returns:
            whether its peer is told to try again: nothing of an answer was sent.
        """
        cycle = self._in_hand
        is_unanswered = cycle is not None and not cycle.response_started
        if not is_unanswered or self.transport.is_closing():
            sockets.reset(self.transport)
            return False
        assert cycle is not None
        # Whatever the app still answers is dropped.
        cycle.disconnected = True
        cycle.message_event.set()
        self.transport.write(_TRY_AGAIN)
        self._end_writing()
        return True

    def _end_writing(self) -> None:
        """Close, but drop what still comes: unread, it would take the answer along."""
        joined: Any = self.transport
        joined.flush()
        self._is_deaf = True
        self._flow.is_held = False
        self.flow.resume_reading()
        joined.write_eof()

    def sweep(self, now: float) -> None:
        """End the connection when its peer is too slow; called now and then.

        Args:
            now: monotonic seconds.
        """
        self._sweep_reader(now)
        has_own_bound = (
            self.timeout_keep_alive_task is not None or self.transport.is_closing()
        )
        if has_own_bound or not (self.cycle is None or self.cycle.response_complete):
            self._head_since = 0.0
        elif not self._head_since:
            self._head_since = now
        elif now - self._head_since > HEAD_SECONDS:
            self._refuse("408 Request Timeout")

    def _sweep_reader(self, now: float) -> None:
        """Cut a reader that takes too little: a worker may be waiting for it.

        What counts is what it takes over a time in which it was always behind, now
        and then catching up with one piece included.
        """
        is_behind, self._was_behind = self._was_behind, self._is_behind
        if not (is_behind or self._is_behind or self.transport.is_closing()):
            self._behind_since = 0.0
            return
        taken = cast("JoinedWrites", self.transport).taken_bytes()
        if not self._behind_since or taken - self._taken_bytes >= READER_BYTES:
            self._behind_since = now
            self._taken_bytes = taken
        elif now - self._behind_since > READER_SECONDS:
            sockets.reset(self.transport)

    def pause_writing(self) -> None:
        """Note that the reader is behind."""
        self._is_behind = self._was_behind = True
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the reader has caught up, for now."""
        self._is_behind = False
        super().resume_writing()

    def on_headers_complete(self) -> None:
        """Note that the head is complete; refuse one without a host, or with two."""
        self._head_since = 0.0
        self._is_in_head = False
        version = self.parser.get_http_version()
        if version not in _VERSIONS:
            raise _UnknownVersion
        if self._hosts > 1 or not (self._hosts or version == "1.0"):
            raise _NotOneHost
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, as far as requests need not wait."""
        if self._is_deaf:
            return
        self._unset_keepalive_if_required()
        if self._unparsed or self._upgrading is not None:
            # A read that was under way when reading was paused.
            self._unparsed += data
            return
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        if self._is_between_requests and not data.isascii():
            data = request_line.quoted(data)
        self._is_feeding = True
        try:
            # Nearly everything is one slice.
            for start in range(0, len(data), _SLICE_BYTES):
                whole = start == 0 and len(data) <= _SLICE_BYTES
                piece = data if whole else data[start : start + _SLICE_BYTES]
                if not self._feed(piece, data, start):
                    break
                if self.pipeline:
                    self._unparsed = data[start + _SLICE_BYTES :]
                    break
        finally:
            self._is_feeding = False
            if self._begun is not None:
                begun, self._begun = self._begun, None
                self._start_asgi_task(*begun)
        self._hold_or_upgrade()

    def _feed(self, piece: bytes, data: bytes, start: int) -> bool:
        """Parse piece, which is in data at start; return whether to go on."""
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self._upgrading = data[start + upgrade.args[0] :]
                return False
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, _HeadersTooLong):
                self._refuse("431 Request Header Fields Too Large")
            elif isinstance(error.__context__, _UnknownCoding) or (
                isinstance(error, httptools.HttpParserInvalidMethodError)
                and request_line.has_a_method(piece)
            ):
                self._refuse("501 Not Implemented")
            elif isinstance(error.__context__, _UnknownVersion):
                self._refuse("505 HTTP Version Not Supported")
            else:
                self.send_400_response("Invalid HTTP request received.")
            return False
        return True

    def _hold_or_upgrade(self) -> None:
        """Stop reading while anything waits; take an upgrade that waits for nothing."""
        is_answered = self.cycle is None or self.cycle.response_complete
        if self._upgrading is not None and is_answered and not self.pipeline:
            self._upgrade(self._upgrading + self._unparsed)
            return
        is_held = bool(self.pipeline or self._unparsed or self._upgrading is not None)
        self._flow.is_held = is_held
        if is_held and not self.transport.is_closing():
            self.flow.pause_reading()

    def on_response_complete(self) -> None:
        """Begin the next request; read on when it was the last that waited."""
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self._flow.is_held and not self.pipeline:
            self.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        """Parse what was kept, and read again unless something waits once more."""
        if self.pipeline or self.transport.is_closing() or self.parser is None:
            return
        unparsed, self._unparsed = self._unparsed, b""
        if unparsed:
            self._unset_keepalive_if_required()
            self._parse(unparsed)
        else:
            self._hold_or_upgrade()
        if self.parser is not None:
            self.flow.resume_reading()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Answer a request, by a task only if it needs one.

        Decided when all that came with its head is read: most bodies have come whole.
        """
        self._in_hand = cycle
        if self._is_feeding:
            self._begun = (cycle, app)
            return
        is_whole = not (cycle.more_body or cycle.waiting_for_100_continue)
        start = super()._start_asgi_task
        if not (is_whole and self.begin(cycle, partial(start, cycle))):
            start(cycle, app)

    def on_message_begin(self) -> None:
        """Start to count."""
        self._header_bytes = 0
        self._hosts = 0
        self._is_in_head = True
        self._is_between_requests = False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """Note that the next bytes begin another request."""
        self._is_between_requests = True
        super().on_message_complete()

    def on_url(self, url: bytes) -> None:
        """Count the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header."""
        self._count(len(name) + len(value) + 4)
        if not self._is_in_head:
            # A trailer comes after everything was judged by the head.
            return
        if len(name) == 4 and name.lower() == b"host":
            self._hosts += 1
        elif len(name) == 17 and name.lower() == b"transfer-encoding":
            # The parser reads the chunks of "gzip, chunked" and leaves the rest as it
            # is, which no app takes for what it asked for.
            if value.strip().lower() != b"chunked":
                raise _UnknownCoding
        super().on_header(name, value)

    def _should_upgrade_to_ws(self) -> bool:
        return True

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > MAXIMUM_HEADER_BYTES:
            raise _HeadersTooLong

    def _refuse(self, status_line: str) -> None:
        head = f"HTTP/1.1 {status_line}\r\nContent-Length: 0\r\nConnection: close\r\n"
        self.transport.write(head.encode("ascii") + b"\r\n")
        self.transport.close()

    def _upgrade(self, rest: bytes) -> None:
        """Hand the connection over, or refuse; a refused one is still swept."""
        self._upgrading = None
        acceptor = self.acceptor
        refusal = (
            handshake.not_here()
            if acceptor is None
            else acceptor.refusal(self.url, self.headers)
        )
        if self._is_behind:
            # An answer before it is not read: what would follow could wait for ever.
            self._refuse("400 Bad Request")
        elif refusal:
            self.transport.write(refusal)
            self.transport.close()
        elif acceptor is not None:
            self._hand_over(acceptor, rest)

    def _hand_over(self, acceptor: Acceptor, rest: bytes) -> None:
        self.connections.discard(self)
        self._unset_keepalive_if_required()
        self._flow.is_held = False
        self.flow.resume_reading()
        joined: Any = self.transport
        joined.flush()
        acceptor.accept(joined.transport, self.url, self.headers, rest)
        # The parser and this object refer to each other: the connection goes on for
        # hours, this should not.
        self.parser = None  # type: ignore[assignment]
        self.cycle = self._in_hand = None  # type: ignore[assignment]


class _HeadersTooLong(Exception):
    """More header bytes than MAXIMUM_HEADER_BYTES."""


class _UnknownCoding(Exception):
    """A body in another coding than chunks (RFC 9112, 6.1)."""


class _UnknownVersion(Exception):
    """A version with other rules than those of HTTP/1 (RFC 9110, 2.5)."""


class _NotOneHost(Exception):
    """A request of HTTP/1.1 must name one host (RFC 9112, 3.2)."""


def for_server(acceptor: Acceptor | None, begin: Begin) -> type[HttpProtocol]:
    """Return the protocol class of one server.

    Args:
        acceptor: takes WebSockets; None refuses them.
        begin: answers a request that is here whole without a task, or returns False;
            also takes what starts a task for it.
    """
    _check_uvicorn()
    bound = {"acceptor": acceptor, "begin": staticmethod(begin)}
    return type("BoundHttpProtocol", (HttpProtocol,), bound)


_REPLACED = ("_should_upgrade_to_ws", "_start_asgi_task")
_CALLED = ("_should_upgrade", "_unset_keepalive_if_required")
"""uvicorn's private methods: one that is gone fails late, one that is no longer called
fails in silence."""


def _check_uvicorn() -> None:
    names = (*_REPLACED, *_CALLED)
    missing = [name for name in names if not hasattr(HttpToolsProtocol, name)]
    if not hasattr(uvicorn.Config, "get_loop_factory"):
        missing.append("get_loop_factory")
    if missing:
        raise ConfigurationError(
            f"uvicorn {uvicorn.__version__} does not work with this channelshim (it "
            f"lacks {', '.join(missing)}): run `pip install channelshim`, which "
            "installs one that does"
        )
