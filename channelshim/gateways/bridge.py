"""From uvicorn's events to a WSGI app in a worker thread, and back."""

from __future__ import annotations

import asyncio
import itertools
import logging
import sys
import threading
from collections.abc import Callable, Iterable, MutableMapping
from functools import partial
from http import HTTPStatus
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from channelshim import limits
from channelshim.appserver.file_pieces import FilePieces
from channelshim.errors import RemoteProtocolError
from channelshim.gateways.request_body import Receive, Scope, disconnected, read_body
from channelshim.gateways.workers import Workers

_logger = logging.getLogger("channelshim.gateways")

Send = Callable[[MutableMapping[str, Any]], Any]

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "te", "trailer", "upgrade"}
    | {"transfer-encoding"}
)
"""PEP 3333: an app may not set these."""


class WsgiBridge:
    """An ASGI application that runs a WSGI one.

    Args:
        app: the WSGI application.
        workers: where it runs.
        maximum_body_bytes: a longer body is refused with 413.
        body_seconds: longest wait for the next piece of a body; then 408.

    Attributes:
        on_finished: called on the loop whenever a request has been answered.
    """

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        workers: Workers,
        *,
        maximum_body_bytes: int = limits.MAXIMUM_BODY_BYTES,
        body_seconds: float = limits.BODY_SECONDS,
    ) -> None:
        self._app = app
        self._workers = workers
        self._maximum_body_bytes = maximum_body_bytes
        self._body_seconds = body_seconds
        self._in_hand: set[_Exchange] = set()
        self.on_finished: Callable[[], None] = _nobody
        self._threads = threading.local()

    @property
    def requests_in_hand(self) -> int:
        """Return how many requests the app has not finished."""
        return len(self._in_hand)

    def current_request(self) -> object | None:
        """Return the request that this thread runs, for `is_running`."""
        request: object | None = getattr(self._threads, "request", None)
        return request

    def is_running(self, request: object | None) -> bool:
        """Return whether that request still runs, or others have only just begun."""
        if request is None or request in self._in_hand:
            return request is not None
        latest = asyncio.get_running_loop().time() - limits.NEW_REQUEST_SECONDS
        return any(exchange.begun > latest for exchange in self._in_hand)

    def _run(self, exchange: _Exchange) -> None:
        self._threads.request = exchange
        try:
            exchange.run()
        finally:
            self._threads.request = None

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
            exchange = _Exchange(self._app, environ_of(scope, body, length))
            if not self._workers.submit(partial(self._run, exchange)):
                status = HTTPStatus.SERVICE_UNAVAILABLE
                retry = (("Retry-After", "1"),)
                text = b"Too many requests are waiting; try again in a second."
                await send_whole(send, status, retry, text)
                return
            self._in_hand.add(exchange)
            is_stopping = False
            try:
                await exchange.answer(receive, send)
            except asyncio.CancelledError:
                # The stop's bound is over: the worker goes on alone.
                is_stopping = True
                raise
            finally:
                self._in_hand.discard(exchange)
                self.on_finished()
                if not is_stopping:
                    # The body's file lives until the app is done with it.
                    await exchange.wait_for_worker()


class _Exchange:
    """One request in a worker and its answer on the loop.

    A whole answer, as almost all are, crosses from the worker in one call.

    Attributes:
        begun: loop time at which its body was here.
    """

    def __init__(
        self, app: Callable[..., Iterable[bytes]], environ: dict[str, Any]
    ) -> None:
        self._app = app
        self._environ = environ
        self._loop = asyncio.get_running_loop()
        self.begun = self._loop.time()
        # The whole body; or None when pieces come, or nothing does.
        self._answered: asyncio.Future[bytes | None] = self._loop.create_future()
        self._finished: asyncio.Future[None] = self._loop.create_future()
        self._head: tuple[str, list[tuple[str, str]]] | None = None
        self._written: list[bytes] = []
        # Of a streamed answer: (piece, whether it is the last).
        self._pieces: asyncio.Queue[tuple[bytes, bool]] | None = None
        self._file: FilePieces | None = None
        self._room = threading.Semaphore(limits.RESPONSE_PIECES)
        self._is_streaming = False
        self._is_abandoned = False

    # --- In the worker ------------------------------------------------------------

    def run(self) -> None:
        """Run the app and hand over what it answers."""
        whole = None
        try:
            whole = self._run()
        except Exception:
            # The app server answers a failing handler itself: this is our bug, or an
            # answer that broke off.
            _logger.exception("a request failed")
            if not self._is_streaming:
                self._head = None
        self._call(self._finish, whole)

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
                    self._room.acquire()
                    if self._is_abandoned:
                        return None
                    self._is_streaming = True
                    self._call(self._take, piece)
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

    def _call(self, function: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            # The loop is closed: the server has stopped without this request.
            self._is_abandoned = True

    # --- On the loop --------------------------------------------------------------

    def _take(self, piece: bytes) -> None:
        if self._pieces is None:
            self._pieces = asyncio.Queue()
            self._answered.set_result(None)
        self._pieces.put_nowait((piece, False))

    def _finish(self, whole: bytes | None) -> None:
        if self._pieces is not None:
            self._pieces.put_nowait((b"", True))
        elif not self._answered.done():
            # An iterable without a piece is a whole answer too, an empty one.
            self._answered.set_result(b"" if whole is None else whole)
        if not self._finished.done():
            self._finished.set_result(None)

    async def answer(self, receive: Receive, send: Send) -> None:
        """Send what the worker hands over, as it comes."""
        whole = await self._answered
        if self._head is None:
            text = b"The app did not answer."
            await send_whole(send, HTTPStatus.INTERNAL_SERVER_ERROR, (), text)
            return
        status, headers = self._head
        code = int(status.split(" ", 1)[0])
        if whole is not None and self._file is None:
            await send_whole(send, code, headers, whole)
            return
        head = _header_bytes(headers, None)
        await send({"type": "http.response.start", "status": code, "headers": head})
        # uvicorn drops what is sent to a peer that has hung up, and says nothing: an
        # endless stream would keep its worker for ever.
        gone = asyncio.ensure_future(disconnected(receive))
        try:
            if self._file is None:
                await self._send_pieces(send, gone)
            else:
                await self._send_file(send, gone, self._file)
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

    async def _send_pieces(self, send: Send, gone: asyncio.Future[None]) -> None:
        assert self._pieces is not None
        is_last = False
        while not (is_last or gone.done()):
            piece, is_last = await self._pieces.get()
            self._room.release()
            more = not is_last
            await send({"type": "http.response.body", "body": piece, "more_body": more})

    async def wait_for_worker(self) -> None:
        """Wait until the worker is done; one that streams stops at its next piece."""
        self._is_abandoned = True
        self._room.release()
        await self._finished


def _nobody() -> None:
    """Stand in for whoever wants to know that a request has been answered."""


async def send_whole(
    send: Send,
    status: int,
    headers: Iterable[tuple[str, str]],
    body: bytes,
) -> None:
    """Send a whole answer; Content-Length is added."""
    head = _header_bytes(headers, body)
    await send({"type": "http.response.start", "status": int(status), "headers": head})
    await send({"type": "http.response.body", "body": body})


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
        name = raw_name.decode("latin-1")
        if "_" in name or name in ("content-length", "transfer-encoding"):
            continue
        value = raw_value.decode("latin-1")
        if name == "content-type":
            environ["CONTENT_TYPE"] = value
            continue
        key = "HTTP_" + name.upper().replace("-", "_")
        if key in environ:
            separator = "; " if key == "HTTP_COOKIE" else ","
            value = environ[key] + separator + value
        environ[key] = value
    return environ


def _header_bytes(
    headers: Iterable[tuple[str, str]], whole_body: bytes | None
) -> list[tuple[bytes, bytes]]:
    encoded = []
    has_length = False
    for name, value in headers:
        lower = name.lower()
        if lower in _HOP_BY_HOP:
            continue
        has_length = has_length or lower == "content-length"
        encoded.append((lower.encode("latin-1"), str(value).encode("latin-1")))
    if whole_body is not None and not has_length:
        encoded.append((b"content-length", str(len(whole_body)).encode("ascii")))
    return encoded
