"""From uvicorn's parsed requests to whoever runs the WSGI app, and back."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, cast

from channelshim import limits
from channelshim.contracts.status import Status
from channelshim.errors import RemoteProtocolError
from channelshim.hub.pacing import Pacing
from channelshim.runtime.file_pieces import FilePieces, pieces_of
from channelshim.server.environ import environ_of
from channelshim.server.exchange import Exchange, Head
from channelshim.server.executor import Executor
from channelshim.server.remembered_files import RememberedFile, RememberedFiles
from channelshim.server.request_body import Scope, read_body
from channelshim.server.response import TEXT_HEADERS, Connection, Response
from channelshim.server.response_bytes import Headers

if TYPE_CHECKING:
    from channelshim.server.uvicorn_names import RequestResponseCycle

CallSoon = Callable[[Callable[[], None]], object]
WhenSafe = Callable[[Callable[[], None]], None]
Log = Callable[[str, str, str, int], None]
"""Takes a client's address, and its request's method, target and status."""


class WsgiBridge:
    """Has a WSGI app answer the requests of HTTP connections. Loop thread.

    Args:
        executor: has the app answer.
        pacing: told of each request in hand; None where nobody asks.
        when_safe: see contracts.Broker; None where no message need be waited for.
        log: told of each request whose answer has begun.
        maximum_body_bytes: a longer body is refused with 413.

    Attributes:
        call_soon: see exchange.Surroundings.
        when_safe: see exchange.Surroundings.
        hold: see exchange.Surroundings.
        finish: see exchange.Surroundings.
    """

    def __init__(
        self,
        executor: Executor,
        *,
        pacing: Pacing | None = None,
        when_safe: WhenSafe | None = None,
        log: Log | None = None,
        maximum_body_bytes: int = limits.MAXIMUM_BODY_BYTES,
    ) -> None:
        self._executor = executor
        self._maximum_body_bytes = maximum_body_bytes
        self._pacing = pacing or Pacing()
        self._log = log
        # Answers begun, those of them that were 500 and more, and the time until then
        # of those that the app was asked for, all together.
        self._answered = 0
        self._failed = 0
        self._answer_seconds = 0.0
        self._files = RememberedFiles()
        self.call_soon: CallSoon = _call_soon
        self.when_safe: WhenSafe = when_safe or _at_once
        self.hold: Callable[[Any], None] = self._pacing.hold
        self.finish: Callable[[Any], None] = self._pacing.finish
        self.remember: Callable[[Response, Head, FilePieces], None] = (
            self._files.remember
        )

    @property
    def requests_in_hand(self) -> int:
        """Return how many requests the app has not finished."""
        return self._pacing.count

    def report_to(self, status: Status) -> None:
        """Register what was answered, is in hand and waits, and whether it is full."""
        status.counter("server.requests_in_hand", lambda: self._pacing.count)
        status.counter("server.requests", lambda: self._answered)
        status.counter("server.errors", lambda: self._failed)
        status.counter("server.answer_seconds", lambda: self._answer_seconds)
        self._executor.report_to(status)

    def start(self, call_soon: CallSoon) -> None:
        """Take the server's way to the loop.

        Args:
            call_soon: has a function called on the loop, from any thread; raises
                RuntimeError when the loop is closed.
        """
        self.call_soon = call_soon

    def log(self, response: Response, begun: float | None = None) -> None:
        """Count and log a request whose answer has begun.

        Args:
            response: to the request.
            begun: loop time at which the request was here; None for at once.
        """
        self._answered += 1
        if begun is not None:
            self._answer_seconds += asyncio.get_running_loop().time() - begun
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._failed += 1
        if self._log is None or not response.status:
            return
        scope: Any = response.cycle.scope
        target, query = scope["raw_path"], scope["query_string"]
        if query:
            target = b"%b?%b" % (target, query)
        client = scope["client"]
        address = client[0] if client else ""
        self._log(address, response.method, target.decode("latin-1"), response.status)

    def begin(self, connection: Connection, cycle: RequestResponseCycle) -> None:
        """Answer a request, whose head has come.

        Args:
            connection: takes the answer.
            cycle: the request.
        """
        response = Response(connection, cycle)
        if cycle.more_body or cycle.waiting_for_100_continue:
            connection.run(self._read(response))
            return
        found = self._files.find(response)
        if found is not None and self._send_again(response, found):
            return
        length = len(cycle.body)
        if length <= self._maximum_body_bytes:
            body = io.BytesIO(cycle.body) if length else io.BytesIO()
            self._submit(response, body, length, None)
        else:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            self._refuse(response, status, status.phrase)

    def _send_again(self, response: Response, found: RememberedFile) -> bool:
        """Send a file that was sent before; return False when its answer is unknown."""
        if response.is_behind:
            return False
        if found.is_short:
            body = found.read()
            if body is not None:
                response.send_made(HTTPStatus.OK, found.lines, body)
                self.log(response)
                return True
        else:
            descriptor = found.open()
            if descriptor is not None:
                self._send_long(response, found, descriptor)
                return True
        self._files.forget(response)
        return False

    def _send_long(
        self, response: Response, found: RememberedFile, descriptor: int
    ) -> None:
        file = os.fdopen(descriptor, "rb")
        pieces = FilePieces(pieces_of(file, found.length), file, found.length)
        exchange = self._exchange(response, io.BytesIO(), 0, None)
        self._pacing.begin(exchange)
        exchange.take_file(("200 OK", list(found.headers)), pieces)

    async def _read(self, response: Response) -> None:
        """Read the body, then have the app answer."""
        scope = cast("Scope", response.cycle.scope)
        try:
            body, length = await read_body(
                scope,
                response.cycle.receive,
                maximum_bytes=self._maximum_body_bytes,
            )
        except RemoteProtocolError as error:
            await response.drain()
            self._refuse(response, error.http_status, error.reason)
            return
        self._submit(response, body, length, body)

    def _submit(
        self, response: Response, body: IO[bytes], length: int, closed: IO[bytes] | None
    ) -> None:
        exchange = self._exchange(response, body, length, closed)
        if self._executor.submit(exchange):
            self._pacing.begin(exchange)
            return
        body.close()
        status = HTTPStatus.SERVICE_UNAVAILABLE
        sentence = "Too many requests are waiting; try again in a second."
        self._refuse(response, status, sentence, (("Retry-After", "1"),))

    def _exchange(
        self, response: Response, body: IO[bytes], length: int, closed: IO[bytes] | None
    ) -> Exchange:
        environ = environ_of(cast("Scope", response.cycle.scope), body, length)
        begun = asyncio.get_running_loop().time()
        return Exchange(environ, response, self, begun, closed)

    def _refuse(
        self, response: Response, status: int, sentence: str, headers: Headers = ()
    ) -> None:
        complete = (*TEXT_HEADERS, *headers)
        response.send_whole(status, complete, sentence.encode("ascii"))
        self.log(response)


def _call_soon(function: Callable[[], None]) -> object:
    raise RuntimeError("the bridge has not been started")


def _at_once(done: Callable[[], None]) -> None:
    """Stand in for a broker that has nothing to wait for."""
    done()
