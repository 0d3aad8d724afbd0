"""One answer on its way to its connection: the only code that writes answers.

uvicorn parses requests and keeps a `cycle` for each, which says what its connection is
owed; the answer is written here, past uvicorn's ASGI: whole ones, as almost all are, in
one write and without a task. `Response` tells the cycle what uvicorn would have noted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from channelshim.appserver.response_rules import NO_SNIFFING
from channelshim.server.response_bytes import BODILESS, BadAnswer, Headers, head_lines
from channelshim.server.uvicorn_names import STATUS_LINE

if TYPE_CHECKING:
    from channelshim.server.uvicorn_names import RequestResponseCycle

_logger: Final = logging.getLogger("channelshim.server")

TEXT_HEADERS: Final = (("Content-Type", "text/plain; charset=utf-8"), NO_SNIFFING)
"""Of a sentence of the server's own."""

NO_ANSWER: Final = b"The app did not answer."


class Connection(Protocol):
    """Where an answer goes; see http_protocol.HttpProtocol."""

    transport: Any

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine as a task that the server's stop cancels."""

    def pause_writing(self) -> None:
        """Note that the reader is behind."""

    def resume_writing(self) -> None:
        """Note that it has caught up."""


class Response:
    """The answer to one request. Loop thread.

    Args:
        connection: takes it.
        cycle: uvicorn's, of the request.

    Attributes:
        connection: as given.
        cycle: as given.
        method: of the request.
        status: that was sent; 0 before that.
        size: bytes of its body; -1 while they are not known.
        begun: when the request's head had come; monotonic seconds.
    """

    __slots__ = (
        "_is_chunked",
        "_left",
        "begun",
        "connection",
        "cycle",
        "method",
        "size",
        "status",
    )

    def __init__(self, connection: Connection, cycle: RequestResponseCycle) -> None:
        self.connection: Connection = connection
        self.cycle: RequestResponseCycle = cycle
        self.method: str = cycle.scope["method"]
        self.status: int = 0
        self.size: int = -1
        self.begun: float = time.monotonic()
        self._is_chunked = False
        # Bytes that the head has announced and that are still to come.
        self._left = 0

    @property
    def is_behind(self) -> bool:
        """Return whether the reader should catch up first; see `drain`."""
        return bool(self.cycle.flow.write_paused)

    @property
    def is_gone(self) -> bool:
        """Return whether nobody reads on."""
        return bool(self.cycle.disconnected or self.connection.transport.is_closing())

    async def drain(self) -> None:
        """Wait until the reader is not behind, or gone."""
        if self.cycle.flow.write_paused and not self.cycle.disconnected:
            await self.cycle.flow.drain()

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
        self._begin(status)
        self._write_now(b"".join(parts))
        self._complete()

    def send_made(self, status: int, lines: bytes, body: bytes) -> None:
        """Send a whole answer to a GET, whose header lines were made before.

        Args:
            status: one that has a body.
            lines: from `made_lines`.
            body: all of it.
        """
        parts = [STATUS_LINE[status]]
        for name, value in self.cycle.default_headers:
            parts += (name, b": ", value, b"\r\n")
        parts += (lines, b"content-length: %d\r\n" % len(body), self._end_of_head())
        parts.append(body)
        self.size = len(body)
        self._begin(status)
        self._write_now(b"".join(parts))
        self._complete()

    def _whole(self, status: int, headers: Headers, body: bytes) -> list[bytes]:
        parts, length = head_lines(status, headers, self.cycle.default_headers)
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
        return b"\r\n" if self.cycle.keep_alive else b"connection: close\r\n\r\n"

    def _log_bad(self, error: BadAnswer) -> None:
        path = self.cycle.scope["path"]
        _logger.error("%s %.200s: %s", self.method, path, error)

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
        self._begin(status)
        (write or self._write)(head)
        return True

    def _head(self, status: int, headers: Headers) -> bytes:
        """Return the head of an answer in pieces, framed as its peer understands."""
        parts, length = head_lines(status, headers, self.cycle.default_headers)
        if length is not None:
            self._left = self.size = length
            parts.append(b"content-length: %d\r\n" % length)
        elif self.cycle.scope["http_version"] == "1.1":
            self._is_chunked = True
            parts.append(b"transfer-encoding: chunked\r\n")
        else:
            # Its end is the connection's (RFC 9112, 6.3).
            self._left = -1
            cycle = self.cycle
            cycle.keep_alive = False
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
        self._complete()

    def break_off(self, why: str = "") -> None:
        """End the connection in the middle of the answer.

        With a last chunk, or on a connection that goes on, the part would look whole
        (RFC 9112, 8).
        """
        if why and not self.is_gone:
            path = self.cycle.scope["path"]
            _logger.error("%s %.200s broke off: %s", self.method, path, why)
        self.connection.transport.close()

    # --- What uvicorn's cycle would note ------------------------------------------

    def _begin(self, status: int) -> None:
        self.status = status
        cycle = self.cycle
        cycle.response_started = True
        cycle.waiting_for_100_continue = False

    def _write(self, data: bytes) -> None:
        if not self.cycle.disconnected:
            self.connection.transport.write(data)

    def _write_now(self, data: bytes) -> None:
        if not self.cycle.disconnected:
            self.connection.transport.write_now(data)

    def _complete(self) -> None:
        cycle = self.cycle
        # It refers to the connection, which refers to the cycle.
        on_response, cycle.on_response = cycle.on_response, _nobody
        if cycle.disconnected:
            return
        cycle.response_complete = True
        # Whoever waits for the peer to hang up waits no longer.
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.connection.transport.close()
        on_response()


def _nobody() -> None:
    """No-op, for when nobody wants to know that a request has been answered."""
