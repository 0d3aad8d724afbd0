"""A proxy between page and server, of the kinds that are met on the way."""

from __future__ import annotations

import asyncio
import contextlib

from tests.browser.loop_thread import LoopThread

REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    """Passes connections on to a server on this machine.

    Args:
        port: the server's.
        refuses_upgrades: whether a WebSocket's handshake is answered with 403.
        idle_seconds: how long a connection may carry nothing until it is cut; None
            lets it be.
    """

    def __init__(
        self,
        port: int,
        *,
        refuses_upgrades: bool = False,
        idle_seconds: float | None = None,
    ) -> None:
        self._port = port
        self._refuses_upgrades = refuses_upgrades
        self._idle_seconds = idle_seconds
        self.refused = 0
        self.cut = 0
        self._passing: set[asyncio.Event] = set()
        self._thread = LoopThread()
        self._server = self._thread.call(
            asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        )
        own_port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://localhost:{own_port}"

    def cut_all(self, after_seconds: float) -> None:
        """Cut every connection that is open after so long."""
        self._thread.call(self._cut_all(after_seconds))

    async def _cut_all(self, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        self.cut += len(self._passing)
        for must_end in self._passing:
            must_end.set()

    def end(self) -> None:
        """Take no more connections and stop passing on."""
        self._thread.call(self._close())
        self._thread.end()

    async def _close(self) -> None:
        self._server.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if self._refuses_upgrades and b"upgrade: websocket" in head.lower():
                self.refused += 1
                writer.write(REFUSAL)
                await writer.drain()
            else:
                await self._join(head, reader, writer)
        writer.close()

    async def _join(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there = await asyncio.open_connection("localhost", self._port)
        there[1].write(head)
        heard = [_now()]
        must_end = asyncio.Event()
        self._passing.add(must_end)
        ways = {
            asyncio.create_task(must_end.wait()),
            asyncio.create_task(self._copy(reader, there[1], heard)),
            asyncio.create_task(self._copy(there[0], writer, heard)),
            asyncio.create_task(self._cut_when_idle(heard)),
        }
        _, rest = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in rest:
            way.cancel()
        self._passing.discard(must_end)
        there[1].transport.abort()
        if must_end.is_set():
            writer.transport.abort()

    async def _copy(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        heard: list[float],
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                heard[0] = _now()
                writer.write(data)
                await writer.drain()

    async def _cut_when_idle(self, heard: list[float]) -> None:
        if self._idle_seconds is None:
            await asyncio.Event().wait()
            return
        while (left := heard[0] + self._idle_seconds - _now()) > 0:
            await asyncio.sleep(left)
        self.cut += 1


def _now() -> float:
    return asyncio.get_running_loop().time()
