"""One server of apps/plain for each module, its patience shortened."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.conftest import Servers
from tests.lanes import ROOT, timeout_factor
from tests.server.plain_site import APP, APPLICATION_ID, SECRET, PlainSite
from tests.servers import Server

SOON = f"""
from functools import partialmethod
from channelshim import limits
limits.MAXIMUM_BODY_BYTES = 1 << 20
from channelshim.transports import connection_table
connection_table.BEAT_SECONDS = 0.1
connection_table.SECONDS[connection_table.State.BODY] = {0.5 * timeout_factor()}
from channelshim.server.workers import Workers
from channelshim.transports import polling, ring_sender
polling.POLL_PRESENCE_MARGIN_SECONDS = 0.5
Workers.__init__ = partialmethod(Workers.__init__, maximum_waiting=4)
# Every text goes the way of those that are owed to many.
ring_sender.LEAST_CONNECTIONS = 1
"""


LATER = """
from tests.broker import delayed
delayed.install()
"""


def start(
    tmp_path_factory: pytest.TempPathFactory, broker: str = "memory"
) -> Iterator[Server]:
    """Start a server; a traceback in its output fails the test.

    Args:
        tmp_path_factory: pytest's.
        broker: "memory", or "delayed" for one whose answers come later.
    """
    patience = tmp_path_factory.mktemp("patience")
    more = LATER if broker == "delayed" else ""
    (patience / "sitecustomize.py").write_text(SOON + more)
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    server = servers(
        APP,
        "--automatic_restart=no",
        "--threads=2",
        "--grace_seconds=0.3",
        "--send_buffer_bytes=65536",
        f"--window_bytes={32 << 20}",
        env={
            "PYTHONPATH": os.pathsep.join([str(patience), str(ROOT)]),
            "CHANNELSHIM_APPLICATION": APPLICATION_ID,
            "CHANNELSHIM_SIGNING_SECRETS": SECRET,
        },
    )
    yield server
    output = server.output
    # Unlike SIGTERM it does not wait for handlers that wait themselves.
    server.stop(signal.SIGINT)
    assert "Traceback" not in output


@pytest.fixture(scope="module", params=["memory", "delayed"])
def broker(request: pytest.FixtureRequest) -> str:
    """Return on what broker the servers stand."""
    return str(request.param)


@pytest.fixture(scope="module")
def plain_server(
    tmp_path_factory: pytest.TempPathFactory, broker: str
) -> Iterator[Server]:
    """Start the module's server."""
    yield from start(tmp_path_factory, broker)


@pytest.fixture
def own_server(
    tmp_path_factory: pytest.TempPathFactory, broker: str
) -> Iterator[Server]:
    """Start a server for one test, which may leave it in any state."""
    yield from start(tmp_path_factory, broker)


@pytest.fixture
def site(plain_server: Server) -> PlainSite:
    """Return a client of the module's server."""
    return PlainSite(plain_server.url)
