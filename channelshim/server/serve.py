"""Our server: uvicorn on uvloop and httptools, WebSockets and polls on the loop.

uvicorn parses HTTP. Its signal handling, its stop and its exit codes are replaced: the
first Ctrl-C or SIGTERM tells every page to come back and lets requests in hand finish
within a bound; the second one means now.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import uvicorn

from channelshim.errors import ConfigurationError
from channelshim.hub.pacing import Pacing
from channelshim.kernel.threads import Threads
from channelshim.kernel.wakeups import Wakeups
from channelshim.runtime import log_lines
from channelshim.server.bridge import CallSoon, WsgiBridge
from channelshim.server.executor import ThreadExecutor
from channelshim.server.http_protocol import HttpProtocol, for_server
from channelshim.server.request_body import Scope, disconnected
from channelshim.server.response import Connection, Response
from channelshim.server.workers import Workers
from channelshim.transports.routes import PATHS, Request, Routes
from channelshim.transports.stop_signals import INTERRUPT_SECONDS, STOP_SECONDS
from channelshim.transports.websocket import Acceptor, WebSocketProtocol

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

SWEEP_SECONDS: Final = 1.0
"""Between two looks for connections that are too slow."""

KEEP_ALIVE_SECONDS: Final = 60
"""An idle HTTP connection is kept so long: browsers keep theirs about as long."""

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
        stop_seconds: how long SIGTERM waits for requests in hand.
        on_started: called on the loop once it listens, with the loop and what has a
            function called on it from any thread.
        on_stopping: called on the loop at the first signal, pages told already.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        *,
        stop_seconds: float = STOP_SECONDS,
        on_started: Callable[[asyncio.AbstractEventLoop, CallSoon], None],
        on_stopping: Callable[[], None],
    ) -> None:
        self._listeners = tuple(listeners)
        # Two listeners may have one app.
        self._bridges = tuple({each.application.bridge for each in listeners})
        self._acceptors = tuple(
            {each.acceptor for each in listeners if each.acceptor is not None}
        )
        self._stop_seconds = stop_seconds
        self._on_started = on_started
        self._on_stopping = on_stopping
        self._stop = asyncio.Event()
        self._signal: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._servers = tuple(_uvicorn_server(each) for each in listeners)

    def run(self) -> None:
        """Serve until a signal or `stop`. Blocks; the main thread gets signals."""
        factory = self._servers[0].config.get_loop_factory()
        loop = factory() if factory is not None else asyncio.new_event_loop()
        try:
            asyncio.set_event_loop(loop)
            loop.run_until_complete(self._serve())
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    @property
    def is_terminated(self) -> bool:
        """Return whether SIGTERM asked for the stop: what is in hand may finish."""
        return self._signal == signal.SIGTERM

    def stop(self) -> None:
        """Have `run` return, orderly. Any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)

    async def _serve(self) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        for server in self._servers:
            server.config.load()
            server.lifespan = server.config.lifespan_class(server.config)
        wakeups = Wakeups(loop)
        for bridge in self._bridges:
            bridge.start(wakeups.call)
        with self._signals(loop), contextlib.closing(wakeups):
            for server, listener in zip(self._servers, self._listeners, strict=True):
                await server.on_tick(0)
                await server.startup(sockets=[listener.socket])
            self._on_started(loop, wakeups.call)
            dates = loop.create_task(self._keep_dates())
            sweep = loop.create_task(self._sweep())
            await self._stop.wait()
            dates.cancel()
            sweep.cancel()
            await self._shut_down()

    async def _keep_dates(self) -> None:
        """Renew the Date header; uvicorn's own loop ticks ten times a second."""
        while True:
            await asyncio.sleep(1)
            for server in self._servers:
                await server.on_tick(0)

    async def _sweep(self) -> None:
        """End the HTTP connections whose peers are too slow."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = loop.time()
            for connection in self._connections():
                if isinstance(connection, HttpProtocol):
                    connection.sweep(now)

    def _connections(self) -> list[Any]:
        """Return the HTTP connections that are open now."""
        states = [server.server_state for server in self._servers]
        return [each for state in states for each in state.connections]

    def _requests_in_hand(self) -> int:
        return sum(bridge.requests_in_hand for bridge in self._bridges)

    def _polls_in_hand(self) -> int:
        return sum(each.application.polls_in_hand for each in self._listeners)

    def _pages(self) -> list[WebSocketProtocol]:
        return [page for acceptor in self._acceptors for page in acceptor.connections]

    async def _shut_down(self) -> None:
        for server in self._servers:
            for listening in server.servers:
                listening.close()
        self._on_stopping()
        for connection in self._connections():
            connection.shutdown()
        is_interrupt = self._signal == signal.SIGINT
        seconds = INTERRUPT_SECONDS if is_interrupt else self._stop_seconds
        await _until(lambda: not self._requests_in_hand(), seconds)
        left = self._requests_in_hand()
        if left:
            _logger.warning("stopped with %d requests still running", left)
        await _until(
            lambda: not (self._pages() or self._polls_in_hand()), INTERRUPT_SECONDS
        )
        # uvicorn would log each as a failure of the app.
        logging.getLogger("uvicorn.error").disabled = True
        tasks = [task for each in self._servers for task in each.server_state.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for page in self._pages():
            page.abort()

    @contextlib.contextmanager
    def _signals(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        caught = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.getsignal(number) for number in caught}
        for number in caught:
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            yield
        finally:
            for number in caught:
                loop.remove_signal_handler(number)
                # What is left to do after a signal takes a moment; a second one means
                # now until the process has ended.
                was_stopped = self._signal is not None
                signal.signal(number, _end_now if was_stopped else before[number])

    def _on_signal(self, number: int) -> None:
        if self._signal is not None:
            _end_now()
        self._signal = number
        self._stop.set()


def _uvicorn_server(listener: Listener) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            _no_asgi,
            http=for_server(listener.acceptor, listener.application.begin),
            ws="none",
            loop="uvloop" if sys.platform != "win32" else "asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
    )


async def _no_asgi(scope: object, receive: object, send: object) -> None:
    """Stand in for the ASGI application that uvicorn wants; see http_protocol."""
    raise AssertionError("a request has gone uvicorn's way")


def _end_now(*_: object) -> None:
    """End the process without a clean-up that a handler could hold up."""
    log_lines.flush()
    sys.stdout.flush()
    os._exit(0)


async def _until(is_true: Callable[[], bool], seconds: float) -> None:
    """Wait until is_true, at most that long."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not is_true() and loop.time() < deadline:
        await asyncio.sleep(0.01)


def make_bridge(
    app: Callable[..., Iterable[bytes]],
    count: int,
    threads: Threads | None = None,
    *,
    pacing: Pacing | None = None,
    **options: Any,
) -> WsgiBridge:
    """Return the bridge to a WSGI app with so many workers of its own."""
    pacing = pacing or Pacing()
    executor = ThreadExecutor(app, Workers(count, threads=threads), pacing)
    return WsgiBridge(executor, pacing=pacing, **options)
