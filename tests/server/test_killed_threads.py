"""Threads that live for ever are killed from within, and the service goes on."""

from __future__ import annotations

import contextlib
import http.client
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import Servers
from tests.programs import running
from tests.server.plain_site import PlainSite
from tests.server.test_failing_handlers import APP, poll, told
from tests.servers import Server

WaitUntil = Callable[..., Any]

FAULTS = [
    *("exit", "interrupt", "generator-exit", "odd", "value", "cancelled", "memory"),
]

THREADS = ["worker-", "presence-", "task-", "channels", "deadlines", "cron", "watcher"]


OF_OUR_SERVER = [
    *("presence-journal", "task-picker", "task-1", "task-8", "deadlines", "watcher"),
    "cron /work?n=cron",
]


@pytest.fixture(scope="module", autouse=True)
def uncounted() -> Iterator[None]:
    """Start the servers without coverage.

    CPython 3.11 loops for ever in a thread that is traced while another one is about
    to raise what was set from without.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def failing_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start the module's server."""
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    yield servers(APP, "--cron=yes", "--threads=3", "--grace_seconds=0.2")
    servers.stop()


def assert_all_goes_on(site: PlainSite, name: str, wait_until: WaitUntil) -> None:
    """Do what each kind of thread is there for."""
    for _ in range(6):
        assert site.ask("/told")[0] == 200
    assert site.ask("/add?" + "&".join(f"n={name}.{n}" for n in range(9)))[0] == 200
    for number in range(5):
        poll(site, f"{name}.{number}")
    wanted = {f"/work {name}.{number}" for number in range(9)}
    for word in ("connected", "disconnected"):
        wanted |= {f"/_ah/channel/{word}/ {name}.{number}" for number in range(5)}
    wait_until(lambda: wanted <= set(told(site)), 30)


def kill(site: PlainSite, fault: str, names: list[str]) -> list[str]:
    status, body = site.ask(f"/kill?how={fault}&names={','.join(names)}")
    assert status == 200
    killed: list[str] = json.loads(body)
    return killed


@pytest.mark.parametrize("fault", FAULTS)
def test_our_server_goes_on(
    failing_server: Server, wait_until: WaitUntil, fault: str
) -> None:
    site = PlainSite(failing_server.url)
    assert_all_goes_on(site, f"before-{fault}", wait_until)
    killed = kill(site, fault, THREADS)
    assert set(OF_OUR_SERVER) <= set(killed)
    assert_all_goes_on(site, f"after-{fault}", wait_until)
    # Each thread is there again, whether or not it has had anything to do.
    assert set(OF_OUR_SERVER) <= set(kill(site, fault, THREADS))
    wait_until(lambda: "failed; it starts again in" in failing_server.output)
    assert "Exception in thread" not in failing_server.output


@pytest.mark.parametrize("fault", FAULTS)
def test_other_servers_go_on(tmp_path: Path, wait_until: WaitUntil, fault: str) -> None:
    command = [sys.executable, str(APP / "wrapped.py"), "paste"]
    storage = {"CHANNELSHIM_STORAGE_PATH": str(tmp_path)}
    with running(command, APP, {**storage, "CHANNELSHIM_GRACE_SECONDS": "0.2"}) as own:
        site = PlainSite("http://127.0.0.1:0")
        site.port = urlsplit(own.wait_for_url()).port or 0
        assert_all_goes_on(site, "before", wait_until)
        killed = kill(site, fault, THREADS)
        assert {"channels", "presence-journal", "task-picker"} <= set(killed)
        assert_all_goes_on(site, "after", wait_until)
        assert "Exception in thread" not in own.output


@pytest.mark.parametrize("fault", FAULTS)
def test_loop_of_our_server_goes_on(
    failing_server: Server, wait_until: WaitUntil, fault: str
) -> None:
    site = PlainSite(failing_server.url)

    def is_answered() -> bool:
        # What the loop was at when it was hit may be cut.
        with contextlib.suppress(OSError, http.client.HTTPException):
            return site.ask("/told")[0] == 200
        return False

    for _ in range(5):
        with contextlib.suppress(OSError, http.client.HTTPException):
            site.ask(f"/kill?how={fault}&names=MainThread")
        wait_until(is_answered, 30)
    assert_all_goes_on(site, f"loop-{fault}", wait_until)
