"""uvicorn's HTTP protocol, with its upgrades handed to us and its input bounded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final

import httptools

from channelshim.server import refusals, request_line
from channelshim.server.http_connection import HttpConnection
from channelshim.server.response import Connection
from channelshim.server.uvicorn_names import RequestResponseCycle, check_names
from channelshim.transports import handshake
from channelshim.transports.acceptor import Acceptor
from channelshim.transports.connection_table import ConnectionTable

MAXIMUM_HEADER_BYTES: Final = 64 << 10
"""Request line and headers together."""

HEADER_COST: Final = 64
"""What a header counts besides its bytes: an environment of thousands would take tens
of milliseconds."""

TURN_BYTES: Final = 4 << 10
"""What is parsed of one connection in a turn of the loop: in the smallest chunks it
takes half a millisecond, and an answer takes three turns."""

BODY_TURN_BYTES: Final = 64 << 10
"""The same of a body that is not in chunks."""

_SLICE_COST = 256
"""What a slice counts at least: the smallest cost as much."""

_HEAD_END = b"\r\n\r\n"
_TAIL_BYTES = len(_HEAD_END) - 1

_VERSIONS = frozenset({"1.0", "1.1"})

_logger: Final = logging.getLogger("channelshim.server")

Begin = Callable[[Connection, RequestResponseCycle], None]


class HttpProtocol(HttpConnection):
    """One HTTP connection.

    httptools bounds no header, uvicorn waits for ever for slow heads and slow readers,
    reads as many requests as its peer sends, and answers an upgrade by writing the
    request again for another parser. All of it is done here instead.

    Theory. One request is parsed at a time. What comes behind it is kept as bytes, and
    nothing more is read, until it has been answered. So an answer, a refusal or an
    upgrade never overtakes the answer before it, and a connection holds one parsed
    request and one read of the transport at most, however much its peer sends. Of what
    was read, TURN_BYTES are parsed in a turn of the loop; the rest waits for the next
    turn.
    """

    # Filled in by `for_server`: uvicorn makes protocols from a class.
    acceptor: ClassVar[Acceptor | None]
    begin: ClassVar[staticmethod[[Connection, RequestResponseCycle], None]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_feeding = False
        self._is_deaf = False
        self._begun: RequestResponseCycle | None = None
        self._header_bytes = 0
        self._hosts = 0
        self._is_in_head = True
        # Of the body's Content-Length; less than 1 where that does not say.
        self._body_left = 0
        # Answered before its body has come, it may not go on with another request.
        self._keeps_alive = False
        self._is_chunked = False
        self._is_upgrade = False
        self._is_between_requests = True
        # The last bytes of a request that is not whole: the end of its head may be cut.
        self._tail = b""

    # --- Reading --------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Feed the parser, as far as what comes is its peer's turn."""
        if self._is_lingering:
            self._drop_slowly()
            return
        self._is_idle = False
        if self._unparsed or self._is_in_hand():
            # The former by a read that was under way when reading was paused.
            self._keep(self._unparsed[self._parsed_bytes :] + data)
        elif (
            len(data) <= TURN_BYTES
            and self._is_between_requests
            and data.count(_HEAD_END) <= 1
        ):
            # Nearly everything: it holds one whole request at most.
            self._is_feeding = True
            taken = self._feed(data)
            self._is_feeding = False
            self._keep_tail(data[-_TAIL_BYTES:])
            self._go_on(data, taken)
        else:
            self._parse(data, 0)

    def _parse(self, data: bytes, at: int) -> None:
        """Parse data from there on, until its turn is over."""
        view = memoryview(data)
        left = TURN_BYTES
        self._is_feeding = True
        while (
            left > 0
            and at < len(data)
            and not (self._is_in_hand() or self._is_lingering or self._is_upgrade)
        ):
            end = self._slice_end(data, at, left)
            taken = self._feed(view[at:end])
            left -= max(taken, _SLICE_COST)
            at += taken
            self._keep_tail(data[max(at - _TAIL_BYTES, at - taken) : at])
        self._is_feeding = False
        self._go_on(data, at)

    def _keep_tail(self, fed: bytes) -> None:
        """Keep what a request that is not whole ends with, as far as it was fed."""
        whole = self._is_between_requests
        self._tail = b"" if whole else (self._tail + fed)[-_TAIL_BYTES:]

    def _slice_end(self, data: bytes, at: int, most: int) -> int:
        """Return the end of a slice that goes beyond no request."""
        if self._is_in_body and self._body_left > 0:
            return min(at + self._body_left, at + BODY_TURN_BYTES, len(data))
        # So end heads, and bodies in chunks.
        end = min(at + most, len(data))
        found = (self._tail + data[at:end]).find(_HEAD_END)
        return end if found < 0 else at - len(self._tail) + found + len(_HEAD_END)

    def _go_on(self, data: bytes, at: int) -> None:
        """Begin what was parsed, and keep what was not."""
        begun, self._begun = self._begun, None
        if self._is_lingering:
            return
        if self._is_upgrade:
            self._is_upgrade = False
            self._upgrade(data[at:])
            return
        if begun is not None:
            self._start(begun)
        elif self._is_in_body and not self._charge_body():
            return
        if at < len(data):
            self._keep(data, at)
            if not self._is_in_hand():
                self.loop.call_soon(self._read_on)
        elif self._flow.is_held:
            self._release()

    def _read_on(self) -> None:
        """Parse what was kept, as far as its turn goes."""
        if self._is_lingering or self.transport.is_closing():
            self._unparsed = b""
        elif self._unparsed and not self._is_in_hand():
            data, self._unparsed = self._unparsed, b""
            self._parse(data, self._parsed_bytes)

    def _feed(self, piece: bytes | memoryview) -> int:
        """Parse a piece; return how much of it was taken."""
        data = piece
        if self._is_between_requests:
            whole = bytes(piece)
            if not whole.isascii():
                data = request_line.quoted(whole)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            taken: int = upgrade.args[0] - len(data) + len(piece)
            # One to another protocol is a request as any.
            self._is_upgrade = self._should_upgrade()
            if self._has_skipped_body():
                self._read_skipped_body()
            return taken
        except httptools.HttpParserError as error:
            refused = error.__context__
            if isinstance(refused, refusals.RefusedHead):
                self._refuse(refused.status_line)
            elif (
                isinstance(error, httptools.HttpParserInvalidMethodError)
                # Else the line that data begins with is another one.
                and not self._is_in_hand()
                and request_line.has_a_method(bytes(data))
            ):
                self._refuse(refusals.NOT_IMPLEMENTED)
            else:
                self._refuse(refusals.BAD_REQUEST)
        return len(piece)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Answer a request; uvicorn would run an ASGI application.

        Begun when all that came with its head is read: most bodies have come whole.
        """
        if self._is_feeding:
            self._begun = cycle
        else:
            self._start(cycle)

    def _start(self, cycle: RequestResponseCycle) -> None:
        if self._is_in_body:
            self._keeps_alive, cycle.keep_alive = cycle.keep_alive, False
        self.begin(self, cycle)

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine as a task that the server's stop cancels."""
        task = self.loop.create_task(self._logged(coroutine))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _logged(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        except Exception:
            _logger.exception("an answer failed")
            self.transport.close()

    def on_response_complete(self) -> None:
        """Go on with what waits, or wait for another request."""
        if self.transport.is_closing() or self._is_lingering:
            return
        if self._refusal:
            self._refuse(self._refusal)
        elif self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._unparsed:
            self.loop.call_soon(self._read_on)
        else:
            self._is_idle = True
            self._flow.is_held = False
            self.flow.resume_reading()

    # --- What the parser finds --------------------------------------------------------

    def on_message_begin(self) -> None:
        """Start to count."""
        self._header_bytes = 0
        self._hosts = 0
        self._requests += 1
        self._body_left = 0
        self._is_chunked = False
        self._charged_bytes = self._body_bytes
        self._is_in_head = True
        self._is_between_requests = False
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header."""
        self._count(len(name) + len(value) + HEADER_COST)
        if not self._is_in_head:
            # A trailer comes after everything was judged by the head.
            return
        if len(name) == 4 and name.lower() == b"host":
            self._hosts += 1
        elif len(name) == 14 and name.lower() == b"content-length":
            # The parser has checked that these are digits.
            self._body_left = int(value)
        elif len(name) == 17 and name.lower() == b"transfer-encoding":
            # The parser reads the chunks of "gzip, chunked" and leaves the rest as it
            # is, which no app takes for what it asked for.
            if value.strip().lower() != b"chunked":
                raise refusals.UnknownCoding
            self._is_chunked = True
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > MAXIMUM_HEADER_BYTES:
            raise refusals.HeadersTooLong

    def on_headers_complete(self) -> None:
        """Note that the head is complete; refuse one without a host, or with two."""
        self._is_in_head = False
        version = self.parser.get_http_version()
        if version not in _VERSIONS:
            raise refusals.UnknownVersion
        if self._hosts > 1 or not (self._hosts or version == "1.0"):
            raise refusals.NotOneHost
        super().on_headers_complete()
        self._is_in_body = True

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._body_bytes += len(body)
        self._body_left -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        if self._has_skipped_body():
            return
        self._is_in_body = False
        self._is_between_requests = True
        self.table.bodies.give_back(self)
        super().on_message_complete()
        if self._keeps_alive:
            cycle = self.cycle
            cycle.keep_alive = True
            self._keeps_alive = False

    # --- Upgrades ---------------------------------------------------------------------

    def _should_upgrade(self) -> bool:
        """Return whether a WebSocket is asked for, in whatever lines."""
        words = {b"connection": b"", b"upgrade": b""}
        for name, value in self.headers:
            if name in words:
                words[name] += b"," + value.lower()
        connection, upgrade = (
            {word.strip() for word in line.split(b",")} for line in words.values()
        )
        return b"upgrade" in connection and b"websocket" in upgrade

    def _has_skipped_body(self) -> bool:
        """Return whether the parser takes a body for bytes of another protocol."""
        has_body = self._body_left > 0 or self._is_chunked
        return has_body and self.parser.should_upgrade() and not self._should_upgrade()

    def _read_skipped_body(self) -> None:
        """Have the body read by a parser that has seen no upgrade."""
        framing = b"Content-Length: %d" % self._body_left
        if self._is_chunked:
            framing = b"Transfer-Encoding: chunked"
        self.parser = httptools.HttpRequestParser(_BodyAlone(self))
        self.parser.feed_data(b"POST / HTTP/1.1\r\nHost: a\r\n" + framing + _HEAD_END)

    def on_skipped_body_complete(self) -> None:
        """Have the next request read as any."""
        self.parser = httptools.HttpRequestParser(self)
        self.on_message_complete()

    def _upgrade(self, rest: bytes) -> None:
        """Hand the connection over, or refuse."""
        acceptor = self.acceptor
        scope = self.scope
        refusal = (
            handshake.not_here()
            if acceptor is None
            else acceptor.refusal(
                scope["method"], scope["http_version"], self.url, self.headers
            )
        )
        if self._is_behind:
            # An answer before it is not read: what would follow could wait for ever.
            self._refuse(refusals.BAD_REQUEST)
        elif refusal:
            self._refuse_with(refusal)
        elif acceptor is not None:
            self._hand_over(acceptor, rest)

    def _hand_over(self, acceptor: Acceptor, rest: bytes) -> None:
        self.connections.discard(self)
        self._flow.is_held = False
        self.flow.resume_reading()
        joined: Any = self.transport
        joined.flush()
        acceptor.accept(joined.transport, self.url, self.headers, rest, self)
        # The parser and this object refer to each other: the connection goes on for
        # hours, this should not.
        self._unparsed = b""
        self.parser = None  # type: ignore[assignment]
        self.cycle = None  # type: ignore[assignment]


class _BodyAlone:
    """What a parser finds, but for the head that it was given by us."""

    def __init__(self, protocol: HttpProtocol) -> None:
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.on_skipped_body_complete


def for_server(
    acceptor: Acceptor | None, begin: Begin, table: ConnectionTable
) -> type[HttpProtocol]:
    """Return the protocol class of one server.

    Args:
        acceptor: takes WebSockets; None refuses them.
        begin: answers a request whose head is here.
        table: owns the connections; the acceptor's.
    """
    check_names()
    bound = {"acceptor": acceptor, "begin": staticmethod(begin), "table": table}
    return type("BoundHttpProtocol", (HttpProtocol,), bound)
