"""Our server: uvicorn on uvloop and httptools, WebSockets and polls on the loop.

uvicorn parses HTTP. Its signal handling, its stop and its exit codes are replaced: a
stop tells every page to come back and lets what is in hand end within one bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import uvicorn

from channelshim.errors import ConfigurationError
from channelshim.hub.pacing import Pacing
from channelshim.kernel.deadlines import Deadlines
from channelshim.kernel.threads import Threads
from channelshim.kernel.wakeups import Wakeups
from channelshim.server.bridge import CallSoon, WsgiBridge
from channelshim.server.executor import ThreadExecutor
from channelshim.server.http_connection import HttpConnection
from channelshim.server.http_protocol import for_server
from channelshim.server.request_body import Scope, disconnected
from channelshim.server.response import Connection, Response
from channelshim.server.stopping import Bound
from channelshim.server.workers import Workers
from channelshim.transports import connection_table
from channelshim.transports.acceptor import Acceptor
from channelshim.transports.connection_table import ConnectionTable
from channelshim.transports.routes import PATHS, Request, Routes
from channelshim.transports.stop_signals import INTERRUPT_SECONDS, STOP_SECONDS
from channelshim.transports.websocket import WebSocketProtocol

if TYPE_CHECKING:
    from channelshim.server.uvicorn_names import RequestResponseCycle

_logger: Final = logging.getLogger("channelshim.server")


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        ConfigurationError: the port is taken or not allowed, or the host is unknown.
    """
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror as error:
        raise ConfigurationError(
            f"cannot listen on {host!r}: unknown address; try --host localhost"
        ) from error
    # localhost may mean ::1 first; browsers try both, and curl 127.0.0.1.
    family, kind, protocol, _, address = min(found, key=lambda f: f[0])
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise ConfigurationError(_bind_sentence(host, port, error)) from error
    listener.setblocking(False)
    return listener


def _bind_sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is taken by another program: stop that one, or "
            f"choose another with --port {port + 1 if port < 65535 else 8081}"
        )
    if error.errno == errno.EACCES:
        return f"port {port} needs privileges: choose one above 1023 with --port"
    return f"{host}, port {port} cannot be used: {error.strerror}"


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
        self._own_paths = PATHS if routes is not None else frozenset()

    @property
    def polls_in_hand(self) -> int:
        """Return how many polls have not been answered."""
        return 0 if self._routes is None else self._routes.polls_in_hand

    def begin(self, connection: Connection, cycle: RequestResponseCycle) -> None:
        """Answer a request, whose head has come."""
        if self._routes is not None and cycle.scope["path"] in self._own_paths:
            response = Response(connection, cycle)
            connection.run(_answer_channel(self._routes, response))
        else:
            self.bridge.begin(connection, cycle)


async def _answer_channel(routes: Routes, response: Response) -> None:
    request = _request(cast("Scope", response.cycle.scope))
    reply = routes.reply_at_once(request)
    if reply is None:
        gone = asyncio.ensure_future(disconnected(response.cycle.receive))
        try:
            reply = await routes.reply(request, may_hold=True, gone=gone)
        finally:
            gone.cancel()
    await response.drain()
    response.send_whole(reply.status, reply.headers, reply.body)


def _request(scope: Scope) -> Request:
    return Request(
        scope["path"],
        scope["method"],
        _header(scope, b"host") or "",
        _header(scope, b"origin"),
        scope["query_string"].decode("latin-1"),
        (scope.get("client") or ("", 0))[0],
    )


def _header(scope: Scope, wanted: bytes) -> str | None:
    for name, value in scope["headers"]:
        if name == wanted:
            text: str = value.decode("latin-1")
            return text
    return None


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket, and what answers there.

    Attributes:
        socket: from `bind`.
        application: answers HTTP.
        acceptor: takes WebSockets; None refuses them.
    """

    socket: socket.socket
    application: Application
    acceptor: Acceptor | None = None


class Server:
    """One server on one or several sockets, with one loop and one end.

    Args:
        listeners: where it listens.
        table: owns the connections; that of the acceptors. None for one of its own.
        stop_seconds: how long the stop waits for all that is in hand.
        on_started: called on the loop once it listens, with the loop and what has a
            function called on it from any thread.
        on_stopping: called on the loop when the stop begins.
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
        self._before_end = before_end
        self._stop = asyncio.Event()
        self._must_stop = False
        self._bound = Bound(stop_seconds)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._table = ConnectionTable() if table is None else table
        assert all(each.table is self._table for each in self._acceptors)
        self._servers = tuple(_uvicorn_server(each, self._table) for each in listeners)

    def run(self) -> None:
        """Serve until `stop`. Blocks."""
        factory = self._servers[0].config.get_loop_factory()
        loop = factory() if factory is not None else asyncio.new_event_loop()
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
        for server in self._servers:
            server.config.load()
            server.lifespan = server.config.lifespan_class(server.config)
        wakeups = Wakeups(loop)
        for bridge in self._bridges:
            bridge.start(wakeups.call)
        with contextlib.closing(wakeups):
            for server, listener in zip(self._servers, self._listeners, strict=True):
                await server.on_tick(0)
                await server.startup(sockets=[listener.socket])
            self._on_started(loop, wakeups.call)
            dates = self._threads.start_task("dates", self._keep_dates)
            sweep = self._threads.start_task("sweep", self._sweep)
            await self._stop.wait()
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
        """Renew the Date header; uvicorn's own loop ticks ten times a second."""
        while True:
            await asyncio.sleep(1)
            for server in self._servers:
                await server.on_tick(0)

    async def _sweep(self) -> None:
        """End the connections whose peers are too slow."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(connection_table.BEAT_SECONDS)
            self._table.beat(loop.time())

    def _connections(self) -> list[Any]:
        """Return the HTTP connections that are open now."""
        states = [server.server_state for server in self._servers]
        return [each for state in states for each in state.connections]

    def _requests_in_hand(self) -> int:
        return sum(bridge.requests_in_hand for bridge in self._bridges)

    def _pages(self) -> list[WebSocketProtocol]:
        return [page for acceptor in self._acceptors for page in acceptor.connections]

    async def _shut_down(self) -> None:
        """Let end what is in hand, within the bound; say 503 to what has not ended."""
        self._bound = Bound(self._stop_seconds)
        for server in self._servers:
            for listening in server.servers:
                listening.close()
        self._on_stopping()
        await _until(self._has_answered, self._bound)
        self._give_up()
        await _until(
            lambda: not (self._pages() or self._connections()),
            Bound(INTERRUPT_SECONDS),
        )
        # uvicorn would log each as a failure of the app.
        logging.getLogger("uvicorn.error").disabled = True
        tasks = [task for each in self._servers for task in each.server_state.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in self._table:
            each.abandon()
        # The loop must have seen them go before it is closed.
        await _until(lambda: not len(self._table), Bound(INTERRUPT_SECONDS))

    def _has_answered(self) -> bool:
        """Close what has nothing in hand; return whether nothing is left.

        A connection is left until its peer has the whole answer. One may have come just
        before the end, so all are told each time.
        """
        connections = self._connections()
        for connection in connections:
            connection.shutdown()
        return not (connections or self._requests_in_hand())

    def _give_up(self) -> None:
        running = self._requests_in_hand()
        connections = self._connections()
        refused = sum(
            connection.give_up()
            for connection in connections
            if isinstance(connection, HttpConnection)
        )
        if running or connections:
            _logger.warning(
                "stopped with %d requests still running; %d of %d connections were "
                "answered 503, the others cut",
                running,
                refused,
                len(connections),
            )


def _uvicorn_server(listener: Listener, table: ConnectionTable) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            _no_asgi,
            http=for_server(listener.acceptor, listener.application.begin, table),
            ws="none",
            loop="uvloop" if sys.platform != "win32" else "asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )
    )


async def _no_asgi(scope: object, receive: object, send: object) -> None:
    """Stand in for the ASGI application that uvicorn wants; see http_protocol."""
    raise AssertionError("a request has gone uvicorn's way")


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
    return WsgiBridge(executor, pacing=pacing, **options)
