"""The peers: how each is started, and what its pages ask for."""

from __future__ import annotations

import contextlib
import http.client
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.places import (
    BENCH,
    CACHE,
    FLOOR,
    NGINX_MODULES,
    NODE_MODULES,
    PYTHON,
    on_server_core,
)
from bench.process import ServerProcess, free_port

PROGRAMS = BENCH / "peers"


@dataclass(frozen=True)
class Peer:
    """One server under test.

    Attributes:
        name: as on the command line.
        title: as in tables.
        command: makes the command from the port and an empty folder.
        ready: when a page counts as open: handshake, hello or socketio.
        page: the path of a page; None when channelshim's tokens are needed.
        is_posted_beside: whether POSTs go to the next port.
    """

    name: str
    title: str
    command: Callable[[int, Path], list[str]]
    ready: str = "handshake"
    page: str | None = "/ws?id=page-{}"
    is_posted_beside: bool = False

    def post_port(self, port: int) -> int:
        """Return where POSTs go when pages go to `port`."""
        return port + 1 if self.is_posted_beside else port


def _python(program: str) -> Callable[[int, Path], list[str]]:
    return lambda port, folder: on_server_core(PYTHON, PROGRAMS / program, str(port))


def _node(port: int, folder: Path) -> list[str]:
    return on_server_core("node", PROGRAMS / "node_ws_peer.js", str(port))


def _nginx(port: int, folder: Path) -> list[str]:
    text = (PROGRAMS / "nginx_nchan.conf").read_text()
    for mark, value in (("PORT", port), ("FOLDER", folder), ("MODULES", NGINX_MODULES)):
        text = text.replace(f"@{mark}@", str(value))
    configuration = folder / "nginx.conf"
    configuration.write_text("user root;\n" + text)
    return on_server_core("nginx", "-p", folder, "-c", configuration)


def _floor(*mode: str) -> Callable[[int, Path], list[str]]:
    return lambda port, folder: on_server_core(FLOOR, str(port), *mode)


def serve_command(
    app: Path, port: int, folder: Path, python: Path = PYTHON
) -> list[str]:
    """Return the command that serves `app` with channelshim, data in folder."""
    return on_server_core(
        python,
        *("-m", "channelshim", "serve", app),
        *("--port", str(port), "--storage_path", folder),
        *("--automatic_restart", "no", "--log_level", "warning"),
    )


def _channelshim(port: int, folder: Path) -> list[str]:
    return serve_command(BENCH / "apps" / "fanout", port, folder)


PEERS = {
    peer.name: peer
    for peer in (
        Peer("channelshim", "channelshim", _channelshim, ready="hello", page=None),
        Peer(
            "socketio",
            "python-socketio, uvicorn",
            _python("socketio_peer.py"),
            ready="socketio",
            page="/socket.io/?EIO=4&transport=websocket",
        ),
        Peer("starlette", "Starlette, uvicorn", _python("starlette_peer.py")),
        Peer(
            "websockets",
            "`websockets` broadcast, uvloop",
            _python("websockets_peer.py"),
            is_posted_beside=True,
        ),
        Peer("node", "node `ws`", _node),
        Peer("nchan", "nginx nchan", _nginx),
        Peer(
            "socketify",
            "uWebSockets through socketify",
            _python("socketify_peer.py"),
        ),
        Peer("floor", "floor: one send per page and text, C", _floor()),
        Peer("floor-joined", "floor: up to 16 texts joined, C", _floor("join")),
    )
}


@contextlib.contextmanager
def running(peer: Peer) -> Iterator[ServerProcess]:
    """Start the peer on a free port, and end it."""
    CACHE.mkdir(exist_ok=True)
    port = free_port(1 if peer.is_posted_beside else 0)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        command = peer.command(port, Path(folder))
        variables = {"NODE_PATH": str(NODE_MODULES)}
        with ServerProcess(command, port, variables) as server:
            yield server


def ask(port: int, path: str, method: str = "GET", body: str | None = None) -> bytes:
    """Make one HTTP request and return the answer's body.

    Raises:
        RuntimeError: the answer's status is not 2xx.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status // 100 != 2:
        raise RuntimeError(f"{method} {path}: {answer.status}")
    return content


def pages_of(peer: Peer, port: int, count: int) -> list[str]:
    """Return the paths of `count` pages, each with a client id of its own."""
    if peer.page is not None:
        return [peer.page.format(number) for number in range(count)]
    tokens = json.loads(ask(port, f"/tokens?n={count}"))
    return [f"/_ah/channel/socket?token={token}" for token in tokens]
