"""A bridge behind real sockets, without the rest of a server."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import uvloop

from channelshim.server.bridge import WsgiBridge
from channelshim.server.http_protocol import HttpProtocol
from channelshim.server.service import Begin, Service
from channelshim.transports.connection_table import ConnectionTable
from tests.lanes import timeout_factor

PATIENCE_SECONDS = 20.0 * timeout_factor()


async def serve(
    bridge: WsgiBridge,
    begin: Begin | None = None,
    table: ConnectionTable | None = None,
) -> Any:
    """Return a server whose requests a bridge answers, on the running loop."""
    bridge.start(asyncio.get_running_loop().call_soon_threadsafe)
    return await listen(begin or bridge.begin, table)


async def listen(begin: Begin, table: ConnectionTable | None = None) -> Any:
    """Return a server of our own connections, on the running loop."""
    service = Service(begin, ConnectionTable() if table is None else table)
    made = partial(HttpProtocol, service)
    return await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)


@contextlib.asynccontextmanager
async def site(
    bridge: WsgiBridge, table: ConnectionTable | None = None
) -> AsyncIterator[int]:
    """Serve a bridge on the running loop; give the port."""
    server = await serve(bridge, table=table)
    try:
        yield port_of(server)
    finally:
        server.close()


def port_of(server: asyncio.Server) -> int:
    """Return where a server listens."""
    port: int = server.sockets[0].getsockname()[1]
    return port


class Client:
    """One request to a server, and what has come for it so far. On the running loop.

    Args:
        port: of the server.
        path: what is asked for.
    """

    def __init__(self, port: int, path: str = "/") -> None:
        self.received = b""
        self._port = port
        self._path = path
        self.task = asyncio.get_running_loop().create_task(self._ask())

    async def _ask(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = f"GET {self._path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        writer.write(head.encode("ascii"))
        while piece := await reader.read(65536):
            self.received += piece
        writer.close()

    async def whole(self) -> tuple[int, bytes]:
        """Return status and body once all has come, chunks joined."""
        await asyncio.wait_for(self.task, PATIENCE_SECONDS)
        head, _, body = self.received.partition(b"\r\n\r\n")
        if b"transfer-encoding: chunked" in head:
            body = joined(body)
        return int(head.split()[1]), body


def joined(chunks: bytes) -> bytes:
    """Return what chunks carry; fails when the last one is missing."""
    body = b""
    while chunks != b"0\r\n\r\n":
        size, _, chunks = chunks.partition(b"\r\n")
        length = int(size, 16)
        assert length
        body += chunks[:length]
        assert chunks[length : length + 2] == b"\r\n"
        chunks = chunks[length + 2 :]
    return body


class LoopThread:
    """A loop in a thread of its own, for servers that tests ask from outside.

    Args:
        new_loop: makes it; uvloop's is what a server has.
    """

    def __init__(
        self,
        new_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop,
    ) -> None:
        self._loop = new_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def start(self, serving: Callable[[], Any]) -> int:
        """Start a server there and return its port.

        Args:
            serving: returns the coroutine of `serve` or `listen`.
        """
        starting = asyncio.run_coroutine_threadsafe(serving(), self._loop)
        server = starting.result(PATIENCE_SECONDS)
        self._servers.append(server)
        return port_of(server)

    def stop(self) -> None:
        """Stop all servers and the loop."""
        for server in self._servers:
            self._loop.call_soon_threadsafe(server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
