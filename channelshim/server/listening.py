"""A listening socket and the connections that come there, from accept on.

Theory. A connection that encrypts begins with a handshake, which its peer may never go
on with. uvloop and asyncio tell nobody of a connection before that is over. So such
connections are accepted here: each is in the table in a state of its own, with a
deadline and a bound of its own, until its HTTP connection, which the handshake's end
makes, is in the table too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

from channelshim.kernel import sockets
from channelshim.server.http_protocol import HttpProtocol
from channelshim.server.service import Service
from channelshim.transports.connection_table import State, Watched

_logger: Final = logging.getLogger("channelshim.server")

WAITING_CONNECTIONS: Final = 2048
"""That the kernel may hold until they are accepted."""

MAXIMUM_HANDSHAKES: Final = 256
"""At one listener at once, some 100 KiB each: peers that are alive need a moment, so
the oldest gives way to a new one."""

_ACCEPTED_AT_ONCE = 4
"""In a turn: more would fill the bound before any of their handshakes could end."""

_ACCEPT_PAUSE_SECONDS = 0.1
"""After an accept that failed: mostly for want of descriptors."""


async def listen(
    service: Service, listener: socket.socket, tls: ssl.SSLContext | None
) -> Callable[[bool], None]:
    """Take connections on the running loop, and return what ends that.

    It is told whether to take those who wait to be accepted: not where another process
    goes on with the socket.

    Args:
        service: of the listener.
        listener: the socket; closed at the end.
        tls: what is spoken; None for plain HTTP.
    """
    made = partial(HttpProtocol, service)
    if tls is None:
        server = await asyncio.get_running_loop().create_server(
            made, sock=listener, backlog=WAITING_CONNECTIONS
        )
        return lambda takes_waiting: server.close()
    accepting = Accepting(service, listener, tls)
    accepting.start()
    return accepting.close


class Accepting:
    """Accepts connections that encrypt. Loop thread.

    Args:
        service: of the listener.
        listener: the socket.
        tls: what is spoken.
    """

    def __init__(
        self, service: Service, listener: socket.socket, tls: ssl.SSLContext
    ) -> None:
        self._service = service
        self._listener = listener
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        # One that another process has made may block.
        listener.setblocking(False)
        # In the order of their coming.
        self._handshakes: dict[Handshake, None] = {}
        self._has_failed = False

    def start(self) -> None:
        """Accept, until `close`."""
        if self._listener.fileno() < 0:
            return
        if sys.platform == "win32":
            # The loop there watches no sockets.
            self._loop.create_task(self._accept_each())
        else:
            self._loop.add_reader(self._listener, self._accept)

    def close(self, takes_waiting: bool) -> None:
        """Accept no one else, or whoever waits first, as far as there is room."""
        if takes_waiting and sys.platform != "win32":
            self._accept(MAXIMUM_HANDSHAKES - len(self._handshakes))
        self._watch_no_more()
        self._listener.close()

    def _watch_no_more(self) -> None:
        if sys.platform != "win32":
            self._loop.remove_reader(self._listener)

    def _accept(self, most: int = _ACCEPTED_AT_ONCE) -> None:
        for _ in range(most):
            try:
                accepted, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                self._rest(error)
                return
            self._take(accepted)

    async def _accept_each(self) -> None:
        try:
            while True:
                with contextlib.suppress(ConnectionAbortedError):
                    accepted, _ = await self._loop.sock_accept(self._listener)
                    self._take(accepted)
        except OSError as error:
            if self._listener.fileno() >= 0:
                self._rest(error)

    def _take(self, accepted: socket.socket) -> None:
        self._has_failed = False
        accepted.setblocking(False)
        self._begin(accepted)

    def _rest(self, error: OSError) -> None:
        if not self._has_failed:
            _logger.warning("connections wait: none can be accepted: %s", error)
        self._has_failed = True
        self._watch_no_more()
        self._loop.call_later(_ACCEPT_PAUSE_SECONDS, self.start)

    def _begin(self, accepted: socket.socket) -> None:
        if len(self._handshakes) >= MAXIMUM_HANDSHAKES:
            oldest = next(iter(self._handshakes))
            self._forget(oldest)
            oldest.drop()
        handshake = Handshake(accepted, self._service, self._tls, self._forget)
        self._handshakes[handshake] = None
        self._service.table.add(handshake, State.HANDSHAKE)

    def _forget(self, handshake: Handshake) -> None:
        self._handshakes.pop(handshake, None)


class Handshake(Watched):
    """A connection until its handshake is over. Loop thread.

    Args:
        accepted: its socket.
        service: of its listener.
        tls: what is spoken.
        on_end: called at the end, however that came.
    """

    def __init__(
        self,
        accepted: socket.socket,
        service: Service,
        tls: ssl.SSLContext,
        on_end: Callable[[Handshake], None],
    ) -> None:
        self._socket = accepted
        self._service = service
        self._tls = tls
        self._on_end = on_end
        # Its socket is a transport's, which closes it.
        self._is_begun = False
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._note_end)

    async def _run(self) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol, self._socket, ssl=self._tls
            )
        except OSError as error:
            # Whoever speaks no TLS, trusts nobody or leaves.
            _logger.debug("a handshake failed: %s", error)

    def _protocol(self) -> HttpProtocol:
        self._is_begun = True
        return HttpProtocol(self._service)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._service.table.remove(self)
        self._on_end(self)
        if not self._is_begun:
            self._socket.close()
        if not task.cancelled() and task.exception() is not None:
            _logger.error("a handshake failed", exc_info=task.exception())

    def state(self) -> State:
        """See Watched."""
        return State.HANDSHAKE

    def end(self, state: State) -> None:
        """See Watched."""
        self.drop()

    def drop(self) -> None:
        """See Watched."""
        with contextlib.suppress(OSError):
            sockets.reset_at_close(self._socket)
        self._task.cancel()

    def abandon(self) -> None:
        """See Watched."""
        self._task.cancel()
