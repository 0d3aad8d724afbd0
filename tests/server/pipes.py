"""A front's pool and the other ends of its pipes, over real sockets, in one process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

from channelshim.contracts.dispatcher import InternalRequest, InternalResponse
from channelshim.kernel.deadlines import Deadlines
from channelshim.kernel.threads import Threads
from channelshim.protocol.pipe_frames import Frame, FrameReader
from channelshim.server.bridge import WsgiBridge
from channelshim.server.pipe_app import AppPipe
from channelshim.server.pipe_link import Link, LinkEvents
from channelshim.server.pipe_pool import Pool
from channelshim.server.pipe_requests import RequestServer
from channelshim.server.pipe_services import FrontServices
from tests.lanes import timeout_factor

PATIENCE_SECONDS = 20.0 * timeout_factor()


class Messages:
    """Stands in for the front's broker: notes what is published."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def publish(self, client_id: str, text: str) -> None:
        self.sent.append((client_id, text))

    def expect(self, client_id: str) -> int:
        return 7000 + len(self.sent)


class Dispatching:
    """Stands in for an app process's sites: answers with what it was asked."""

    def __init__(self) -> None:
        self.requests: list[InternalRequest] = []

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        self.requests.append(request)
        return InternalResponse(201, (("X-Path", request.path),), request.body)


class Front:
    """A pool on the running loop, and the ends of its pipes.

    Args:
        options: of the pool; see there.
    """

    def __init__(self, **options: Any) -> None:
        self.messages = Messages()
        self.notes: list[tuple[str, ...]] = []
        self.lost: list[Link] = []
        self.overdue: list[Link] = []
        self.idle: list[Link] = []
        self.dispatching = Dispatching()
        self.pool = Pool(
            FrontServices(
                self.messages,
                {"expect": lambda name: str(self.messages.expect(name))},
                {
                    "word": lambda *facts: self.notes.append(facts),
                    "log": lambda *facts: self.notes.append(facts),
                },
            ),
            LinkEvents(self.lost.append, self.overdue.append, self.idle.append),
            **{"room": 4, **options},
        )
        self.bridge = WsgiBridge(self.pool)
        self.pipes: list[AppPipe] = []
        self._ends: list[socket.socket] = []
        self._deadline_seconds: float = options.get("deadline_seconds", 0.0)

    def start(self) -> None:
        """Begin on the running loop."""
        loop = asyncio.get_running_loop()
        self.pool.start(loop, loop.call_soon_threadsafe)

    def raw(self) -> tuple[Link, socket.socket]:
        """Attach a link; return it and its other end, which sends what a test does."""
        link, other = self._pair()
        self.pool.attach(link)
        return link, other

    def _pair(self) -> tuple[Link, socket.socket]:
        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._ends.append(other)
        return Link(own, len(self._ends), self.pool.take, self.pool.lose), other

    def process(self, app: Callable[..., Any]) -> Link:
        """Attach a link whose other end runs an app in threads of this process."""
        link, other = self._pair()
        threads = Threads()
        pipe = AppPipe(other, threads, lambda: None)
        pipe.start()
        self.pipes.append(pipe)
        # What says that it is ready is for whoever starts a process.
        own = self.pool._handlers
        own.setdefault(16, lambda link, frame, descriptor: None)
        RequestServer(
            pipe,
            app,
            self.dispatching,
            count=4,
            threads=threads,
            deadlines=Deadlines(threads),
            deadline_seconds=self._deadline_seconds,
            loaded_files=lambda: ["a.py", "b.py"],
            on_stop=lambda seconds: None,
        )
        self.pool.attach(link)
        return link

    def close(self) -> None:
        """Close both ends of all."""
        self.pool.close()
        for end in self._ends:
            # The reading thread hears of it.
            end.close()


async def ask(port: int, request: bytes) -> tuple[int, bytes, bytes]:
    """Return status, head and body of the answer to a request, closed after it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    received = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    writer.close()
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), head, body


def get(path: str = "/") -> bytes:
    """Return a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


def post(body: bytes, path: str = "/") -> bytes:
    """Return a POST request."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def frames_of(end: socket.socket, reader: FrameReader) -> list[Frame]:
    """Return the next frames that come to a raw end."""
    loop = asyncio.get_running_loop()
    end.setblocking(False)
    found: list[Frame] = []
    while not found:
        data = await asyncio.wait_for(loop.sock_recv(end, 65536), PATIENCE_SECONDS)
        assert data, "the other end is closed"
        found = reader.feed(data)
    return found


async def until(is_so: Callable[[], object]) -> None:
    """Wait for a condition on the running loop."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while not is_so():
        assert asyncio.get_running_loop().time() < deadline, "it has not come true"
        await asyncio.sleep(0.005)


def in_thread(function: Callable[[], Any]) -> asyncio.Future[Any]:
    """Call function in a thread; its result comes to the running loop."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Any] = loop.create_future()

    def run() -> None:
        value = function()
        loop.call_soon_threadsafe(result.set_result, value)

    threading.Thread(target=run, daemon=True).start()
    return result
