"""Measure what a thousand pages that never read cost the others.

    python bench/slow_readers.py [--seconds 20] [--silent 1000] [--returns]

The server is on one core, everything else on another. A hundred pages read; a POST a
twentieth of a second apart has the app send one text of 4 KiB to each of them and each
silent page. With --returns, silent pages that are cut off come back at once. Measured
is the time from the POST to each reading page, by turns without and with the silent
ones. Prints a Markdown table of milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.programs import running  # noqa: E402 -- path set above

READING = 100
TEXT_BYTES = 4096
PAUSE_SECONDS = 0.05
WANTED_MILLISECONDS = 10.0
ROUNDS = 3
SETTLE_SECONDS = 2.0
MARK = b"sent at "

APP_YAML = """\
runtime: python27
threadsafe: true
handlers:
- url: /.*
  script: flood.app
"""

FLOOD = """\
import webapp2
from google.appengine.api import channel

class Token(webapp2.RequestHandler):
  def get(self):
    self.response.write(channel.create_channel(self.request.get('id')))

class Flood(webapp2.RequestHandler):
  def post(self):
    text = self.request.body
    for number in range(int(self.request.get('silent'))):
      channel.send_message('silent-%d' % number, text)
    for number in range(int(self.request.get('reading'))):
      channel.send_message('reading-%d' % number, text)

app = webapp2.WSGIApplication([('/token', Token), ('/flood', Flood)])
"""


class Reader(asyncio.Protocol):
    """A page that reads; notes how old each text is when it comes.

    Attributes:
        ages: seconds.
    """

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._rest = b""
        self.ages: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note the texts that begin in data."""
        now = time.monotonic()
        data = self._rest + data
        *texts, self._rest = data.split(MARK)
        for text in texts[1:]:
            self.ages.append(now - float(text[:20]))
        if texts and len(self._rest) >= 20:
            self.ages.append(now - float(self._rest[:20]))
            self._rest = b""
        elif texts:
            self._rest = MARK + self._rest
        else:
            self._rest = self._rest[-len(MARK) :]


class Silent:
    """A page that never reads, and comes back when it is cut off."""

    def __init__(self, port: int, request: bytes) -> None:
        self._port = port
        self._request = request
        self.returns = -1
        self.open()

    def open(self) -> None:
        """Open the WebSocket, and a small window."""
        self.returns += 1
        self.peer = socket.socket()
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.peer.connect(("127.0.0.1", self._port))
        self.peer.sendall(self._request)
        self.peer.setblocking(False)

    def is_cut(self) -> bool:
        """Return whether the server has ended the connection."""
        try:
            self.peer.send(b"")
            error = self.peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except OSError:
            return True
        state = self.peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        return bool(error) or state != 1  # TCP_ESTABLISHED


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, metavar="S")
    parser.add_argument("--silent", type=int, default=1000, metavar="N")
    parser.add_argument("--returns", action="store_true")
    arguments = parser.parse_args()
    own_cores = sorted(os.sched_getaffinity(0))
    figures: dict[int, list[tuple[float, float]]] = {0: [], arguments.silent: []}
    for _ in range(ROUNDS):
        for silent in figures:
            with served(own_cores) as url:
                ages, returned = asyncio.run(
                    measure(url, silent, arguments.seconds, returns=arguments.returns)
                )
            ages.sort()
            figures[silent].append((ages[len(ages) // 2], ages[len(ages) * 99 // 100]))
            print(f"{silent} silent: {len(ages)} texts, {returned} returns", flush=True)
    rows = {
        silent: [statistics.median(column) * 1000 for column in zip(*each, strict=True)]
        for silent, each in figures.items()
    }
    print("| pages that never read | p50 ms | p99 ms |")
    print("|---|---|---|")
    for silent, (middle, late) in rows.items():
        print(f"| {silent} | {middle:.1f} | {late:.1f} |")
    delay = rows[arguments.silent][1] - rows[0][1]
    print(f"p99 later by {delay:.1f} ms; at most {WANTED_MILLISECONDS:.0f} wanted")


@contextlib.contextmanager
def served(cores: list[int]) -> Iterator[str]:
    """Serve the app on the last core; yield its address."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "app.yaml").write_text(APP_YAML)
        (Path(folder) / "flood.py").write_text(FLOOD)
        command = [sys.executable, "-m", "channelshim", "serve", folder, "--port=0"]
        command += [f"--storage_path={folder}/data", "--log_level=error"]
        command += ["--automatic_restart=no"]
        os.sched_setaffinity(0, cores[-1:])
        with running(command, Path(folder)) as program:
            os.sched_setaffinity(0, cores[:-1] or cores)
            yield program.wait_for_url()
        os.sched_setaffinity(0, cores)


def upgrade(url: str, client_id: str) -> bytes:
    """Return the request for a WebSocket of a client id."""
    with urllib.request.urlopen(f"{url}/token?id={client_id}", timeout=30) as answer:
        token = answer.read().decode("ascii")
    lines = (
        f"GET /_ah/channel/socket?token={token} HTTP/1.1",
        f"Host: {url.removeprefix('http://')}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "",
        "",
    )
    return "\r\n".join(lines).encode("ascii")


async def measure(
    url: str, silent: int, seconds: float, *, returns: bool
) -> tuple[list[float], int]:
    """Return the ages of all texts, and how often silent pages came back."""
    loop = asyncio.get_running_loop()
    port = int(url.rpartition(":")[2])
    readers = []
    for number in range(READING):
        reader = Reader(upgrade(url, f"reading-{number}"))
        await loop.create_connection(lambda reader=reader: reader, "127.0.0.1", port)
        readers.append(reader)
    quiet = [Silent(port, upgrade(url, f"silent-{n}")) for n in range(silent)]
    # The app is told of a thousand pages: what that costs is not what slowness costs.
    await asyncio.sleep(SETTLE_SECONDS)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    end = time.monotonic() + seconds
    due = time.monotonic()
    while time.monotonic() < end:
        body = MARK + f"{time.monotonic():020.6f}".encode("ascii")
        body += b"." * (TEXT_BYTES - len(body))
        head = (
            f"POST /flood?silent={silent}&reading={READING} HTTP/1.1\r\n"
            f"Host: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode("ascii") + body)
        due += PAUSE_SECONDS
        # A few at a time: looking at all of them would delay what is measured.
        for _ in range(20):
            if quiet and returns:
                page = quiet.pop(0)
                quiet.append(page)
                if page.is_cut():
                    page.peer.close()
                    page.open()
            await asyncio.sleep(0)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    await asyncio.sleep(0.5)
    for page in quiet:
        page.peer.close()
    ages = [age for reader in readers for age in reader.ages]
    return ages, sum(page.returns for page in quiet)


if __name__ == "__main__":
    main()
