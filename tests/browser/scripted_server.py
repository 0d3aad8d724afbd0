"""A scripted server of the wire, for what a real one does not do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.parse
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.browser.loop_thread import LoopThread
from tests.lanes import ROOT
from tests.ports import free_port

SCRIPT = ROOT / "channelshim" / "browser" / "channel.js"
PAGE = ROOT / "tests" / "browser" / "apps" / "pages" / "page.html"


class ScriptedServer:
    """A scripted server of the wire, for what a real one does not do.

    Runs on a loop in a thread; the attributes are read on each request.

    Attributes:
        upgrade: "accept", "refuse" (403), "mute" (no hello), "garbage" (another hello)
            or "busy" (close code 1012 instead of a hello).
        cut_after: seconds without a frame or an answer until a connection is cut, as by
            a strict proxy; None never cuts.
        poll: "answer", "refuse" (503), "expired" (the token) or "html" (a login page
            in between).
        holds: whether polls are held.
        retry_ms: what poll answers ask for.
        handshakes: the `after` of each WebSocket that was asked for.
        polls: the query of each poll.
    """

    def __init__(self) -> None:
        self.upgrade = "accept"
        self.poll = "answer"
        self.cut_after: float | None = None
        self.holds = True
        self.retry_ms = 0
        self.handshakes: list[str | None] = []
        self.polls: list[dict[str, str]] = []
        self.sockets: set[ServerConnection] = set()
        self.number = 1000
        self.port = free_port()
        self._texts: list[str] = []
        self._news = asyncio.Event()
        self._thread = LoopThread()
        self.call = self._thread.call
        self.start()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def base_url(self) -> str:
        """What a page of another host sets as BASE_URL."""
        return f"{self.url}/_ah/channel/"

    def start(self) -> None:
        self._server = self.call(self._start())

    async def _start(self) -> Any:
        return await serve(
            self._serve_socket,
            # Alone: of ::1 another test may have this port.
            "127.0.0.1",
            self.port,
            process_request=self._process,
            ping_interval=None,
            close_timeout=0.1,
        )

    def stop(self) -> None:
        """Take no connections and drop those that are open."""
        self.call(self._stop())

    async def _stop(self) -> None:
        self._server.close(close_connections=False)
        for socket in list(self.sockets):
            socket.transport.abort()
        self._news.set()
        await asyncio.sleep(0)

    def end(self) -> None:
        self.stop()
        self._thread.end()

    def send(self, *texts: str) -> None:
        self.call(self._send(texts))

    async def _send(self, texts: tuple[str, ...]) -> None:
        self._texts += texts
        self.number += len(texts)
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def send_bytes(self, data: bytes) -> None:
        """Send a binary frame, which is no message."""

        async def send() -> None:
            for socket in self.sockets:
                await socket.send(data)

        self.call(send())

    def reset_number(self, number: int) -> None:
        """Forget all messages and count from number, as after a loss of all state."""
        self._texts = []
        self.number = number

    def close_sockets(self, code: int, reason: str = "") -> None:
        async def close() -> None:
            for socket in list(self.sockets):
                await socket.close(code, reason)

        self.call(close())

    def drop_sockets(self) -> None:
        async def drop() -> None:
            for socket in list(self.sockets):
                socket.transport.abort()

        self.call(drop())

    # --- The wire, on the loop ----------------------------------------------------

    def _since(self, after: str | None) -> tuple[int, list[str]]:
        """Return the number before the texts that are owed, and the texts."""
        oldest = self.number - len(self._texts)
        first = self.number if after is None else int(after)
        if first > self.number:
            first = self.number
        first = max(first, oldest)
        return first, self._texts[first - oldest :]

    async def _process(
        self, connection: ServerConnection, request: Request
    ) -> Response | None:
        url = urllib.parse.urlsplit(request.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/_ah/channel/socket":
            self.handshakes.append(query.get("after"))
            if self.upgrade == "refuse":
                return _response(403, "text/plain", "No upgrade.")
            return None
        if url.path == "/_ah/channel/poll":
            return await self._answer_poll(connection, query)
        if url.path == "/_ah/channel/jsapi":
            return _response(200, "text/javascript", SCRIPT.read_text())
        return _response(200, "text/html", PAGE.read_text())

    async def _answer_poll(
        self, connection: ServerConnection, query: dict[str, str]
    ) -> Response:
        self.polls.append(query)
        if self.poll == "refuse":
            return _response(503, "text/plain", "Not now.")
        if self.poll == "expired":
            error = {"code": 401, "description": "Token+timed+out."}
            return _response(401, "application/json", json.dumps(error))
        if self.poll == "html":
            return _response(200, "text/html", "<form>Who are you?</form>")
        wait = float(query["wait"])
        first, texts = self._since(query.get("after"))
        if self.holds and not texts and wait:
            cut = self.cut_after is not None and self.cut_after < wait
            await self._hold(self.cut_after if cut else wait)
            first, texts = self._since(query.get("after"))
            if cut and not texts:
                connection.transport.abort()
        body = {"id": first + len(texts), "messages": texts, "retry_ms": self.retry_ms}
        return _response(200, "application/json", json.dumps(body))

    async def _hold(self, seconds: float | None) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)

    async def _serve_socket(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        url = urllib.parse.urlsplit(socket.request.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        first, texts = self._since(query.get("after"))
        if self.upgrade == "busy":
            await socket.close(1012)
            return
        if self.upgrade == "mute":
            await socket.wait_closed()
            return
        if self.upgrade == "garbage":
            await socket.send("Welcome!")
            await socket.wait_closed()
            return
        self.sockets.add(socket)
        with contextlib.suppress(ConnectionClosed):
            await socket.send(json.dumps({"id": first}))
            await self._push(socket, first, texts)
        self.sockets.discard(socket)

    async def _push(
        self, socket: ServerConnection, number: int, texts: list[str]
    ) -> None:
        while True:
            for text in texts:
                await socket.send(text)
            number += len(texts)
            news = asyncio.create_task(self._news.wait())
            end = asyncio.create_task(socket.wait_closed())
            done, waiting = await asyncio.wait(
                {news, end},
                timeout=self.cut_after,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in waiting:
                task.cancel()
            if not done:
                socket.transport.abort()
            if news not in done:
                return
            number, texts = self._since(str(number))


def _response(status: int, kind: str, text: str) -> Response:
    body = text.encode("utf-8")
    headers = Headers(
        {
            "Content-Type": kind + "; charset=utf-8",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
    )
    return Response(status, "Said so", headers, body)
