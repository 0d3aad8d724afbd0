"""From requests to whoever runs the WSGI app, and back."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import IO, Any, Final

from channelshim import limits
from channelshim.contracts.durations import Durations
from channelshim.contracts.status import Status
from channelshim.hub.pacing import Pacing
from channelshim.kernel.thread_pool import ThreadPool
from channelshim.kernel.threads import Threads
from channelshim.runtime.file_pieces import FilePieces, pieces_of
from channelshim.server.environ import environ_of
from channelshim.server.exchange import Exchange, Head
from channelshim.server.executor import Executor
from channelshim.server.held_bodies import HeldBody
from channelshim.server.remembered_files import RememberedFile, RememberedFiles
from channelshim.server.request_body import Upload
from channelshim.server.request_ids import RequestIds, names_of
from channelshim.server.response import TEXT_HEADERS, Response
from channelshim.server.response_bytes import Headers

CallSoon = Callable[[Callable[[], None]], object]
WhenSafe = Callable[[Callable[[], None]], None]
Log = Callable[[str, str, str, int, int, float, str, str], None]
"""Takes a client's address, its request's method, target and status, the size and the
seconds of the answer, and the names of the request; see AccessLog.note."""


_UNNAMED: Final = ("", "")

_TRY_AGAIN: Final = (
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Too many requests are waiting; try again in a second.",
    (("Retry-After", "1"),),
)


class WsgiBridge:
    """Has a WSGI app answer the requests of HTTP connections. Loop thread.

    Args:
        executor: has the app answer.
        pacing: told of each request in hand; None where nobody asks.
        when_safe: see contracts.Broker; None where no message need be waited for.
        log: told of each request whose answer has begun.
        ids: names each request first; None where nobody asks.
        threads: keeps the threads running that wait for disks; None for one of its own.
        maximum_body_bytes: a longer body is refused with 413.

    Attributes:
        call_soon: see exchange.Surroundings.
        when_safe: see exchange.Surroundings.
        hold: see exchange.Surroundings.
        finish: see exchange.Surroundings.
        disks: see exchange.Surroundings.
    """

    def __init__(
        self,
        executor: Executor,
        *,
        pacing: Pacing | None = None,
        when_safe: WhenSafe | None = None,
        log: Log | None = None,
        ids: RequestIds | None = None,
        threads: Threads | None = None,
        maximum_body_bytes: int = limits.MAXIMUM_BODY_BYTES,
    ) -> None:
        self._executor = executor
        self._maximum_body_bytes = maximum_body_bytes
        self._pacing = pacing or Pacing()
        self._log = log
        self._ids = ids
        # Answers begun, by the first digit of their status, and the time until then of
        # those that the app was asked for.
        self._answered = [0] * 10
        self._durations = Durations()
        self._files = RememberedFiles()
        self.call_soon: CallSoon = _call_soon
        self.when_safe: WhenSafe = when_safe or _at_once
        self.hold: Callable[[Any], None] = self._pacing.hold
        self.finish: Callable[[Any], None] = self._pacing.finish
        self.disks: ThreadPool = ThreadPool(threads or Threads(), "server-disks")
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
        status.counter("server.requests", lambda: sum(self._answered))
        status.counter("server.errors", lambda: sum(self._answered[5:]))
        status.counter("server.answer_seconds", lambda: self._durations.total)
        status.table("server.answers", "status", self._count_answers)
        status.histogram("server.duration_seconds", self._durations.read)
        self._executor.report_to(status)

    def _count_answers(self) -> dict[str, float]:
        """Return how many answers there were of each class; all five are there."""
        return {f"{digit}xx": self._answered[digit] for digit in range(1, 6)}

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
            begun: monotonic seconds at which the request was here; None for at once.
        """
        now = time.monotonic()
        self._answered[response.status // 100] += 1
        if begun is not None:
            self._durations.add(now - begun)
        if self._log is None or not response.status:
            return
        request = response.request
        target = request.raw_path
        if request.query:
            target = b"%b?%b" % (target, request.query)
        address = request.client[0] if request.client else ""
        self._log(
            address,
            response.method,
            target.decode("latin-1"),
            response.status,
            response.size,
            now - response.begun,
            *(_UNNAMED if self._ids is None else names_of(request)),
        )

    def begin(self, response: Response) -> None:
        """Answer a request, whose head has come."""
        if self._ids is not None:
            self._ids.settle(response.request)
        upload = response.request.upload
        if upload is not None:
            upload.read(
                self._maximum_body_bytes, partial(self._take_body, response, upload)
            )
            if not (upload.is_whole or upload.refusal):
                response.send_continue()
            return
        found = self._files.find(response)
        if found is None or not self._send_again(response, found):
            self._submit(response, io.BytesIO(), None)

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
        exchange = self._exchange(response, io.BytesIO(), None)
        self._pacing.begin(exchange)
        exchange.take_file(("200 OK", list(found.headers)), pieces)

    def _take_body(self, response: Response, upload: Upload) -> None:
        """Have the app answer, now that the body has ended."""
        if upload.refusal is not None:
            self._refuse(response, upload.refusal, upload.refusal.phrase)
            return
        body, is_on_disk = upload.take()
        bodies = response.connection.service.table.bodies
        held = HeldBody(body, upload.size, bodies, is_on_disk=is_on_disk)
        if bodies.hold(held):
            self._submit(response, body, held)
        else:
            held.close()
            self._refuse(response, *_TRY_AGAIN)

    def _submit(
        self, response: Response, body: IO[bytes], held: HeldBody | None
    ) -> None:
        exchange = self._exchange(response, body, held)
        if held is not None:
            held.hand_on(partial(self._withdraw, exchange))
        if self._executor.submit(exchange):
            self._pacing.begin(exchange)
            return
        if held is not None:
            held.close()
        self._refuse(response, *_TRY_AGAIN)

    def _withdraw(self, exchange: Exchange) -> bool:
        """Refuse a request that the app has not begun with; return False if it has."""
        if not self._executor.withdraw(exchange):
            return False
        status, sentence, headers = _TRY_AGAIN
        line = f"{status.value} {status.phrase}"
        head = (line, [*TEXT_HEADERS, *headers])
        exchange.take_whole(head, sentence.encode("ascii"))
        return True

    def _exchange(
        self, response: Response, body: IO[bytes], held: HeldBody | None
    ) -> Exchange:
        length = 0 if held is None else held.size
        environ = environ_of(response.request, body, length)
        # Without a body it was here with its head.
        begun = response.begun if held is None else time.monotonic()
        return Exchange(environ, response, self, begun, held)

    def _refuse(
        self, response: Response, status: int, sentence: str, headers: Headers = ()
    ) -> None:
        whole = (status, (*TEXT_HEADERS, *headers), sentence.encode("ascii"))
        if response.is_behind:
            response.connection.run(self._refuse_late(response, whole))
            return
        response.send_whole(*whole)
        self.log(response)

    async def _refuse_late(
        self, response: Response, whole: tuple[int, Headers, bytes]
    ) -> None:
        """Refuse once the answers before have been read: a refusal waits for nobody."""
        await response.drain()
        response.send_whole(*whole)
        self.log(response)


def _call_soon(function: Callable[[], None]) -> object:
    raise RuntimeError("the bridge has not been started")


def _at_once(done: Callable[[], None]) -> None:
    """Stand in for a broker that has nothing to wait for."""
    done()
