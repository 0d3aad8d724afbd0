"""One server on two sockets: each has its own app, and both have one end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from channelshim.server.binding import bind
from channelshim.server.serve import Application, Listener, Server, make_bridge
from tests.lanes import timeout_factor
from tests.server.plain_site import PlainSite, until_end

PATIENCE_SECONDS = 10.0 * timeout_factor()


class App:
    """A WSGI app that answers its name and the path, and waits at /wait.

    Args:
        name: answered.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_asked = threading.Event()
        self.may_answer = threading.Event()

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/wait":
            self.is_asked.set()
            assert self.may_answer.wait(PATIENCE_SECONDS)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{self.name} {environ['PATH_INFO']}".encode()]


class Running:
    """A server of two apps, in a thread of its own.

    Attributes:
        apps: what answers on each socket.
        sites: a client of each.
        thread: serves.
    """

    def __init__(self) -> None:
        self.apps = [App("front"), App("console")]
        sockets = [bind("127.0.0.1", 0) for _ in self.apps]
        addresses = [each.getsockname() for each in sockets]
        self.sites = [PlainSite(f"http://127.0.0.1:{port}/") for _, port in addresses]
        is_started = threading.Event()
        self.server = Server(
            [
                Listener(each, Application(make_bridge(app, 2)))
                for each, app in zip(sockets, self.apps, strict=True)
            ],
            on_started=lambda *_: is_started.set(),
            on_stopping=lambda: None,
        )
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        assert is_started.wait(PATIENCE_SECONDS)

    def stop(self) -> None:
        """Stop it and wait for its end."""
        self.server.stop()
        for app in self.apps:
            app.may_answer.set()
        self.thread.join(PATIENCE_SECONDS)
        assert not self.thread.is_alive()


@pytest.fixture
def running() -> Iterator[Running]:
    started = Running()
    yield started
    started.stop()


def test_each_socket_has_its_own_app(running: Running) -> None:
    assert running.sites[0].ask("/a") == (200, b"front /a")
    assert running.sites[1].ask("/a") == (200, b"console /a")


def test_listener_without_channels_leaves_their_paths_to_its_app(
    running: Running,
) -> None:
    path = "/_ah/channel/jsapi"
    assert running.sites[1].ask(path) == (200, b"console /_ah/channel/jsapi")


def test_listener_without_channels_refuses_a_handshake(running: Running) -> None:
    site = running.sites[1]
    with site.raw(site.handshake("token")) as peer:
        assert until_end(peer).startswith(b"HTTP/1.1 404 ")
    assert site.ask("/a")[0] == 200


def test_stop_waits_for_requests_of_both_and_closes_both(
    running: Running, wait_until: Callable[..., Any]
) -> None:
    console = running.sites[1]
    with console.raw(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n") as peer:
        assert running.apps[1].is_asked.wait(PATIENCE_SECONDS)
        running.server.stop()
        for site in running.sites:
            wait_until(lambda port=site.port: is_refused(port))
        assert running.thread.is_alive()
        running.apps[1].may_answer.set()
        assert b"console /wait" in until_end(peer)


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS).close()
    except ConnectionError:
        return True
    return False
