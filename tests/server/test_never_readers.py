"""A thousand pages that never read: memory stays bounded and nobody else waits."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.sync.client import ClientConnection

from tests.conftest import Servers
from tests.lanes import ROOT, timeout_factor
from tests.lines import connect
from tests.server.plain_site import APP, SECRET, PlainSite
from tests.servers import Server

SILENT, READING = 1000, 20
ROUNDS = 30
TEXT_BYTES = 8000
TOTAL_BYTES = 32 << 20
WINDOWS_BYTES = 16 << 20
REST_BYTES = 48 << 20
"""1,000 connections, one burst for each, and what Python keeps for the next time."""

BURST_IDS, BURST_TEXTS, BURST_TEXT_BYTES = 100, 60, 32_000
"""1.9 MB to each, four times the bounds in all."""
REPLAYS, REPLAYED_IDS = 200, 5
BURST_REST_BYTES = 20 << 20
"""A body with a burst, read as JSON, and its frames."""

SMALL_KERNEL_BUFFERS = """
from channelshim.kernel import sockets
from channelshim.transports import acceptor
sockets.KERNEL_SEND_BUFFER_BYTES = 16 << 10
acceptor.READER_BEHIND_BYTES = 16 << 10
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Server]:
    """Return a server with little room for slow readers."""
    (tmp_path / "sitecustomize.py").write_text(SMALL_KERNEL_BUFFERS)
    servers = Servers(lambda: tmp_path / "storage")
    yield servers(
        APP,
        "--automatic_restart=no",
        "--log_level=error",
        f"--send_buffer_total_bytes={TOTAL_BYTES}",
        f"--window_total_bytes={WINDOWS_BYTES}",
        "--grace_seconds=0.2",
        env={
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
            "CHANNELSHIM_SIGNING_SECRETS": SECRET,
        },
    )
    servers.stop()


def resident_bytes(server: Server) -> int:
    """Return what the server holds in memory."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def open_silent(site: PlainSite, token: str) -> socket.socket:
    """Open a WebSocket whose peer reads its handshake and never again."""
    peer = site.raw(site.handshake(token), receive_buffer=4096)
    assert peer.recv(12) == b"HTTP/1.1 101"
    return peer


def test_readers_that_never_read_are_bounded_and_hold_up_nobody(
    running: Server, wait_until: Callable[..., Any]
) -> None:
    site = PlainSite(f"http://127.0.0.1:{urlsplit(running.url).port}")
    with ExitStack() as stack:
        reading: list[ClientConnection] = []
        for number in range(READING):
            line = connect(site.socket_url(site.token(f"reads {number}")))
            reading.append(stack.enter_context(line))
            line.recv()
        silent = [
            stack.enter_context(open_silent(site, site.token(f"silent {number}")))
            for number in range(SILENT)
        ]
        before = resident_bytes(running)
        most = before
        for turn in range(ROUNDS):
            # Other bytes for each: nothing is shared but the bound.
            text = f"{turn:04d}" + os.urandom(TEXT_BYTES // 2).hex()
            for ids in ("silent", "reads"):
                count = SILENT if ids == "silent" else READING
                assert (
                    site.ask(f"/flood?ids={ids}&count={count}", text.encode())[0] == 200
                )
            most = max(most, resident_bytes(running))
            for number, line in enumerate(reading):
                wanted = f"reads {number} {text}"
                assert line.recv(timeout=10 * timeout_factor()) == wanted
        # More came than may wait for them: all were cut off.
        wait_until(lambda: open_count(site) == READING, 30)
        assert most - before < TOTAL_BYTES + WINDOWS_BYTES + REST_BYTES
        # And each is told so, though its last bytes are still unread.
        for peer in silent:
            with pytest.raises(ConnectionError):
                list(iter(partial(peer.recv, 65536), b""))


def test_bursts_and_replays_keep_to_the_sum_of_the_bounds(running: Server) -> None:
    site = PlainSite(f"http://127.0.0.1:{urlsplit(running.url).port}")
    # In memory four times as long as on the wire, for the one character.
    first = "\N{GRINNING FACE}"
    texts = [f"{first}{n} ".ljust(BURST_TEXT_BYTES, "x") for n in range(BURST_TEXTS)]
    tokens = [site.token(f"burst {number}") for number in range(BURST_IDS)]
    with ExitStack() as stack:
        for token in tokens:
            stack.enter_context(open_silent(site, token))
        site.send("nobody", *texts)
        before = most = resident_bytes(running)
        for number in range(BURST_IDS):
            site.send(f"burst {number}", *texts)
            most = max(most, resident_bytes(running))
        # The last ones have their windows still: each is owed all of it again.
        for token in tokens[-REPLAYED_IDS:]:
            for _ in range(REPLAYS // REPLAYED_IDS):
                stack.enter_context(open_silent(site, f"{token}&after=1"))
            most = max(most, resident_bytes(running))
    bounds = TOTAL_BYTES + WINDOWS_BYTES
    print(f"{(most - before) >> 20} MiB more, of {bounds >> 20} that are allowed")
    assert most - before < bounds * 1.1 + BURST_REST_BYTES


def open_count(site: PlainSite) -> int:
    """Return how many ids the app counts as connected."""
    connected: int = site.json("/connected")
    return connected
