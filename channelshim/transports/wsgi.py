"""Channels under any WSGI server: the poll fallback and the old wire.

The hub needs a loop; here it runs in a thread of its own, started with the first
request of the process, so that servers which fork their workers are safe.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from channelshim import limits
from channelshim.broker.safety import wait_until_safe
from channelshim.errors import ChannelShimError
from channelshim.kernel.threads import Threads
from channelshim.transports.origins import Origins
from channelshim.transports.polling import Poller, Reply, method_not_allowed
from channelshim.transports.script import jsapi

_logger: Final = logging.getLogger("channelshim.transports")

WsgiApp = Callable[..., Iterable[bytes]]


class LoopThread:
    """An event loop in a daemon thread, made anew after a fork.

    Args:
        on_started: called on the loop, before anything else.
        threads: keeps the thread running; None for one of its own.
    """

    def __init__(
        self,
        on_started: Callable[[asyncio.AbstractEventLoop], None],
        threads: Threads | None = None,
    ) -> None:
        self._on_started = on_started
        self._threads = threads or Threads()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process_id = 0

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the running loop of this process.

        Raises:
            BaseException: what on_started raised, a ChannelShimError as a rule.
        """
        if self._loop is None or self._process_id != os.getpid():
            with self._lock:
                if self._loop is None or self._process_id != os.getpid():
                    self._start()
        assert self._loop is not None
        return self._loop

    def running(self) -> asyncio.AbstractEventLoop | None:
        """Return the loop if it runs in this process; for a signal handler."""
        return self._loop if self._process_id == os.getpid() else None

    def _start(self) -> None:
        loop = asyncio.new_event_loop()
        has_started = threading.Event()
        failures: list[BaseException] = []

        def begin() -> None:
            try:
                self._on_started(loop)
            except BaseException as error:
                failures.append(error)
                loop.stop()
            finally:
                has_started.set()

        def run() -> None:
            # SystemExit and KeyboardInterrupt of a callback end this call; the loop
            # itself and all that waits on it are still there.
            asyncio.set_event_loop(loop)
            loop.run_forever()

        loop.call_soon(begin)
        self._threads.start("channels", run)
        has_started.wait()
        if failures:
            raise failures[0]
        self._process_id = os.getpid()
        self._loop = loop


class WsgiGateway:
    """A WSGI application: channels here, everything else to the app.

    Args:
        app: the app server.
        poller: answers polls and the old wire.
        loop_thread: where it does so.
        is_host_allowed: takes the Host header; False answers 400.
        origins: whose pages may read polls.
        when_safe: calls a function when the messages of this process are safe; no
            answer goes out before its messages are.
        held_polls: threads of the server that polls may hold at once; 0 means half of
            the server's where it says how many it has, else limits.HELD_POLLS.
    """

    def __init__(
        self,
        app: WsgiApp,
        poller: Poller,
        loop_thread: LoopThread,
        is_host_allowed: Callable[[str], bool],
        origins: Origins,
        *,
        when_safe: Callable[[Callable[[], None]], None],
        held_polls: int = 0,
    ) -> None:
        self._app = app
        self._when_safe = when_safe
        self._poller = poller
        self._loop_thread = loop_thread
        self._is_host_allowed = is_host_allowed
        self._origins = origins
        self._held_polls = held_polls
        self._held = 0
        self._lock = threading.Lock()
        # Monotonic seconds until which no poll is held: the server is stopping.
        self._stops_until = 0.0

    def note_stop(self) -> None:
        """End the polls that are held: the server would wait for them."""
        self._stops_until = time.monotonic() + limits.STOP_SECONDS
        loop = self._loop_thread.running()
        if loop is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._poller.end_held)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        path = environ.get("PATH_INFO", "")
        try:
            loop = self._loop_thread.loop()
            reply = self._answer(path, environ, loop) if path in _OURS else None
        except ChannelShimError as error:
            return refuse(error, start_response)
        except BaseException:
            # Raised further, SystemExit would end the server or its worker.
            _logger.exception("a request for channels failed")
            text = b"The server failed; its log says why.\n"
            reply = Reply(HTTPStatus.INTERNAL_SERVER_ERROR, (), text)
        if reply is None:
            answer = self._app(environ, start_response)
            wait_until_safe(self._when_safe)
            return answer
        phrase = reply.reason or HTTPStatus(reply.status).phrase
        length = ("Content-Length", str(len(reply.body)))
        crossing = self._origins.headers(environ.get("HTTP_ORIGIN"))
        headers = [*reply.headers, *crossing, length]
        start_response(f"{int(reply.status)} {phrase}", headers)
        return [reply.body]

    def _answer(
        self, path: str, environ: dict[str, Any], loop: asyncio.AbstractEventLoop
    ) -> Reply:
        if not self._is_host_allowed(environ.get("HTTP_HOST", "")):
            return Reply(HTTPStatus.BAD_REQUEST, (), b"This host is not served here.")
        if environ["REQUEST_METHOD"] != "GET":
            return method_not_allowed()
        return self._reply(path, environ, loop)

    def _reply(
        self, path: str, environ: dict[str, Any], loop: asyncio.AbstractEventLoop
    ) -> Reply:
        if path == limits.PATH_JSAPI:
            return jsapi(has_sockets=False)
        if path == limits.PATH_SOCKET:
            text = b"No WebSockets under this server: poll instead."
            return Reply(HTTPStatus.NOT_IMPLEMENTED, (), text)
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        if path == limits.PATH_DEV:
            return asyncio.run_coroutine_threadsafe(
                self._poller.old_wire(query), loop
            ).result()
        may_hold = self._take_hold(environ)
        try:
            return asyncio.run_coroutine_threadsafe(
                self._poll(query, may_hold=may_hold), loop
            ).result()
        finally:
            if may_hold:
                with self._lock:
                    self._held -= 1

    async def _poll(self, query: dict[str, str], *, may_hold: bool) -> Reply:
        # Asked here again: `end_held` finds no poll that has not begun.
        may_hold = may_hold and time.monotonic() >= self._stops_until
        return await self._poller.poll(query, may_hold=may_hold)

    def _take_hold(self, environ: dict[str, Any]) -> bool:
        if not environ.get("wsgi.multithread"):
            return False
        most = self._held_polls or _threads(environ) // 2 or limits.HELD_POLLS
        with self._lock:
            if self._held >= most:
                return False
            self._held += 1
            return True


def refuse(error: ChannelShimError, start_response: Callable[..., Any]) -> list[bytes]:
    """Answer 503: another process must serve, or messages would be lost."""
    _logger.error("%s; this worker process answers nothing", error)
    text = b"This worker process cannot serve; the server's log says why.\n"
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))]
    start_response("503 Service Unavailable", headers)
    return [text]


_OURS = frozenset(
    {limits.PATH_JSAPI, limits.PATH_SOCKET, limits.PATH_POLL, limits.PATH_DEV}
)


def _threads(environ: dict[str, Any]) -> int:
    """Return how many worker threads the server has; 0 when it does not say."""
    pool = environ.get("paste.httpserver.thread_pool")
    return int(getattr(pool, "nworkers", 0))
