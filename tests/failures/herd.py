"""Pages and posts that go on while something breaks, and what they found.

Several servers share one Redis. Each client id has one page, which comes back wherever
it may; posts go to any server. A text whose post was answered must reach its pages,
once and in order, or the page must have seen a gap.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import signal
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.lanes import timeout_factor
from tests.servers import Server, Servers

APP = Path(__file__).parent / "apps" / "sender"
PATIENCE_SECONDS = 30.0 * timeout_factor()
POST_SECONDS = 15.0


class Page:
    """One page, which keeps what channel.js keeps.

    Attributes:
        texts: that reached it.
        gaps: hellos that showed that something was skipped.
        connects: how often it was let in.
    """

    def __init__(self, herd: Herd, client_id: str) -> None:
        self.client_id = client_id
        self.texts: list[str] = []
        self.gaps = 0
        self.connects = 0
        self.has_left = False
        self.server: Server | None = None
        self._herd = herd
        self._number: int | None = None
        self._token = ""
        self._socket: Any = None

    async def run(self) -> None:
        """Stay connected until it leaves."""
        while not self.has_left:
            self.server = self._herd.some_server()
            # URLError is an OSError.
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                await self._visit(self.server)
            self._socket = None
            await asyncio.sleep(self._herd.random.uniform(0.05, 0.4))

    async def _visit(self, server: Server) -> None:
        if not self._token:
            query = urllib.parse.urlencode({"id": self.client_id})
            self._token = await ask(f"{server.url}token?{query}")
        query = urllib.parse.urlencode({"token": self._token})
        after = "" if self._number is None else f"&after={self._number}"
        url = f"{server.url}_ah/channel/socket?{query}{after}"
        async with connect(
            url.replace("http", "ws", 1), open_timeout=5, close_timeout=1
        ) as socket:
            self._socket = socket
            number = json.loads(await socket.recv())["id"]
            self.connects += 1
            if self._number is not None and number != self._number:
                self.gaps += 1
            self._number = number
            async for text in socket:
                self._number += 1
                self.texts.append(str(text))

    async def leave(self) -> None:
        """Close for good."""
        self.has_left = True
        if self._socket is not None:
            await self._socket.close()


class Herd:
    """Servers, pages and posts.

    Args:
        start: starts servers.
        url: of the Redis.
        folder: for the store and the app's log.
        pages: how many.
        servers: how many.
        settings: flags of each server.

    Attributes:
        servers: that are running.
        pages: all.
        answered: ids and text of each post that was answered.
        slowest: seconds that the slowest of them took.
    """

    def __init__(
        self,
        start: Servers,
        url: str,
        folder: Path,
        *,
        pages: int = 40,
        servers: int = 2,
        settings: Sequence[str] = (),
    ) -> None:
        self.random = random.Random(3)
        self.folder = folder
        self.log = folder / "presence"
        self._start = start
        self._url = url
        self._settings = settings
        self.servers: list[Server] = [self.start_server() for _ in range(servers)]
        self.pages = [Page(self, f"id{number}") for number in range(pages)]
        self.answered: list[tuple[list[str], str]] = []
        self.slowest = 0.0
        self._is_posting = True
        self._tasks: list[asyncio.Task[None]] = []

    def start_server(self, *more: str, prefix: Sequence[str] = ()) -> Server:
        """Start one more server over the same store.

        Args:
            *more: flags of this one.
            prefix: of its command.
        """
        return self._start(
            APP,
            f"--broker={self._url}",
            "--automatic_restart=no",
            *self._settings,
            *more,
            storage_path=self.folder / "store",
            env={"SENDER_LOG": str(self.log)},
            prefix=prefix,
        )

    def some_server(self) -> Server:
        """Return any server, as a balancer does."""
        return self.random.choice(self.servers)

    def kill(self, server: Server) -> None:
        """End a server as a crash does; nobody is sent to it any more."""
        self.servers.remove(server)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()

    async def begin(self) -> None:
        """Let pages come and posts begin; return once each page is there."""
        self._tasks = [asyncio.create_task(page.run()) for page in self.pages]
        await until(lambda: all(page.connects for page in self.pages), "all pages came")
        self._tasks += [asyncio.create_task(self._post(n)) for n in range(3)]
        await until(lambda: len(self.answered) > 20, "posts are answered")

    async def end(self) -> None:
        """Stop posting, wait for what is on its way, and let all go."""
        self._is_posting = False
        await until(
            lambda: all(task.done() for task in self._tasks[len(self.pages) :]),
            "the last posts end",
        )
        staying = {page.client_id: page for page in self.pages if not page.has_left}
        owed = {name: set[str]() for name in staying}
        for ids, text in self.answered:
            for client_id in ids:
                if client_id in staying:
                    owed[client_id].add(text)

        def has_all() -> bool:
            return all(
                page.gaps or owed[name] <= set(page.texts)
                for name, page in staying.items()
            )

        try:
            await until(has_all, "every page has what was answered")
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def lost(self) -> int:
        """Return how many texts of answered posts a page lacks that stayed."""
        count = 0
        for page in self.pages:
            got = set(page.texts)
            for ids, text in self.answered:
                if page.client_id in ids and not page.has_left and text not in got:
                    count += 1
        return count

    def twice(self) -> int:
        """Return how many texts reached a page more than once."""
        return sum(len(p.texts) - len(set(p.texts)) for p in self.pages)

    def misplaced(self) -> int:
        """Return how many texts of one poster came before an earlier one of his."""
        count = 0
        for page in self.pages:
            for poster in range(3):
                own = [
                    int(text.split(" ")[1])
                    for text in page.texts
                    if text.startswith(f"p{poster} ")
                ]
                count += sum(a > b for a, b in itertools.pairwise(own))
        return count

    def presence(self, page: Page) -> str:
        """Return what the app was told of a page's id, a letter each."""
        lines = self.log.read_text("utf-8").splitlines()
        return "".join(line[0] for line in lines if line[2:] == page.client_id)

    async def add_task(self, name: str) -> None:
        """Have any server's app add a task, until one has answered."""
        while True:
            with contextlib.suppress(OSError, TimeoutError):
                await ask(f"{self.some_server().url}task?name={name}")
                return
            await asyncio.sleep(0.05)

    def tasks(self) -> list[str]:
        """Return the names of the tasks that have run, each time that they have."""
        lines = self.log.read_text("utf-8").splitlines()
        return [line[2:] for line in lines if line.startswith("t ")]

    async def _post(self, poster: int) -> None:
        number = 0
        while self._is_posting:
            number += 1
            ids = [page.client_id for page in self.random.sample(self.pages, 4)]
            text = f"p{poster} {number}"
            body = urllib.parse.urlencode({"to": ",".join(ids), "text": text})
            loop = asyncio.get_running_loop()
            begun = loop.time()
            try:
                await ask(f"{self.some_server().url}send", body.encode("ascii"))
            except (OSError, TimeoutError):
                # Not answered: it may have been sent or not.
                pass
            else:
                self.answered.append((ids, text))
                self.slowest = max(self.slowest, loop.time() - begun)
            await asyncio.sleep(0.1)


async def ask(url: str, body: bytes | None = None) -> str:
    """Make a request and return the answer's text.

    Raises:
        OSError: there was none, or it was an error's.
    """

    def make() -> str:
        with urllib.request.urlopen(url, body, POST_SECONDS) as answer:
            return str(answer.read().decode("utf-8"))

    return await asyncio.to_thread(make)


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition.

    Raises:
        AssertionError: it does not come.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_SECONDS
    while not condition():
        assert loop.time() < deadline, f"it never was so that {what}"
        await asyncio.sleep(0.02)
