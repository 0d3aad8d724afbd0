"""From uvicorn's events to a WSGI app in a worker thread, and back."""

from __future__ import annotations

import asyncio
import io
import itertools
import logging
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable, MutableMapping
from functools import partial
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote_to_bytes

from channelshim import limits
from channelshim.contracts.status import Status
from channelshim.errors import RemoteProtocolError
from channelshim.hub.pacing import Pacing
from channelshim.runtime.file_pieces import FilePieces
from channelshim.server.request_body import Receive, Scope, disconnected, read_body
from channelshim.server.response_bytes import (
    BODILESS,
    HOP_BY_HOP,
    answer_bytes,
    without_length,
)
from channelshim.server.workers import Workers

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_logger: Final = logging.getLogger("channelshim.server")

Send = Callable[[MutableMapping[str, Any]], Any]
AsgiApp = Callable[[Scope, Receive, Send], Any]
Headers = Iterable[tuple[str, str]]
CallSoon = Callable[[Callable[[], None]], object]


class WsgiBridge:
    """An ASGI application that runs a WSGI one.

    Args:
        app: the WSGI application.
        workers: where it runs.
        pacing: told of each request in hand; None where nobody asks.
        maximum_body_bytes: a longer body is refused with 413.
        body_seconds: longest wait for the next piece of a body; then 408.

    """

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        workers: Workers,
        *,
        pacing: Pacing | None = None,
        maximum_body_bytes: int = limits.MAXIMUM_BODY_BYTES,
        body_seconds: float = limits.BODY_SECONDS,
    ) -> None:
        self._app = app
        self._workers = workers
        self._maximum_body_bytes = maximum_body_bytes
        self._body_seconds = body_seconds
        self._pacing = pacing or Pacing()
        self._call_soon: CallSoon | None = None

    @property
    def requests_in_hand(self) -> int:
        """Return how many requests the app has not finished."""
        return self._pacing.count

    def report_to(self, status: Status) -> None:
        """Register the requests in hand, those that wait, and whether it is full."""
        status.counter("server.requests_in_hand", lambda: self._pacing.count)
        status.counter("server.requests_waiting", lambda: self._workers.waiting)
        status.check("server.workers", self._describe_fault)

    def _describe_fault(self) -> str:
        if not self._workers.is_full:
            return ""
        return (
            f"{self._workers.waiting} requests wait for a thread, and more are refused "
            "with 503"
        )

    def start(self, call_soon: CallSoon) -> None:
        """Take the server's way to the loop.

        Args:
            call_soon: has a function called on the loop, from any thread; raises
                RuntimeError when the loop is closed.
        """
        self._call_soon = call_soon

    def _run(self, exchange: _Exchange) -> None:
        with self._pacing.running(exchange):
            exchange.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            body, length = await read_body(
                scope,
                receive,
                maximum_bytes=self._maximum_body_bytes,
                seconds=self._body_seconds,
            )
        except RemoteProtocolError as error:
            await send_whole(send, error.http_status, (), error.reason.encode("ascii"))
            return
        with body:
            exchange = _Exchange(
                self._app, environ_of(scope, body, length), self._call_soon
            )
            if not self._submit(exchange):
                status = HTTPStatus.SERVICE_UNAVAILABLE
                retry = (("Retry-After", "1"),)
                text = b"Too many requests are waiting; try again in a second."
                await send_whole(send, status, retry, text)
                return
            await self._follow(exchange, scope, receive, send)

    def begin(
        self, cycle: RequestResponseCycle, start: Callable[[AsgiApp], None]
    ) -> bool:
        """Answer a request whose whole body is here, without a task of its own.

        Almost all are so, and a task with its futures costs as much as the parsing.

        Args:
            cycle: the request, and where its answer goes.
            start: begins a task for the answer, when one is needed after all.

        Returns:
            False when nothing was begun: the request must be refused by `__call__`.
        """
        length = len(cycle.body)
        if length > self._maximum_body_bytes:
            return False
        environ = environ_of(cast("Scope", cycle.scope), io.BytesIO(cycle.body), length)
        exchange = _Exchange(self._app, environ, self._call_soon)
        exchange.on_first = partial(self._answer, exchange, cycle, start)
        return self._submit(exchange)

    def _submit(self, exchange: _Exchange) -> bool:
        if not self._workers.submit(partial(self._run, exchange)):
            return False
        self._pacing.begin(exchange)
        return True

    def _answer(
        self,
        exchange: _Exchange,
        cycle: RequestResponseCycle,
        start: Callable[[AsgiApp], None],
    ) -> None:
        """Send a whole answer; leave any other one to a task."""
        if exchange.is_streamed or cycle.flow.write_paused:
            start(partial(self._follow, exchange))
            return
        try:
            _send_whole_at_once(cycle, *exchange.whole_answer())
        except Exception as error:
            # uvicorn logs what an app raises, and ends the answer in the proper way.
            start(_raiser(error))
        finally:
            self._pacing.finish(exchange)

    async def _follow(
        self, exchange: _Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        is_stopping = False
        try:
            await exchange.answer(receive, send)
        except asyncio.CancelledError:
            # The stop's bound is over: the worker goes on alone.
            is_stopping = True
            raise
        finally:
            self._pacing.finish(exchange)
            if not is_stopping:
                # The body's file lives until the app is done with it.
                await exchange.wait_for_worker()


def _send_whole_at_once(
    cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes
) -> None:
    """Send a whole answer to a reader that is not behind."""
    answer = None
    if cycle.scope["method"] != "HEAD":
        keeps_alive = cycle.keep_alive
        answer = answer_bytes(
            status, headers, cycle.default_headers, body, keeps_alive=keeps_alive
        )
    if answer is None:
        method = cycle.scope["method"]
        for event in whole_events(status, headers, body, method):
            sending: Any = cycle.send(cast("Any", event))
            _finish_at_once(sending)
    elif not cycle.disconnected:
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(answer)
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
    # It refers to the connection, which refers to the cycle.
    cycle.on_response = _nobody


def _finish_at_once(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise AssertionError("a send has waited")


def _raiser(error: Exception) -> AsgiApp:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return fail


class _Exchange:
    """One request in a worker and its answer on the loop.

    A whole answer, as almost all are, crosses from the worker in one call.

    Attributes:
        begun: loop time at which its body was here.
        path: of its address.
        on_first: called once on the loop, when the answer or its first piece is here.
    """

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        environ: dict[str, Any],
        call_soon: CallSoon | None,
    ) -> None:
        self._app = app
        self._environ = environ
        self._loop = asyncio.get_running_loop()
        self._call_soon = call_soon or self._loop.call_soon_threadsafe
        self.begun = self._loop.time()
        self.path: str = environ["PATH_INFO"]
        self.on_first: Callable[[], None] | None = None
        # The whole body; None until it is here, and when pieces come instead.
        self._whole: bytes | None = None
        self._is_answered = False
        self._is_finished = False
        # A task that waits for one of these two.
        self._waiter: asyncio.Future[None] | None = None
        self._head: tuple[str, list[tuple[str, str]]] | None = None
        self._written: list[bytes] = []
        # Of a streamed answer: (piece, whether it is the last).
        self._pieces: asyncio.Queue[tuple[bytes, bool]] | None = None
        self._file: FilePieces | None = None
        # Pieces that may wait; None until there is one.
        self._room: threading.Semaphore | None = None
        self._is_streaming = False
        # Whether it ended in the middle of a streamed answer.
        self._is_broken = False
        self._is_abandoned = False

    @property
    def is_streamed(self) -> bool:
        """Return whether the answer is more than a head and a body."""
        return self._pieces is not None or self._file is not None

    # --- In the worker ------------------------------------------------------------

    def run(self) -> None:
        """Run the app and hand over what it answers."""
        whole = None
        try:
            whole = self._run()
        except BaseException:
            # The app server answers a failing handler itself: this is our bug, or an
            # answer that broke off.
            _logger.exception(
                "%s %s broke off", self._environ["REQUEST_METHOD"], self.path
            )
            self._is_broken = self._is_streaming
            if not self._is_streaming:
                self._head = self._file = None
        self._call(partial(self._finish, whole))

    def _run(self) -> bytes | None:
        iterable = self._app(self._environ, self._start_response)
        if isinstance(iterable, FilePieces):
            self._file = iterable
            return None
        try:
            if isinstance(iterable, (list, tuple)):
                return b"".join([*self._written, *iterable])
            for piece in itertools.chain(self._written, iterable):
                if piece:
                    room = self._room
                    if room is None:
                        room = threading.Semaphore(limits.RESPONSE_PIECES)
                        self._room = room
                    room.acquire()
                    if self._is_abandoned:
                        return None
                    self._is_streaming = True
                    self._call(partial(self._take, piece))
        finally:
            close = getattr(iterable, "close", None)
            if close is not None:
                close()
        return None

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        try:
            if exc_info and self._is_streaming:
                raise exc_info[1].with_traceback(exc_info[2])
        finally:
            exc_info = None
        self._head = (status, headers)
        return self._written.append

    def _call(self, function: Callable[[], None]) -> None:
        try:
            self._call_soon(function)
        except RuntimeError:
            # The loop is closed: the server has stopped without this request.
            self._is_abandoned = True

    # --- On the loop --------------------------------------------------------------

    def _take(self, piece: bytes) -> None:
        if self._pieces is None:
            self._pieces = asyncio.Queue()
            self._note_answered()
        self._pieces.put_nowait((piece, False))

    def _finish(self, whole: bytes | None) -> None:
        self._is_finished = True
        if self._pieces is not None:
            self._pieces.put_nowait((b"", True))
            self._wake()
        else:
            # An iterable without a piece is a whole answer too, an empty one.
            self._whole = b"" if whole is None else whole
            self._note_answered()

    def _note_answered(self) -> None:
        self._is_answered = True
        self._wake()
        if self.on_first is not None:
            # It refers to this object.
            on_first, self.on_first = self.on_first, None
            on_first()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        await self._waiter

    def whole_answer(self) -> tuple[int, Headers, bytes]:
        """Return status, headers and body of an answer that is here whole."""
        if self._head is None:
            text = b"The app did not answer."
            return HTTPStatus.INTERNAL_SERVER_ERROR, (), text
        status, headers = self._head
        return int(status.split(" ", 1)[0]), headers, self._whole or b""

    async def answer(self, receive: Receive, send: Send) -> None:
        """Send what the worker hands over, as it comes."""
        while not self._is_answered:
            await self._wait()
        if self._head is None or not self.is_streamed:
            method = self._environ["REQUEST_METHOD"]
            await send_whole(send, *self.whole_answer(), method)
            return
        status, headers = self._head
        code = int(status.split(" ", 1)[0])
        if code in BODILESS:
            # Its pieces are dropped, and the worker stops at the next one.
            if self._file is not None:
                self._file.close()
            await send_whole(send, code, headers, b"")
            return
        head = _header_bytes(headers, None)
        await send({"type": "http.response.start", "status": code, "headers": head})
        # uvicorn drops what is sent to a peer that has hung up, and says nothing: an
        # endless stream would keep its worker for ever.
        gone = asyncio.ensure_future(disconnected(receive))
        try:
            if self._file is not None:
                await self._send_file(send, gone, self._file)
            elif not await self._send_pieces(send, gone):
                # With a last chunk, or on a connection that goes on, it would look
                # whole (RFC 9112, 8).
                _cycle_of(send).transport.close()
                await gone
        finally:
            gone.cancel()

    async def _send_file(
        self, send: Send, gone: asyncio.Future[None], file: FilePieces
    ) -> None:
        """Send a file without its worker; a disk may be slow, so in another thread."""
        try:
            is_last = False
            while not (is_last or gone.done()):
                piece = await self._loop.run_in_executor(None, next, file, b"")
                is_last = not piece
                body = {"body": piece, "more_body": not is_last}
                await send({"type": "http.response.body", **body})
        finally:
            file.close()

    async def _send_pieces(self, send: Send, gone: asyncio.Future[None]) -> bool:
        """Send them as they come; return False when the app broke off."""
        assert self._pieces is not None
        assert self._room is not None
        is_last = False
        while not (is_last or gone.done()):
            piece, is_last = await self._pieces.get()
            if is_last and self._is_broken:
                return False
            self._room.release()
            more = not is_last
            await send({"type": "http.response.body", "body": piece, "more_body": more})
        return True

    async def wait_for_worker(self) -> None:
        """Wait until the worker is done; one that streams stops at its next piece."""
        self._is_abandoned = True
        if self._room is not None:
            self._room.release()
        while not self._is_finished:
            await self._wait()


def _cycle_of(send: Send) -> RequestResponseCycle:
    """Return uvicorn's object whose method send is; it alone has the transport."""
    return cast("RequestResponseCycle", send.__self__)  # type: ignore[attr-defined]


def _nobody() -> None:
    """No-op, for when nobody wants to know that a request has been answered."""


async def send_whole(
    send: Send,
    status: int,
    headers: Headers,
    body: bytes,
    method: str = "GET",
) -> None:
    """Send a whole answer; Content-Length is added."""
    for event in whole_events(int(status), headers, body, method):
        await send(event)


def whole_events(
    status: int, headers: Headers, body: bytes, method: str = "GET"
) -> tuple[MutableMapping[str, Any], ...]:
    """Return the events of a whole answer; Content-Length is added where it is known.

    A status without a body has none, nor has an answer to HEAD that came without the
    body which GET would have had (RFC 9110, 8.6).
    """
    if status in BODILESS:
        headers, body = without_length(headers), b""
    has_length = status not in BODILESS and (method != "HEAD" or body != b"")
    head = _header_bytes(headers, body if has_length else None)
    return (
        {"type": "http.response.start", "status": int(status), "headers": head},
        {"type": "http.response.body", "body": body},
    )


def environ_of(scope: Scope, body: IO[bytes], length: int) -> dict[str, Any]:
    """Return the WSGI environment of a request (PEP 3333).

    Header names that hold an underscore are left out: in the environment they could
    not be told from the same name with a dash.
    """
    host, port = scope.get("server") or ("localhost", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": str(host),
        "SERVER_PORT": str(port or 80),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope.get("client") or ("127.0.0.1", 0))[0],
        "REMOTE_PORT": str((scope.get("client") or ("", 0))[1]),
        "CONTENT_LENGTH": str(length),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        # Without it, WebOb copies each body into a temporary file.
        "webob.is_body_seekable": True,
    }
    for raw_name, raw_value in scope["headers"]:
        key = _keys.get(raw_name)
        if key is None:
            key = _key(raw_name)
        if not key:
            continue
        value = raw_value.decode("latin-1")
        if key in environ and key != "CONTENT_TYPE":
            separator = "; " if key == "HTTP_COOKIE" else ","
            value = environ[key] + separator + value
        environ[key] = value
    return environ


_keys: dict[bytes, str] = {}
_MOST_KEYS = 512
_LONGEST_KEY = 64
"""Header names are untrusted, so the cache is bounded."""


def _key(raw_name: bytes) -> str:
    """Return a header's key in the environment, "" for one that is left out."""
    name = raw_name.decode("latin-1")
    if "_" in name or name in ("content-length", "transfer-encoding"):
        key = ""
    elif name == "content-type":
        key = "CONTENT_TYPE"
    else:
        key = "HTTP_" + name.upper().replace("-", "_")
    if len(_keys) < _MOST_KEYS and len(name) < _LONGEST_KEY:
        _keys[raw_name] = key
    return key


def _header_bytes(
    headers: Iterable[tuple[str, str]], whole_body: bytes | None
) -> list[tuple[bytes, bytes]]:
    encoded = []
    has_length = False
    for name, value in headers:
        lower = name.lower()
        if lower in HOP_BY_HOP:
            continue
        has_length = has_length or lower == "content-length"
        encoded.append((lower.encode("latin-1"), str(value).encode("latin-1")))
    if whole_body is not None and not has_length:
        encoded.append((b"content-length", str(len(whole_body)).encode("ascii")))
    return encoded
