"""Measure what a few connections that flood the server cost everybody else.

    python bench/floods.py [--seconds 10] [--connections 4] [--kind frames ...]

The server is on one core, everything else on another. Each flood goes on for the whole
time on so many connections, which read what is answered and come back when they are
cut off; meanwhile another connection asks for a page twenty times a second. Prints a
Markdown table: how long those answers took, and how much memory the server took more
than before.

| kind | what is sent, without a valid token |
|---|---|
| frames | a WebSocket's smallest masked text frames |
| pipelined | the smallest requests, one behind the other |
| chunks | a body in chunks of one byte |
| lines | empty lines before a request |
| headers | requests with as many headers as fit into a head |
| queries | polls with as many parameters as fit into a head |
| handshakes | upgrades with as many, each on a connection of its own |
| uploads | bodies of 16 MB, one behind the other |
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import multiprocessing
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.programs import running  # noqa: E402 -- path set above

PAUSE_SECONDS = 0.05
WANTED_MILLISECONDS = 50.0
WANTED_MEBIBYTES = 50.0
BLOB_BYTES = 1 << 20

APP_YAML = """\
runtime: python27
threadsafe: true
handlers:
- url: /.*
  script: who.app
"""

WHO = """\
def app(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'you']
"""

HANDSHAKE = (
    b"GET /_ah/channel/socket?token=x HTTP/1.1\r\nHost: localhost\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
REQUEST = b"GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"

MANY_HEADERS = REQUEST[:-2] + b"a:b\r\n" * 10_000 + b"\r\n"
QUERY = b"token=x" + b"&a" * 30_000
POLL = REQUEST.replace(b"/who", b"/_ah/channel/poll?" + QUERY)
UPLOAD = b"POST /who HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16777216\r\n\r\n"

FLOODS: dict[str, tuple[bytes, bytes]] = {
    "frames": (HANDSHAKE, b"\x81\x81\0\0\0\0a"),
    "pipelined": (b"", REQUEST),
    "chunks": (CHUNKED, b"1\r\nx\r\n"),
    "lines": (b"", b"\r\n"),
    "headers": (b"", MANY_HEADERS),
    "queries": (b"", POLL),
    "handshakes": (HANDSHAKE.replace(b"token=x", QUERY), b""),
    "uploads": (b"", UPLOAD + bytes(1 << 24)),
}
"""Kind to what opens the connection, and what is sent again and again."""


def flood(port: int, kind: str) -> None:
    """Send for ever; come back when cut off."""
    # Whoever measures waits for the server, not for these.
    os.nice(19)
    opening, unit = FLOODS[kind]
    blob = unit * max(1, BLOB_BYTES // max(1, len(unit)))
    while True:
        peer = socket.create_connection(("127.0.0.1", port))
        reader = threading.Thread(target=_drain, args=(peer,), daemon=True)
        reader.start()
        with contextlib.suppress(OSError):
            peer.sendall(opening)
            if not unit:
                peer.shutdown(socket.SHUT_WR)
                reader.join()
            while unit:
                peer.sendall(blob)
        peer.close()


def _drain(peer: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while peer.recv(1 << 16):
            pass


def resident_mebibytes(process_id: int) -> float:
    """Return what a process holds in memory."""
    pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@contextlib.contextmanager
def served(cores: list[int]) -> Iterator[tuple[int, int]]:
    """Serve the app on the last core; yield its port and process id."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "app.yaml").write_text(APP_YAML)
        (Path(folder) / "who.py").write_text(WHO)
        command = [sys.executable, "-m", "channelshim", "serve", folder, "--port=0"]
        command += [f"--storage_path={folder}/data", "--log_level=error"]
        command += ["--automatic_restart=no"]
        os.sched_setaffinity(0, cores[-1:])
        with running(command, Path(folder)) as program:
            os.sched_setaffinity(0, cores[:-1] or cores)
            port = int(program.wait_for_url().rpartition(":")[2])
            yield port, program.process.pid
        os.sched_setaffinity(0, cores)


def ask(port: int, seconds: float) -> list[float]:
    """Return how long each answer took, in seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    ages = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        connection.request("GET", "/who")
        connection.getresponse().read()
        ages.append(time.monotonic() - begun)
        time.sleep(PAUSE_SECONDS)
    connection.close()
    return ages


def measure(kind: str, connections: int, seconds: float) -> tuple[float, float, float]:
    """Return p50 and p99 in milliseconds, and mebibytes at most.

    Args:
        kind: of the flood; "" for none.
        connections: that flood.
        seconds: how long.
    """
    cores = sorted(os.sched_getaffinity(0))
    with served(cores) as (port, process_id):
        ask(port, 1.0)
        before = most = resident_mebibytes(process_id)
        arguments = (port, kind)
        peers = [
            multiprocessing.Process(target=flood, args=arguments, daemon=True)
            for _ in range(connections if kind else 0)
        ]
        for peer in peers:
            peer.start()
        ages: list[float] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ages += ask(port, 0.5)
            most = max(most, resident_mebibytes(process_id))
        for peer in peers:
            peer.kill()
            peer.join()
    ages.sort()
    late = ages[min(len(ages) - 1, len(ages) * 99 // 100)]
    return ages[len(ages) // 2] * 1000, late * 1000, most - before


def main() -> int:
    """Measure and print the table; fail when it is not what is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S")
    parser.add_argument("--connections", type=int, default=4, metavar="N")
    parser.add_argument("--kind", action="append", choices=[*FLOODS], default=[])
    arguments = parser.parse_args()
    is_good = True
    print("| flood | p50 ms | p99 ms | MiB more |")
    print("|---|---|---|---|")
    for kind in ["", *(arguments.kind or FLOODS)]:
        figures = measure(kind, arguments.connections, arguments.seconds)
        middle, late, more = figures
        print(f"| {kind or 'none'} | {middle:.1f} | {late:.1f} | {more:.1f} |")
        is_good &= late < WANTED_MILLISECONDS and more < WANTED_MEBIBYTES
    print(
        f"wanted: p99 below {WANTED_MILLISECONDS:.0f} ms, "
        f"less than {WANTED_MEBIBYTES:.0f} MiB more"
    )
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
