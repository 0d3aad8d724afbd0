"""A server under churn and attack: nothing of its honest users is lost or leaks.

Lines are cut, tabs opened, some never read and the server restarts, while
tests.server.attackers does its worst. The slow lane's takes half an hour, or
CHANNELSHIM_TESTS_SOAK_SECONDS.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.conftest import Servers, await_condition
from tests.lanes import ROOT, timeout_factor
from tests.ports import free_port
from tests.server.attackers import Attacker, Attackers
from tests.servers import Server

PATIENCE_SECONDS = 20.0 * timeout_factor()
CLIENT_IDS = [f"id{number}" for number in range(6)]
PAGES = 18
BROWSERS = 2
SEND_BUFFER_BYTES = 65536

SEND_TOTAL_BYTES = 32 << 20
WINDOWS_BYTES = 64 << 20
REST_KIBIBYTES = 64 << 10
"""The app's libraries, bodies, and what the allocator keeps of the largest moment."""

SPARE_KIBIBYTES = 32 << 10
SPARE_DESCRIPTORS = 24
"""Workers keep a few to the store, once they have run."""

STOPS_SOON = """
from channelshim.transports import stop_signals
stop_signals.STOP_SECONDS = 2.0
"""
"""Attackers hold up a stop for as long as it waits for anybody."""

YAML = (
    "runtime: python39\nthreadsafe: true\nhandlers:\n- url: /.*\n  script: soak.app\n"
)

APP = """
import json
from urllib.parse import parse_qs
from google.appengine.api import channel

def app(environ, start_response):
    query = parse_qs(environ['QUERY_STRING'])
    path = environ['PATH_INFO']
    answer = b''
    if path == '/echo':
        answer = environ['wsgi.input'].read()
    elif path == '/big':
        answer = b'x' * (4 << 20)
    elif path == '/burst':
        for number in range(20):
            channel.send_message('attacker', '%d ' % number + 'x' * 30000)
    elif path == '/token':
        answer = channel.create_channel(query['id'][0]).encode('ascii')
    elif path == '/send':
        for text in json.loads(environ['wsgi.input'].read()):
            channel.send_message(query['id'][0], text)
    start_response('200 OK', [])
    return [answer]
"""


class Site:
    """The server, whichever process of it runs, on one port and one store."""

    def __init__(self, servers: Servers, app_dir: Path, storage_path: Path) -> None:
        self.port = free_port()
        self._servers = servers
        self._app_dir = app_dir
        self._storage_path = storage_path
        (app_dir.parent / "sitecustomize.py").write_text(STOPS_SOON)
        self.server = self._start()
        # Of a server that has served nobody.
        self.idle_descriptors = self.descriptors()
        self.idle_kibibytes = self.figures()[1]

    def restart(self) -> None:
        """Stop it as an operator does, and start it anew."""
        self.server.process.send_signal(signal.SIGTERM)
        assert self.server.process.wait(PATIENCE_SECONDS) == 0, self.server.output
        assert self.server.stop() == 0
        assert "Traceback" not in self.server.output
        self.server = self._start()

    def figures(self) -> tuple[int, int]:
        """Return the process's threads and KiB of memory; zeros outside Linux."""
        status = Path(f"/proc/{self.server.process.pid}/status")
        if not status.exists():
            return 0, 0
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["Threads"]), int(fields["VmRSS"].split()[0])

    def descriptors(self) -> int:
        """Return how many descriptors the process has open; 0 outside Linux."""
        folder = Path(f"/proc/{self.server.process.pid}/fd")
        return len(os.listdir(folder)) if folder.exists() else 0

    def ask(self, path: str, body: bytes | None = None) -> str:
        """Return what the app answers."""
        url = f"http://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(url, body, PATIENCE_SECONDS) as answer:
            return str(answer.read().decode("ascii"))

    def echo(self, body: bytes) -> float:
        """Send a body, which must come back; return how many seconds that took."""
        begun = time.monotonic()
        assert self.ask("/echo", body) == body.decode("ascii")
        return time.monotonic() - begun

    def _start(self) -> Server:
        return self._servers(
            self._app_dir,
            f"--port={self.port}",
            "--automatic_restart=no",
            "--threads=4",
            f"--send_buffer_bytes={SEND_BUFFER_BYTES}",
            f"--send_buffer_total_bytes={SEND_TOTAL_BYTES}",
            f"--window_total_bytes={WINDOWS_BYTES}",
            storage_path=self._storage_path,
            env={"PYTHONPATH": os.pathsep.join([str(self._app_dir.parent), str(ROOT)])},
        )


class Soak:
    """Everybody who is at it, and what each has sent and seen."""

    def __init__(self, site: Site, seconds: float, seed: int) -> None:
        self.site = site
        self.seconds = seconds
        self.random = random.Random(seed)
        # How many messages of an id have been begun; those that failed count too.
        self.begun = dict.fromkeys(CLIENT_IDS, 0)
        self.received = 0
        self.resumes = 0
        self.answer_seconds: list[float] = []
        self.figures: list[tuple[int, int]] = []
        self.is_over = False
        self.restarts = 0
        self.is_restarting = False
        self.may_send = asyncio.Lock()

    async def run(self) -> None:
        """Soak, then wait until every page has everything."""
        pages = [asyncio.create_task(self.page(n)) for n in range(PAGES)]
        others = [asyncio.create_task(self.send(name)) for name in CLIENT_IDS]
        others += [asyncio.create_task(self.browse()) for _ in range(BROWSERS)]
        others += [asyncio.create_task(self.read_nothing()) for _ in range(2)]
        others.append(asyncio.create_task(self.restart()))
        over = asyncio.create_task(asyncio.sleep(self.seconds))
        done, _ = await asyncio.wait(
            [over, *pages, *others], return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            task.result()
        self.is_over = True
        await asyncio.gather(*others)
        await asyncio.wait_for(asyncio.gather(*pages), 3 * PATIENCE_SECONDS)

    async def send(self, client_id: str) -> None:
        """Send a few at a time; now and then a long one."""
        while not self.is_over:
            texts = []
            for _ in range(self.random.randint(1, 5)):
                self.begun[client_id] += 1
                filling = "x" * self.random.choice((0, 50, 3000))
                texts.append(f"{self.begun[client_id]} {filling}")
            body = json.dumps(texts).encode("ascii")
            async with self.may_send:
                path = f"/send?id={client_id}"
                await asyncio.to_thread(self.site.ask, path, body)
            await asyncio.sleep(self.random.uniform(0, 0.1))

    async def browse(self) -> None:
        """Send bodies of all sizes, and have each back as it was."""
        while not self.is_over:
            size = self.random.choice((0, 1, 1000, 100_000, 1_000_000))
            body = self.random.choice((b"a", b"bc")) * (size // 2) or b"d"
            restarts = self.restarts
            try:
                seconds = await asyncio.to_thread(self.site.echo, body)
            except OSError:
                # A restart may cut it off, and nothing else.
                if restarts == self.restarts and not self.is_restarting:
                    raise
            else:
                self.answer_seconds.append(seconds)
            await asyncio.sleep(self.random.uniform(0, 0.2))

    async def page(self, number: int) -> None:
        """Open pages one after the other; the last stays until all has come."""
        client_id = CLIENT_IDS[number % len(CLIENT_IDS)]
        while not self.is_over:
            token = await self.patiently(self.site.ask, f"/token?id={client_id}")
            seen = Seen(self.begun[client_id])
            visits = self.random.randint(1, 6)
            while visits or self.is_over:
                visits -= not self.is_over
                await self.visit(client_id, token, seen)
                if self.is_over and seen.has_all(self.begun[client_id]):
                    break
                await asyncio.sleep(self.random.uniform(0, 0.5))

    async def visit(self, client_id: str, token: str, seen: Seen) -> None:
        """Connect once, read for a while, and end in one way or another."""
        after = "" if seen.number is None else f"&after={seen.number}"
        path = f"/_ah/channel/socket?token={token}{after}"
        url = f"ws://127.0.0.1:{self.site.port}{path}"
        self.resumes += bool(after)
        try:
            async with connect(url, max_size=None, close_timeout=1) as line:
                await self.read(line, client_id, seen)
                if self.random.random() < 0.5:
                    line.transport.abort()
        except (OSError, WebSocketException, asyncio.TimeoutError):
            # As a page: it comes back. What it saw is judged by `Seen`.
            return

    async def read(self, line: ClientConnection, client_id: str, seen: Seen) -> None:
        seen.hello(json.loads(await line.recv())["id"])
        until = asyncio.get_running_loop().time() + self.random.uniform(0, 3)
        while True:
            left = until - asyncio.get_running_loop().time()
            if self.is_over and seen.has_all(self.begun[client_id]):
                return
            if left <= 0 and not self.is_over:
                return
            try:
                text = await asyncio.wait_for(line.recv(), max(left, 0.2))
            except asyncio.TimeoutError:
                continue
            seen.text(str(text))
            self.received += 1

    async def read_nothing(self) -> None:
        """Open a socket and never read it."""
        while not self.is_over:
            name = self.random.choice(CLIENT_IDS)
            token = await self.patiently(self.site.ask, f"/token?id={name}")
            with socket.socket() as peer:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                request = (
                    f"GET /_ah/channel/socket?token={token}&after=1 HTTP/1.1\r\n"
                    f"Host: localhost:{self.site.port}\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                )
                try:
                    peer.connect(("127.0.0.1", self.site.port))
                    peer.sendall(request.encode("ascii"))
                except OSError:
                    continue
                await asyncio.sleep(self.random.uniform(0.5, 3))

    async def restart(self) -> None:
        """Restart twice; in between, see what the process takes."""
        for _ in range(2):
            await asyncio.sleep(self.seconds / 4)
            async with self.may_send:
                self.restarts += 1
                self.is_restarting = True
                await asyncio.to_thread(self.site.restart)
                self.is_restarting = False
        await asyncio.sleep(self.seconds / 8)
        self.figures.append(self.site.figures())
        while not self.is_over:
            await asyncio.sleep(0.2)
        self.figures.append(self.site.figures())

    async def patiently(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Call until it answers: the server may be restarting."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_SECONDS
        while True:
            try:
                return await asyncio.to_thread(call, *arguments)
            except OSError:
                if loop.time() > deadline:
                    raise
                await asyncio.sleep(0.1)


class Seen:
    """What one page has seen; fails at the first text lost, doubled or misplaced.

    Args:
        begun: messages of its id that had been begun when it got its token.
    """

    def __init__(self, begun: int) -> None:
        self.number: int | None = None
        self.last = 0
        self._begun = begun

    def has_all(self, begun: int) -> bool:
        """Return whether it has all of so many that were begun in the end.

        A page whose token came behind the last one is owed nothing.
        """
        return (self.last or self._begun) >= begun

    def hello(self, number: int) -> None:
        """Take the server's number: one that jumps is a gap."""
        assert self.number in (None, number), f"{self.number} became {number}"
        self.number = number

    def text(self, text: str) -> None:
        """Take the next message."""
        assert self.number is not None
        self.number += 1
        counter = int(text.partition(" ")[0])
        if self.last:
            assert counter == self.last + 1
        else:
            assert counter <= self._begun + 1
        self.last = counter


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    app_dir = tmp_path / "app"
    app_dir.mkdir()
    (app_dir / "app.yaml").write_text(YAML)
    (app_dir / "soak.py").write_text(APP)
    servers = Servers(lambda: tmp_path / "unused")
    yield Site(servers, app_dir, tmp_path / "storage")
    for server in servers.started:
        # It stops by itself, or has failed: nothing more is to be learned of it.
        server.process.kill()
    servers.stop()


def soak(site: Site, seconds: float) -> Soak:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    done = Soak(site, seconds, seed)
    attackers = Attackers(site.port, seed)
    try:
        asyncio.run(done.run())
        attacks = attackers.stop()
    finally:
        attackers.kill()
    slowest = sorted(done.answer_seconds)[-1 - len(done.answer_seconds) // 100]
    print(f"{done.received} received, {done.resumes} resumes, {done.figures}")
    print(f"attacks: {attacks}; p99 of an echo: {slowest * 1000:.0f} ms")
    assert done.received > 100
    assert done.resumes > 10
    # All of them, whether there was much time or little.
    assert len(attacks) == sum(name.startswith("attack_") for name in vars(Attacker))
    assert "Traceback" not in site.server.output
    await_is_idle(site)
    return done


def await_is_idle(site: Site) -> None:
    """Wait until the server has let go of everybody."""
    most = site.idle_descriptors + SPARE_DESCRIPTORS
    await_condition(lambda: site.descriptors() <= most, 60)
    bounds = (SEND_TOTAL_BYTES + WINDOWS_BYTES) >> 10
    assert site.figures()[1] < site.idle_kibibytes + bounds + REST_KIBIBYTES


def test_churn_restarts_and_attacks_lose_nothing(site: Site) -> None:
    soak(site, 10.0)


@pytest.mark.slow
def test_half_an_hour_of_churn_and_attacks_leaks_nothing(site: Site) -> None:
    seconds = float(os.environ.get("CHANNELSHIM_TESTS_SOAK_SECONDS", "1800"))
    (threads, memory), (threads_later, memory_later) = soak(site, seconds).figures
    assert threads_later <= threads + 1
    # The windows are full after a minute; a leak grows with every message and attack.
    # Answers of 4 MB that are cut off come and go.
    assert memory_later < 1.1 * memory + SPARE_KIBIBYTES
