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
from typing import TYPE_CHECKING, Final

from channelshim.appserver.response_rules import NO_SNIFFING
from channelshim.broker.safety import wait_until_safe
from channelshim.errors import ChannelShimError
from channelshim.kernel.threads import Threads
from channelshim.transports.polling import Reply
from channelshim.transports.routes import Request, Routes
from channelshim.transports.stop_signals import STOP_SECONDS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HELD_POLLS: Final = 2
"""Threads that polls may hold under a WSGI server that does not say how many it has."""

_logger: Final = logging.getLogger("channelshim.transports")


class LoopThread:
    """An event loop in a daemon thread, made again after a fork.

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
        routes: answers channels.
        loop_thread: where polls are answered.
        when_safe: calls a function when the messages of this process are safe; no
            answer goes out before its messages are.
        held_polls: threads of the server that polls may hold at once; 0 means half of
            the server's where it says how many it has, else HELD_POLLS.
    """

    def __init__(
        self,
        app: WSGIApplication,
        routes: Routes,
        loop_thread: LoopThread,
        *,
        when_safe: Callable[[Callable[[], None]], None],
        held_polls: int = 0,
    ) -> None:
        self._app = app
        self._routes = routes
        self._when_safe = when_safe
        self._loop_thread = loop_thread
        self._held_polls = held_polls
        self._held = 0
        self._lock = threading.Lock()
        # Monotonic seconds until which no poll is held: the server is stopping.
        self._stops_until = 0.0

    def note_stop(self) -> None:
        """End the polls that are held: the server would wait for them."""
        self._stops_until = time.monotonic() + STOP_SECONDS
        loop = self._loop_thread.running()
        if loop is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._routes.end_held)

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        path = environ.get("PATH_INFO", "")
        try:
            loop = self._loop_thread.loop()
            is_own = path in self._routes.paths
            reply = self._answer(path, environ, loop) if is_own else None
        except ChannelShimError as error:
            return refuse(error, start_response)
        except BaseException:
            # Raised further, SystemExit would end the server or its worker.
            _logger.exception("a request for channels failed")
            text = b"The server failed; its log says why.\n"
            kind = ("Content-Type", "text/plain; charset=utf-8")
            headers = (kind, NO_SNIFFING)
            reply = Reply(HTTPStatus.INTERNAL_SERVER_ERROR, headers, text)
        if reply is None:
            answer = self._app(environ, start_response)
            wait_until_safe(self._when_safe)
            return answer
        phrase = reply.reason or HTTPStatus(reply.status).phrase
        length = ("Content-Length", str(len(reply.body)))
        start_response(f"{int(reply.status)} {phrase}", [*reply.headers, length])
        return [reply.body]

    def _answer(
        self, path: str, environ: WSGIEnvironment, loop: asyncio.AbstractEventLoop
    ) -> Reply:
        request = Request(
            path,
            environ["REQUEST_METHOD"],
            environ.get("HTTP_HOST", ""),
            environ.get("HTTP_ORIGIN"),
            environ.get("QUERY_STRING", ""),
            str(environ.get("REMOTE_ADDR", "")),
            str(environ.get("HTTP_X_FORWARDED_FOR", "")),
        )
        reply = self._routes.reply_at_once(request)
        if reply is not None:
            return reply
        may_hold = request.is_poll and self._take_hold(environ)
        try:
            return asyncio.run_coroutine_threadsafe(
                self._reply(request, may_hold=may_hold), loop
            ).result()
        finally:
            if may_hold:
                with self._lock:
                    self._held -= 1

    async def _reply(self, request: Request, *, may_hold: bool) -> Reply:
        # Asked here again: `end_held` finds no poll that has not begun.
        may_hold = may_hold and time.monotonic() >= self._stops_until
        return await self._routes.reply(request, may_hold=may_hold)

    def _take_hold(self, environ: WSGIEnvironment) -> bool:
        if not environ.get("wsgi.multithread"):
            return False
        most = self._held_polls or _threads(environ) // 2 or HELD_POLLS
        with self._lock:
            if self._held >= most:
                return False
            self._held += 1
            return True


def refuse(error: ChannelShimError, start_response: StartResponse) -> list[bytes]:
    """Answer 503: another process must serve, or messages would be lost."""
    _logger.error("%s; this worker process answers nothing", error)
    text = b"This worker process cannot serve; the server's log says why.\n"
    kind = ("Content-Type", "text/plain; charset=utf-8")
    headers = [kind, ("Content-Length", str(len(text))), NO_SNIFFING]
    start_response("503 Service Unavailable", headers)
    return [text]


def _threads(environ: WSGIEnvironment) -> int:
    """Return how many worker threads the server has; 0 when it does not say."""
    pool = environ.get("paste.httpserver.thread_pool")
    return int(getattr(pool, "nworkers", 0))
