"""One answer on its way to its connection: the only code that writes answers.

Whole ones, as almost all are, go out in one write and without a task, those in pieces
with the connection's own flow control.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from channelshim.appserver.response_rules import NO_SNIFFING
from channelshim.kernel import sockets
from channelshim.server.request import Request
from channelshim.server.response_bytes import (
    BODILESS,
    BadAnswer,
    Headers,
    header_lines,
    status_line,
)

if TYPE_CHECKING:
    from channelshim.server.joined_writes import JoinedWrites
    from channelshim.server.service import Service

_logger: Final = logging.getLogger("channelshim.server")

TEXT_HEADERS: Final = (("Content-Type", "text/plain; charset=utf-8"), NO_SNIFFING)
"""Of a sentence of the server's own."""

NO_ANSWER: Final = b"The app did not answer."

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(Protocol):
    """Where an answer goes; see http_connection.HttpConnection.

    Attributes:
        transport: takes its bytes.
        service: of its listener.
        is_behind: whether what was written waits for its reader.
        is_in_body: whether the request's body is still coming.
    """

    @property
    def transport(self) -> JoinedWrites: ...

    @property
    def service(self) -> Service: ...

    @property
    def is_behind(self) -> bool: ...

    @property
    def is_in_body(self) -> bool: ...

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine as a task that the server's stop cancels."""

    def pause_writing(self) -> None:
        """Note that the reader is behind."""

    def resume_writing(self) -> None:
        """Note that it has caught up."""

    async def drain(self) -> None:
        """Wait until the reader is not behind, or gone."""

    def on_response_complete(self) -> None:
        """Go on with the next request."""


class Response:
    """The answer to one request. Loop thread.

    Args:
        connection: takes it.
        request: that it answers.
        keeps_alive: whether another request may follow on the connection.

    Attributes:
        connection: as given.
        request: as given.
        keeps_alive: as given, until something forbids it.
        method: of the request.
        status: that was sent; 0 before that.
        is_complete: whether all of it was written.
        is_lost: whether nobody is there to take it.
        size: bytes of its body; -1 while they are not known.
        begun: when the request's head had come; monotonic seconds.
    """

    __slots__ = (
        "_gone",
        "_is_chunked",
        "_left",
        "begun",
        "connection",
        "is_complete",
        "is_lost",
        "keeps_alive",
        "method",
        "request",
        "size",
        "status",
    )

    def __init__(
        self, connection: Connection, request: Request, *, keeps_alive: bool = True
    ) -> None:
        self.connection: Connection = connection
        self.request: Request = request
        self.keeps_alive: bool = keeps_alive
        self.method: str = request.method
        self.status: int = 0
        self.is_complete: bool = False
        self.is_lost: bool = False
        self.size: int = -1
        self.begun: float = time.monotonic()
        self._is_chunked = False
        # Bytes that the head has announced and that are still to come.
        self._left = 0
        self._gone: asyncio.Future[None] | None = None

    @property
    def is_behind(self) -> bool:
        """Return whether the reader should catch up first; see `drain`."""
        return self.connection.is_behind and not self.is_lost

    @property
    def is_gone(self) -> bool:
        """Return whether nobody reads on."""
        return self.is_lost or self.connection.transport.is_closing()

    async def drain(self) -> None:
        """Wait until the reader is not behind, or gone."""
        if not self.is_lost:
            await self.connection.drain()

    def gone(self) -> asyncio.Future[None]:
        """Return what is done once the peer is gone, or has its whole answer."""
        if self._gone is None:
            self._gone = asyncio.get_running_loop().create_future()
            if self.is_lost or self.is_complete:
                self._note_gone()
        return self._gone

    def lose(self) -> None:
        """Drop whatever is still written: nobody is there to take it."""
        self.is_lost = True
        self._note_gone()

    def close_after(self) -> None:
        """Have no other request follow on the connection."""
        self.keeps_alive = False

    def _note_gone(self) -> None:
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    def send_continue(self) -> None:
        """Ask for the body, where the peer waits to be asked (RFC 9110, 10.1.1)."""
        request = self.request
        expectation = request.header(b"expect")
        if expectation is None or request.version == "1.0" or self.status:
            return
        if expectation.strip().lower() == "100-continue":
            self._write(_CONTINUE)

    # --- Whole answers ------------------------------------------------------------

    def send_whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Send an answer whose body is here; one that cannot be sent becomes a 500.

        Content-Length is added. A status without a body has none, nor has an answer to
        HEAD that came without the body which GET would have had (RFC 9110, 8.6).
        """
        try:
            parts = self._whole(status, headers, body)
        except BadAnswer as error:
            self._log_bad(error)
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            parts = self._whole(status, TEXT_HEADERS, NO_ANSWER)
        # The body comes last.
        self.size = len(parts[-1])
        self._finish(status, b"".join(parts))

    def send_made(self, status: int, lines: bytes, body: bytes) -> None:
        """Send a whole answer to a GET, whose header lines were made before.

        Args:
            status: one that has a body.
            lines: of `response_bytes.header_lines`.
            body: all of it.
        """
        self.size = len(body)
        head = status_line(status) + self.connection.service.date_line + lines
        length = b"content-length: %d\r\n" % len(body)
        self._finish(status, b"".join((head, length, self._end_of_head(), body)))

    def _whole(self, status: int, headers: Headers, body: bytes) -> list[bytes]:
        parts = [status_line(status), self.connection.service.date_line]
        lines, length = header_lines(headers)
        parts += lines
        if status in BODILESS:
            length, body = None, b""
        elif self.method == "HEAD":
            length, body = length if length is not None or not body else len(body), b""
        elif length is None:
            length = len(body)
        elif length != len(body):
            raise BadAnswer(f"the body has {len(body)} bytes and not {length}")
        if length is not None:
            parts.append(b"content-length: %d\r\n" % length)
        parts += (self._end_of_head(), body)
        return parts

    def _end_of_head(self) -> bytes:
        # Who is answered before its body has come may not go on with another request.
        if self.keeps_alive and not self.connection.is_in_body:
            return b"\r\n"
        self.keeps_alive = False
        return b"connection: close\r\n\r\n"

    def _log_bad(self, error: BadAnswer) -> None:
        _logger.error("%s %.200s: %s", self.method, self.request.path, error)

    def _finish(self, status: int, answer: bytes) -> None:
        self.status = status
        if not self.is_lost:
            self.connection.transport.write_now(answer)
            self._complete()

    # --- Answers in pieces --------------------------------------------------------

    def begin_pieces(
        self,
        status: int,
        headers: Headers,
        write: Callable[[bytes], None] | None = None,
    ) -> bool:
        """Send the head of an answer that comes in pieces.

        Args:
            status: the code.
            headers: the app's.
            write: sends the head; None for the connection's own way.

        Returns:
            False when there is nothing more to send: the answer has no body, or cannot
            be sent and became a 500.
        """
        if status in BODILESS or self.method == "HEAD":
            self.send_whole(status, headers, b"")
            return False
        try:
            head = self._head(status, headers)
        except BadAnswer as error:
            self._log_bad(error)
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            self.send_whole(status, TEXT_HEADERS, NO_ANSWER)
            return False
        self.status = status
        (write or self._write)(head)
        return True

    def _head(self, status: int, headers: Headers) -> bytes:
        """Return the head of an answer in pieces, framed as its peer understands."""
        parts = [status_line(status), self.connection.service.date_line]
        lines, length = header_lines(headers)
        parts += lines
        if length is not None:
            self._left = self.size = length
            parts.append(b"content-length: %d\r\n" % length)
        elif self.request.version == "1.1":
            self._is_chunked = True
            parts.append(b"transfer-encoding: chunked\r\n")
        else:
            # Its end is the connection's (RFC 9112, 6.3).
            self._left = -1
            self.keeps_alive = False
        parts.append(self._end_of_head())
        return b"".join(parts)

    def send_piece(self, piece: bytes) -> bool:
        """Send a piece; return False, and break off, when it is too much."""
        if self._is_chunked:
            if piece:
                self._write(b"%x\r\n%b\r\n" % (len(piece), piece))
            return True
        if self._left >= 0:
            if len(piece) > self._left:
                self.break_off("its body is longer than its Content-Length")
                return False
            self._left -= len(piece)
        self._write(piece)
        return True

    def note_sent(self, count: int) -> None:
        """Note that so many bytes of the body were sent past this."""
        self._left -= count

    def end_pieces(self) -> None:
        """End the answer; one that lacks something breaks off."""
        if self._left > 0:
            self.break_off("its body is shorter than its Content-Length")
            return
        if self._is_chunked:
            self._write(b"0\r\n\r\n")
        if not self.is_lost:
            self._complete()

    def break_off(self, why: str = "") -> None:
        """End the connection in the middle of the answer.

        With a last chunk, or on a connection that goes on, the part would look whole
        (RFC 9112, 8). Where the answer ends with the connection, an orderly end would:
        it is reset.
        """
        if why and not self.is_gone:
            path = self.request.path
            _logger.error("%s %.200s broke off: %s", self.method, path, why)
        if self._left < 0 and self.status and not self._is_chunked:
            sockets.reset(self.connection.transport.transport)
        else:
            self.connection.transport.close()

    def _write(self, data: bytes) -> None:
        if not self.is_lost:
            self.connection.transport.write(data)

    def _complete(self) -> None:
        self.is_complete = True
        if self._gone is not None:
            self._note_gone()
        if not self.keeps_alive:
            self.connection.transport.close()
        self.connection.on_response_complete()
