"""Two servers behind a proxy are replaced one after the other, and nothing is lost."""

from __future__ import annotations

import contextlib
import json
import select
import signal
import socket
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.lanes import timeout_factor
from tests.lines import connect
from tests.ports import free_port
from tests.redis_servers import RedisServer
from tests.servers import Server, Servers
from tests.store.backends import give_back_schema, shared_server, take_schema

APP = Path(__file__).parents[1] / "failures" / "apps" / "sender"
PATIENCE_SECONDS = 20.0 * timeout_factor()


class Proxy:
    """Relays connections to servers by turns, but for those that are drained.

    Attributes:
        url: its address, with a slash at the end.
        ports: of the servers that get new connections.
    """

    def __init__(self, ports: list[int]) -> None:
        self.ports = ports
        self._turn = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no further connection."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self._turn += 1
            port = self.ports[self._turn % len(self.ports)]
            threading.Thread(target=self._relay, args=(peer, port), daemon=True).start()

    def _relay(self, peer: socket.socket, port: int) -> None:
        with (
            contextlib.suppress(OSError),
            peer,
            socket.create_connection(("127.0.0.1", port)) as server,
        ):
            pairs = {peer: server, server: peer}
            while True:
                for readable in select.select(list(pairs), [], [])[0]:
                    data = readable.recv(65536)
                    if not data:
                        return
                    pairs[readable].sendall(data)


class Poster:
    """Sends numbered texts to a client id, one after the other, until it is stopped."""

    def __init__(self, url: str, name: str = "") -> None:
        self._url = url
        self.name = name
        self.sent: list[str] = []
        self.failures: list[str] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._is_over.set()
        self._thread.join(PATIENCE_SECONDS)

    def _run(self) -> None:
        # As fast as people are; the page must find what it missed in the window.
        while not self._is_over.wait(0.005):
            text = f"{self.name}text {len(self.sent)}"
            form = urllib.parse.urlencode({"to": "a", "text": text}).encode()
            try:
                urllib.request.urlopen(
                    f"{self._url}send", form, PATIENCE_SECONDS
                ).close()
            except OSError as error:
                self.failures.append(f"{text}: {error}")
            self.sent.append(text)


class Page:
    """A page that comes back whenever its line drops, as channel.js does."""

    def __init__(self, url: str, token: str) -> None:
        self._url = f"{url.replace('http', 'ws', 1)}_ah/channel/socket?token={token}"
        self.texts: list[str] = []
        self.codes: list[int] = []
        self._number: int | None = None
        self._is_over = False
        self.is_open = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave."""
        self._is_over = True
        self._thread.join(PATIENCE_SECONDS)

    def _run(self) -> None:
        while not self._is_over:
            after = "" if self._number is None else f"&after={self._number}"
            with contextlib.suppress(OSError, TimeoutError):
                self._stay(self._url + after)

    def _stay(self, url: str) -> None:
        try:
            with connect(url, close_timeout=1) as line:
                self._number = int(json.loads(line.recv(PATIENCE_SECONDS))["id"])
                self.is_open.set()
                while not self._is_over:
                    try:
                        text = line.recv(0.1)
                    except TimeoutError:
                        continue
                    self.texts.append(str(text))
                    self._number += 1
        except ConnectionClosed as error:
            self.codes.append(error.rcvd.code if error.rcvd else 0)


def test_reload_loses_no_message_and_refuses_no_request(
    server: Servers, wait_until: Callable[..., Any], tmp_path: Path
) -> None:
    running = server(
        APP, "--automatic_restart=no", env={"SENDER_LOG": str(tmp_path / "log")}
    )
    with urllib.request.urlopen(f"{running.url}token?id=a") as answer:
        page = Page(running.url, answer.read().decode())
    assert page.is_open.wait(PATIENCE_SECONDS)
    posters = [Poster(running.url, f"{name} ") for name in "xyz"]
    try:
        for count in range(1, 4):
            running.process.send_signal(signal.SIGHUP)
            wait_until(
                lambda count=count: running.output.count("SIGHUP: reloading") == count
            )
            counts = [len(poster.sent) for poster in posters]
            for poster, before in zip(posters, counts, strict=True):
                wait_until(lambda one=poster, before=before: len(one.sent) > before + 5)
    finally:
        for poster in posters:
            poster.stop()
    assert [poster.failures for poster in posters] == [[], [], []]
    count = sum(len(poster.sent) for poster in posters)
    wait_until(lambda: len(page.texts) >= count)
    page.stop()
    for poster in posters:
        own = [text for text in page.texts if text.startswith(poster.name)]
        assert own == poster.sent
    assert len(page.texts) == count
    assert page.codes.count(1012) == 3


@pytest.fixture
def cluster(
    redis_server: RedisServer, server: Servers, tmp_path: Path
) -> Iterator[Callable[[int], Server]]:
    """Return a function that starts a server of the cluster at a port."""
    schema = take_schema()

    def start(port: int) -> Server:
        return server(
            APP,
            *("--application=rolling", "--automatic_restart=no", f"--port={port}"),
            *(f"--broker={redis_server.url}", f"--store={shared_server().url()}"),
            f"--store_schema={schema}",
            env={"SENDER_LOG": str(tmp_path / "log")},
        )

    yield start
    server.stop()
    give_back_schema(schema)


@pytest.mark.redis
@pytest.mark.postgres
def test_rolling_restart_loses_no_message_and_refuses_no_request(
    cluster: Callable[[int], Server], wait_until: Callable[..., Any]
) -> None:
    ports = [free_port(), free_port()]
    servers = {port: cluster(port) for port in ports}
    proxy = Proxy(list(ports))
    with urllib.request.urlopen(f"{proxy.url}token?id=a") as answer:
        page = Page(proxy.url, answer.read().decode())
    assert page.is_open.wait(PATIENCE_SECONDS)
    poster = Poster(proxy.url)
    try:
        for port in ports:
            # As docs/how-to/operate.md says: out of the proxy, stop, start, in again.
            proxy.ports = [each for each in ports if each != port]
            count = len(poster.sent)
            # A request that was on its way there has its answer.
            wait_until(lambda count=count: len(poster.sent) > count + 2)
            assert servers[port].stop() == 0
            servers[port] = cluster(port)
            proxy.ports = list(ports)
            count = len(poster.sent)
            wait_until(lambda count=count: len(poster.sent) > count + 10)
    finally:
        poster.stop()
    assert poster.failures == []
    wait_until(lambda: len(page.texts) >= len(poster.sent))
    page.stop()
    proxy.close()
    assert page.texts == poster.sent
    # It was on one of the two, and was told to come back.
    assert 1012 in page.codes
