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
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import uvicorn

from channelshim import limits
from channelshim.errors import ConfigurationError
from channelshim.hub.pacing import Pacing
from channelshim.kernel.threads import Threads
from channelshim.kernel.wakeups import Wakeups
from channelshim.server.bridge import AsgiApp, WsgiBridge
from channelshim.server.exchange import CallSoon
from channelshim.server.executor import ThreadExecutor
from channelshim.server.http_protocol import HttpProtocol, for_server
from channelshim.server.request_body import Receive, Scope, disconnected
from channelshim.server.response_events import Send, send_whole
from channelshim.server.workers import Workers
from channelshim.transports.origins import Origins
from channelshim.transports.polling import Poller, Reply, method_not_allowed
from channelshim.transports.script import jsapi
from channelshim.transports.websocket import Acceptor

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

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
            f"the address {host!r} is unknown here; try --host localhost"
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
    """The ASGI application: channels on the loop, everything else in workers.

    Args:
        bridge: to the app.
        poller: answers polls and the old wire.
        is_host_allowed: takes the Host header; False answers 400 (contract 7.7).
        origins: whose pages may read polls.
    """

    def __init__(
        self,
        bridge: WsgiBridge,
        poller: Poller,
        is_host_allowed: Callable[[str], bool],
        origins: Origins,
    ) -> None:
        self._bridge = bridge
        self._poller = poller
        self._is_host_allowed = is_host_allowed
        self._origins = origins

    @property
    def polls_in_hand(self) -> int:
        """Return how many polls have not been answered."""
        return self._poller.count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        path = scope["path"]
        if path not in _ON_THE_LOOP:
            await self._bridge(scope, receive, send)
            return
        if not self._is_host_allowed(_header(scope, b"host") or ""):
            reply = Reply(HTTPStatus.BAD_REQUEST, (), b"This host is not served here.")
        elif scope["method"] != "GET":
            reply = method_not_allowed()
        else:
            reply = await self._reply(path, scope, receive)
        headers = (*reply.headers, *self._origins.headers(_header(scope, b"origin")))
        await send_whole(send, reply.status, headers, reply.body)

    def begin(
        self, cycle: RequestResponseCycle, start: Callable[[AsgiApp], None]
    ) -> bool:
        """Answer without a task, as WsgiBridge.begin does; False when one is needed."""
        path = cycle.scope["path"]
        return path not in _ON_THE_LOOP and self._bridge.begin(cycle, start)

    async def _reply(self, path: str, scope: Scope, receive: Receive) -> Reply:
        if path == limits.PATH_JSAPI:
            return jsapi()
        if path == limits.PATH_SOCKET:
            headers = (("Upgrade", "websocket"), ("Connection", "Upgrade"))
            text = b"This address answers WebSockets only."
            return Reply(HTTPStatus.UPGRADE_REQUIRED, headers, text)
        query = dict(
            parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        )
        if path == limits.PATH_DEV:
            return await self._poller.old_wire(query)
        gone = asyncio.ensure_future(disconnected(receive))
        try:
            return await self._poller.poll(query, may_hold=True, gone=gone)
        finally:
            gone.cancel()


_ON_THE_LOOP = frozenset(
    {limits.PATH_JSAPI, limits.PATH_SOCKET, limits.PATH_POLL, limits.PATH_DEV}
)


def _header(scope: Scope, wanted: bytes) -> str | None:
    for name, value in scope["headers"]:
        if name == wanted:
            text: str = value.decode("latin-1")
            return text
    return None


class Server:
    """One listening server.

    Args:
        listener: from `bind`.
        application: answers HTTP.
        acceptor: answers WebSockets.
        bridge: asked at the stop for what is in hand.
        stop_seconds: how long SIGTERM waits for requests in hand.
        on_started: called on the loop once it listens, with the loop and what has a
            function called on it from any thread.
        on_stopping: called on the loop at the first signal, pages told already.
    """

    def __init__(
        self,
        listener: socket.socket,
        application: Application,
        acceptor: Acceptor,
        bridge: WsgiBridge,
        *,
        stop_seconds: float = limits.STOP_SECONDS,
        on_started: Callable[[asyncio.AbstractEventLoop, CallSoon], None],
        on_stopping: Callable[[], None],
    ) -> None:
        self._listener = listener
        self._application = application
        self._acceptor = acceptor
        self._bridge = bridge
        self._stop_seconds = stop_seconds
        self._on_started = on_started
        self._on_stopping = on_stopping
        self._stop = asyncio.Event()
        self._signal: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                application,
                http=for_server(acceptor, application.begin),
                ws="none",
                loop="uvloop" if sys.platform != "win32" else "asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=limits.KEEP_ALIVE_SECONDS,
            )
        )

    def run(self) -> None:
        """Serve until a signal or `stop`. Blocks; the main thread gets signals."""
        factory = self._uvicorn.config.get_loop_factory()
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
        server = self._uvicorn
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        wakeups = Wakeups(loop)
        self._bridge.start(wakeups.call)
        with self._signals(loop), contextlib.closing(wakeups):
            await server.on_tick(0)
            await server.startup(sockets=[self._listener])
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
            await self._uvicorn.on_tick(0)

    async def _sweep(self) -> None:
        """End the HTTP connections whose peers are too slow."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(limits.SWEEP_SECONDS)
            now = loop.time()
            for connection in list(self._uvicorn.server_state.connections):
                if isinstance(connection, HttpProtocol):
                    connection.sweep(now)

    async def _shut_down(self) -> None:
        for server in self._uvicorn.servers:
            server.close()
        self._on_stopping()
        for connection in list(self._uvicorn.server_state.connections):
            connection.shutdown()
        is_interrupt = self._signal == signal.SIGINT
        seconds = limits.INTERRUPT_SECONDS if is_interrupt else self._stop_seconds
        await _until(lambda: not self._bridge.requests_in_hand, seconds)
        left = self._bridge.requests_in_hand
        if left:
            _logger.warning("stopped with %d requests still running", left)
        await _until(
            lambda: not (self._acceptor.connections or self._application.polls_in_hand),
            limits.INTERRUPT_SECONDS,
        )
        # uvicorn would log each as a failure of the app.
        logging.getLogger("uvicorn.error").disabled = True
        tasks = list(self._uvicorn.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for page in list(self._acceptor.connections):
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


def _end_now(*_: object) -> None:
    """End the process without a clean-up that a handler could hold up."""
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
