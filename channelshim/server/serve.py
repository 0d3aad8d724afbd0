"""Our server: HTTP, WebSockets and polls on one loop.

A stop tells every page to come back and lets what is in hand end within one bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from channelshim.hub.pacing import Pacing
from channelshim.kernel.deadlines import Deadlines
from channelshim.kernel.threads import Threads
from channelshim.kernel.wakeups import Wakeups
from channelshim.server import http_connection
from channelshim.server.bridge import CallSoon, WsgiBridge
from channelshim.server.executor import ThreadExecutor
from channelshim.server.http_connection import HttpConnection
from channelshim.server.listening import listen
from channelshim.server.response import Response
from channelshim.server.service import Service
from channelshim.server.stopping import Bound
from channelshim.server.workers import Workers
from channelshim.transports import connection_table, handshake
from channelshim.transports.acceptor import Acceptor
from channelshim.transports.connection_table import ConnectionTable, State
from channelshim.transports.polling import Reply
from channelshim.transports.routes import Request, Routes
from channelshim.transports.stop_signals import INTERRUPT_SECONDS, STOP_SECONDS
from channelshim.transports.websocket import WebSocketProtocol

_logger: Final = logging.getLogger("channelshim.server")


class Application:
    """What answers at one listener: channels on the loop, the app in workers.

    Args:
        bridge: to the app.
        routes: answers channels; None where there are none, as for a console.

    Attributes:
        bridge: as given.
    """

    def __init__(self, bridge: WsgiBridge, routes: Routes | None = None) -> None:
        self.bridge = bridge
        self._routes = routes
        self._own_paths = frozenset() if routes is None else routes.paths

    @property
    def polls_in_hand(self) -> int:
        """Return how many polls have not been answered."""
        return 0 if self._routes is None else self._routes.polls_in_hand

    def begin(self, response: Response) -> None:
        """Answer a request, whose head has come."""
        if self._routes is not None and response.request.path in self._own_paths:
            _answer_channel(self._routes, response)
        else:
            self.bridge.begin(response)


def _answer_channel(routes: Routes, response: Response) -> None:
    asked = response.request
    if asked.upload is not None:
        # Nobody reads it.
        asked.upload.drop()
    request = Request(
        asked.path,
        asked.method,
        asked.header(b"host") or "",
        asked.header(b"origin"),
        asked.query.decode("latin-1"),
        asked.client[0] if asked.client else "",
        handshake.joined(asked.headers, b"x-forwarded-for"),
    )
    reply = routes.reply_at_once(request)
    if reply is None or response.is_behind:
        response.connection.run(_answer_later(routes, request, reply, response))
    else:
        response.send_whole(reply.status, reply.headers, reply.body)


async def _answer_later(
    routes: Routes, request: Request, reply: Reply | None, response: Response
) -> None:
    if reply is None:
        reply = await routes.reply(request, may_hold=True, gone=response.gone())
    await response.drain()
    response.send_whole(reply.status, reply.headers, reply.body)


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket, and what answers there.

    Attributes:
        socket: from binding.bind.
        application: answers HTTP.
        acceptor: takes WebSockets; None refuses them.
        tls: what it speaks https with; None for http.
    """

    socket: socket.socket
    application: Application
    acceptor: Acceptor | None = None
    tls: ssl.SSLContext | None = None


class Server:
    """One server on one or several sockets, with one loop and one end.

    Args:
        listeners: where it listens.
        table: owns the connections; that of the acceptors. None for one of its own.
        stop_seconds: how long the stop waits for all that is in hand.
        on_started: called on the loop once it listens, with the loop and what has a
            function called on it from any thread.
        on_stopping: called on the loop when the stop begins.
        takes_waiting: asked at the stop, whether those who wait to be accepted are
            taken: not where another process goes on with the sockets.
        before_end: called in a thread of its own when requests have ended and before
            the loop does; for what needs the loop to end. None for nothing.
        threads: keeps the loop and its tasks running; None for one of its own.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        *,
        table: ConnectionTable | None = None,
        stop_seconds: float = STOP_SECONDS,
        on_started: Callable[[asyncio.AbstractEventLoop, CallSoon], None],
        on_stopping: Callable[[], None],
        takes_waiting: Callable[[], bool] = lambda: True,
        before_end: Callable[[], None] | None = None,
        threads: Threads | None = None,
    ) -> None:
        self._threads = threads or Threads()
        self._listeners = tuple(listeners)
        # Two listeners may have one app.
        self._bridges = tuple({each.application.bridge for each in listeners})
        self._acceptors = tuple(
            {each.acceptor for each in listeners if each.acceptor is not None}
        )
        self._stop_seconds = stop_seconds
        self._on_started = on_started
        self._on_stopping = on_stopping
        self._takes_waiting = takes_waiting
        self._before_end = before_end
        self._stop = asyncio.Event()
        self._must_stop = False
        self._bound = Bound(stop_seconds)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._table = ConnectionTable() if table is None else table
        assert all(each.table is self._table for each in self._acceptors)
        self._services = tuple(
            Service(each.application.begin, self._table, each.acceptor)
            for each in listeners
        )

    def run(self) -> None:
        """Serve until `stop`. Blocks."""
        loop = _new_loop()
        main = loop.create_task(self._serve())

        def run_loop() -> None:
            try:
                loop.run_until_complete(main)
            except BaseException:
                # Of a call on the loop, which SystemExit ends; all that waits on it is
                # still there. What is raised by the task itself is its result.
                if not main.done():
                    raise

        try:
            asyncio.set_event_loop(loop)
            self._threads.run("loop", run_loop)
            main.result()
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    @property
    def seconds_left(self) -> float:
        """Return how long a stop that has begun may still take."""
        return self._bound.seconds_left

    def stop(self, seconds: float | None = None) -> None:
        """Have `run` return, orderly, even if it has yet to begin. Any thread.

        Args:
            seconds: within which all that is in hand must end; None means
                stop_seconds.
        """
        if seconds is not None:
            self._stop_seconds = seconds
            self._bound.shorten(seconds)
        self._must_stop = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._begin_stop)

    def _begin_stop(self) -> None:
        self._stop.set()

    async def _serve(self) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        if self._must_stop:
            self._stop.set()
        wakeups = Wakeups(loop)
        for bridge in self._bridges:
            bridge.start(wakeups.call)
        with contextlib.closing(wakeups):
            closing = [
                await listen(service, each.socket, each.tls)
                for service, each in zip(self._services, self._listeners, strict=True)
            ]
            self._on_started(loop, wakeups.call)
            dates = self._threads.start_task("dates", self._keep_dates)
            sweep = self._threads.start_task("sweep", self._sweep)
            await self._stop.wait()
            takes_waiting = self._takes_waiting()
            for close in closing:
                close(takes_waiting)
            # What was accepted before is made known in the loop's next turn.
            await asyncio.sleep(0)
            await self._shut_down()
            await self._end_others()
            dates.cancel()
            sweep.cancel()

    async def _end_others(self) -> None:
        """Call what must end while the loop runs, and wait for it."""
        if self._before_end is not None:
            thread = self._threads.start("before-end", self._before_end)
            while thread.is_alive():
                await asyncio.sleep(0.01)

    async def _keep_dates(self) -> None:
        """Renew the Date header."""
        while True:
            await asyncio.sleep(1)
            for service in self._services:
                service.renew_date()

    async def _sweep(self) -> None:
        """End the connections whose peers are too slow."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(connection_table.BEAT_SECONDS)
            self._table.beat(loop.time())

    def _connections(self) -> list[HttpConnection]:
        """Return the HTTP connections that are open now."""
        return [each for service in self._services for each in service.connections]

    def _requests_in_hand(self) -> int:
        return sum(bridge.requests_in_hand for bridge in self._bridges)

    def _pages(self) -> list[WebSocketProtocol]:
        return [page for acceptor in self._acceptors for page in acceptor.connections]

    async def _shut_down(self) -> None:
        """Let end what is in hand, within the bound; say 503 to what has not ended."""
        self._bound = Bound(self._stop_seconds)
        self._on_stopping()
        await _until(partial(self._has_answered, time.monotonic()), self._bound)
        self._give_up()
        await _until(
            lambda: not (self._pages() or self._connections()),
            Bound(INTERRUPT_SECONDS),
        )
        tasks = [task for service in self._services for task in service.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in self._table:
            each.abandon()
        # The loop must have seen them go before it is closed.
        await _until(lambda: not len(self._table), Bound(INTERRUPT_SECONDS))

    def _has_answered(self, begun: float) -> bool:
        """Close what has nothing in hand; return whether nothing is left.

        A connection is left until its peer has the whole answer. One may have come just
        before the end, so all are told each time. A handshake has as long as a first
        request.

        Args:
            begun: when the stop began: monotonic seconds.
        """
        connections = self._connections()
        for connection in connections:
            connection.shutdown()
        if connections or self._requests_in_hand():
            return False
        is_soon = time.monotonic() < begun + http_connection.FIRST_REQUEST_SECONDS
        return not (is_soon and self._has_handshakes())

    def _has_handshakes(self) -> bool:
        return any(each.state() is State.HANDSHAKE for each in self._table)

    def _give_up(self) -> None:
        running = self._requests_in_hand()
        connections = self._connections()
        refused = sum(connection.give_up() for connection in connections)
        if running or connections:
            _logger.warning(
                "stopped with %d requests still running; %d of %d connections were "
                "answered 503, the others cut",
                running,
                refused,
                len(connections),
            )


def _new_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


async def _until(is_true: Callable[[], bool], bound: Bound) -> None:
    """Wait until is_true, at most that long."""
    while not is_true() and bound.seconds_left > 0:
        await asyncio.sleep(0.01)


def make_bridge(
    app: Callable[..., Iterable[bytes]],
    count: int,
    threads: Threads | None = None,
    *,
    pacing: Pacing | None = None,
    deadlines: Deadlines | None = None,
    deadline_seconds: float = 0.0,
    **options: Any,
) -> WsgiBridge:
    """Return the bridge to a WSGI app with so many workers of its own."""
    pacing = pacing or Pacing()
    executor = ThreadExecutor(
        app, Workers(count, threads=threads), pacing, deadlines, deadline_seconds
    )
    return WsgiBridge(executor, pacing=pacing, threads=threads, **options)
