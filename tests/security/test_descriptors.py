"""Peers that would take every descriptor: others are answered all the same."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.security.test_slow_peers import connect, get, serving
from tests.servers import Server

FEW = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server that may have few files and sockets open."""
    yield from serving(tmp_path_factory, FEW)


SILENT = b""
HALF_A_HEAD = b"GET / HTTP/1.1\r\n"
DONE = b"GET /static/small.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"
# More than is kept in memory.
HALF_A_BODY = (
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n\r\n"
    + b"x" * 300_000
)
UNREAD_FILE = b"GET /static/big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [SILENT, HALF_A_HEAD, DONE, HALF_A_BODY, UNREAD_FILE],
    ids=["silent", "half a head", "done", "half a body", "unread file"],
)
def test_who_asks_for_nothing_goes_first(
    running: Server, wait_until: Callable[..., object], sent: bytes
) -> None:
    with ExitStack() as stack:
        for number in range(400):
            with contextlib.suppress(ConnectionError):
                peer = stack.enter_context(connect(running))
                peer.sendall(sent)
            # As many as wait at once on a slow machine have descriptors: without one,
            # the loop would cut off whoever waits, this reader too.
            if number % 10 == 9:
                assert get(running, "/static/small.txt") == b"small"
