"""From uvicorn's events to a WSGI app in a worker thread, and back.

The body is read on the loop, to disk beyond a size, before a worker is asked: a slow
upload costs no thread, and one cut short never reaches the app. The workers are
daemons: a handler that never returns must not keep the process alive after its stop.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import queue
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from channelshim import limits

_logger = logging.getLogger("channelshim.gateways")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Any]
Send = Callable[[MutableMapping[str, Any]], Any]

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "te", "trailer", "upgrade"}
    | {"transfer-encoding"}
)
"""PEP 3333: an app may not set these."""


class Workers:
    """A fixed number of daemon threads and a bounded queue before them.

    Args:
        count: threads; started when first needed.
        maximum_waiting: jobs that may wait for a thread.
    """

    def __init__(self, count: int, maximum_waiting: int) -> None:
        self._count = count
        self._jobs: queue.Queue[Callable[[], None]] = queue.Queue(maximum_waiting)
        self._idle = threading.Semaphore(0)
        self._started = 0
        self._lock = threading.Lock()

    def submit(self, job: Callable[[], None]) -> bool:
        """Have a thread run job; return False when too many wait already."""
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        if self._started < self._count and not self._idle.acquire(blocking=False):
            with self._lock:
                self._started += 1
            name = f"worker-{self._started}"
            threading.Thread(target=self._work, name=name, daemon=True).start()
        return True

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                job()
            except Exception:
                _logger.exception("a worker's job failed")
            self._idle.release()


class WsgiBridge:
    """An ASGI application that runs a WSGI one.

    Args:
        app: the WSGI application.
        workers: where it runs.
        maximum_body_bytes: a longer body is refused with 413.
        body_seconds: longest wait for the next piece of a body; then 408.
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

    @property
    def requests_in_hand(self) -> int:
        """Return how many requests the app has not finished."""
        return len(self._in_hand)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        with tempfile.SpooledTemporaryFile(max_size=limits.BODY_MEMORY_BYTES) as body:
            refusal = await self._read_body(scope, receive, body)
            if refusal is not None:
                await send_whole(send, refusal, (), refusal.phrase.encode("ascii"))
                return
            exchange = _Exchange(self._app, environ_of(scope, body))
            if not self._workers.submit(exchange.run):
                status = HTTPStatus.SERVICE_UNAVAILABLE
                retry = (("Retry-After", "1"),)
                text = b"Too many requests are waiting; try again in a second."
                await send_whole(send, status, retry, text)
                return
            self._in_hand.add(exchange)
            try:
                await exchange.answer(send)
            finally:
                self._in_hand.discard(exchange)
                exchange.abandon()
                # The body's file lives until the app is done with it.
                await exchange.finished.wait()

    async def _read_body(
        self, scope: Scope, receive: Receive, body: IO[bytes]
    ) -> HTTPStatus | None:
        length = _content_length(scope)
        if length is not None and length > self._maximum_body_bytes:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        size = 0
        while True:
            try:
                event = await asyncio.wait_for(receive(), self._body_seconds)
            except asyncio.TimeoutError:
                return HTTPStatus.REQUEST_TIMEOUT
            if event["type"] == "http.disconnect":
                # Cut short: an error, never a short body.
                return HTTPStatus.BAD_REQUEST
            piece = event.get("body", b"")
            size += len(piece)
            if size > self._maximum_body_bytes:
                return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            body.write(piece)
            if not event.get("more_body"):
                break
        if length is not None and size != length:
            return HTTPStatus.BAD_REQUEST
        body.seek(0)
        scope["channelshim.body_length"] = size
        return None


class _Exchange:
    """One request in a worker and its answer on the loop."""

    def __init__(
        self, app: Callable[..., Iterable[bytes]], environ: dict[str, Any]
    ) -> None:
        self._app = app
        self._environ = environ
        self._loop = asyncio.get_running_loop()
        # (piece, whether it is the last)
        self._pieces: asyncio.Queue[tuple[bytes, bool]] = asyncio.Queue()
        self._room = threading.Semaphore(limits.RESPONSE_PIECES)
        self._head: tuple[str, list[tuple[str, str]]] | None = None
        self._written: list[bytes] = []
        self._has_begun = False
        self.finished = asyncio.Event()
        self._is_abandoned = False

    def abandon(self) -> None:
        """Let the worker stop at its next piece: nobody reads any more."""
        self._is_abandoned = True
        self._room.release()

    # --- In the worker ------------------------------------------------------------

    def run(self) -> None:
        """Run the app and hand over what it answers."""
        try:
            self._run()
        except Exception:
            # The app server answers a failing handler itself: this is our bug, or an
            # answer that broke off.
            _logger.exception("a request failed")
        finally:
            self._call(self._finish)

    def _run(self) -> None:
        iterable = self._app(self._environ, self._start_response)
        try:
            if isinstance(iterable, (list, tuple)):
                self._hand_over(b"".join([*self._written, *iterable]), is_last=True)
                return
            for piece in itertools.chain(self._written, iterable):
                if piece:
                    self._room.acquire()
                    if self._is_abandoned:
                        return
                    self._hand_over(piece, is_last=False)
            self._hand_over(b"", is_last=True)
        finally:
            close = getattr(iterable, "close", None)
            if close is not None:
                close()

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        try:
            if exc_info and self._has_begun:
                raise exc_info[1].with_traceback(exc_info[2])
        finally:
            exc_info = None
        self._head = (status, headers)
        return self._written.append

    def _hand_over(self, piece: bytes, *, is_last: bool) -> None:
        self._has_begun = True
        self._call(self._pieces.put_nowait, (piece, is_last))

    def _call(self, function: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            # The loop is closed: the server has stopped without this request.
            self._is_abandoned = True

    # --- On the loop --------------------------------------------------------------

    def _finish(self) -> None:
        self.finished.set()
        self._pieces.put_nowait((b"", True))

    async def answer(self, send: Send) -> None:
        """Send what the worker hands over, as it comes."""
        piece, is_last = await self._pieces.get()
        if self._head is None:
            text = b"The app did not answer."
            await send_whole(send, HTTPStatus.INTERNAL_SERVER_ERROR, (), text)
            return
        status, headers = self._head
        await send(
            {
                "type": "http.response.start",
                "status": int(status.split(" ", 1)[0]),
                "headers": _header_bytes(headers, piece if is_last else None),
            }
        )
        while True:
            more = not is_last
            await send({"type": "http.response.body", "body": piece, "more_body": more})
            if is_last:
                return
            self._room.release()
            piece, is_last = await self._pieces.get()


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


def environ_of(scope: Scope, body: IO[bytes]) -> dict[str, Any]:
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
        "CONTENT_LENGTH": str(scope.get("channelshim.body_length", 0)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
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


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            # uvicorn's parser has checked that these are digits.
            return int(value)
    return None


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
