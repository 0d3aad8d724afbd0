"""The two servers, started once for all HTTP cases."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.contract.sites import PROBE, SHIM_GRACE_SECONDS, Original, Site
from tests.programs import running
from tests.servers import Servers

WRAPPED = Path(__file__).with_name("wrapped_program.py")

_numbers = count(1)


@pytest.fixture(scope="session")
def shim_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve the probe app with channelshim."""
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    server = servers(PROBE, f"--grace_seconds={SHIM_GRACE_SECONDS}")
    yield Site("shim", server.port, lambda: server.output)
    servers.stop()


@pytest.fixture(scope="session")
def original_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve the probe app with Google's last dev_appserver."""
    original = Original(PROBE, tmp_path_factory.mktemp("original"))
    yield Site("original", original.port, original.output)
    original.stop()


@pytest.fixture(scope="session")
def wrapped_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve the probe app as channelshim.wrap() under a plain WSGI server."""
    storage = tmp_path_factory.mktemp("wrapped")
    command = [sys.executable, str(WRAPPED), str(PROBE), str(storage)]
    with running([*command, str(SHIM_GRACE_SECONDS)], storage) as program:
        port = int(program.wait_for_url().rpartition(":")[2])
        yield Site("wrapped", port, lambda: program.output)


@pytest.fixture(
    params=["shim", pytest.param("original", marks=pytest.mark.original)],
)
def site(request: pytest.FixtureRequest) -> Site:
    """Run a case against the shim and against the original."""
    found: Site = request.getfixturevalue(f"{request.param}_site")
    return found


@pytest.fixture
def new_id(request: pytest.FixtureRequest) -> Callable[..., str]:
    """Make client ids that no other test uses."""

    def make(prefix: str = "id") -> str:
        return f"{prefix}-{next(_numbers)}"

    return make
