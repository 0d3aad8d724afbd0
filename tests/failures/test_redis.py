"""The rows of docs/explanation/redis.md, with real servers: what breaks and what holds.

Each takes up to a minute and runs in the lane `failures`; two of them are the sample
that runs in the lane `redis`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import await_condition
from tests.failures.herd import Herd, Page, until
from tests.ports import free_port
from tests.redis_servers import RedisServer
from tests.servers import Servers

pytestmark = pytest.mark.redis

SHORT = "--grace_seconds=1"


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


def check(herd: Herd, *, gaps: int = 0) -> None:
    """Nothing was lost, nothing came twice or in another order."""
    assert herd.twice() == 0
    assert herd.misplaced() == 0
    assert herd.lost() == 0 or gaps
    assert sum(page.gaps for page in herd.pages) <= gaps
    assert len(herd.answered) > 20


def pages_of(herd: Herd, server: object) -> list[Page]:
    return [page for page in herd.pages if page.server is server]


def test_killed_server_loses_nothing_that_was_answered(
    redis: RedisServer, server: Servers, tmp_path: Path
) -> None:
    herd = Herd(server, redis.url, tmp_path, settings=[SHORT])

    async def play() -> None:
        await herd.begin()
        victim = herd.servers[0]
        leaving = pages_of(herd, victim)[:5]
        for page in leaving:
            # Gone at the same moment: nobody hears their goodbye.
            page.has_left = True
        herd.kill(victim)
        herd.servers.append(await asyncio.to_thread(herd.start_server))
        await until(
            lambda: all(herd.presence(page) == "cd" for page in leaving),
            "the app heard of those who stayed away",
        )
        await herd.end()
        for page in herd.pages:
            if page not in leaving:
                assert herd.presence(page)[-1] == "c", herd.presence(page)

    asyncio.run(play())
    check(herd)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="without persistence"),
        pytest.param(
            ("--appendonly", "yes", "--appendfsync", "everysec"),
            id="append-only file",
            marks=pytest.mark.failures,
        ),
    ],
)
def test_redis_that_is_killed_and_comes_back(
    options: tuple[str, ...], server: Servers, tmp_path: Path
) -> None:
    redis = RedisServer(*options)
    herd = Herd(server, redis.url, tmp_path, pages=20, settings=[SHORT])

    async def play() -> None:
        await herd.begin()
        connects = sum(page.connects for page in herd.pages)
        await asyncio.to_thread(redis.kill)
        await asyncio.sleep(2)
        before = len(herd.answered)
        await asyncio.to_thread(redis.start)
        await until(lambda: len(herd.answered) > before + 20, "posts go through")
        await herd.end()
        # Nobody reconnects, and nothing is told again.
        assert sum(page.connects for page in herd.pages) == connects
        for page in herd.pages:
            assert herd.presence(page) == "c"

    try:
        asyncio.run(play())
    finally:
        redis.close()
    # What Redis had acknowledged and not handed on at that instant may be lost.
    assert herd.lost() <= 4
    assert (herd.twice(), herd.misplaced()) == (0, 0)
    assert herd.slowest < 10


@pytest.mark.failures
def test_server_that_stands_still_joins_again(
    redis: RedisServer, server: Servers, tmp_path: Path
) -> None:
    herd = Herd(server, redis.url, tmp_path, settings=[SHORT])

    async def play() -> None:
        await herd.begin()
        victim = herd.servers.pop(0)
        own = pages_of(herd, victim)
        victim.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(12)
        victim.process.send_signal(signal.SIGCONT)
        herd.servers.append(victim)
        await herd.end()
        for page in own:
            # Told gone by the others, which could not know, and come back.
            assert herd.presence(page) in ("c", "cdc"), herd.presence(page)

    asyncio.run(play())
    check(herd)


@pytest.mark.failures
def test_replica_takes_over(server: Servers, tmp_path: Path) -> None:
    ports = [free_port() for _ in range(3)]
    master = RedisServer("--port", str(ports[0]))
    replica = RedisServer(
        "--port", str(ports[1]), "--replicaof", "127.0.0.1", str(ports[0])
    )
    sentinel = start_sentinel(tmp_path, ports[2], ports[0])
    try:
        client = replica.client()
        await_condition(
            lambda: client.info("replication")["master_link_status"] == "up"
        )
        url = f"redis+sentinel://127.0.0.1:{ports[2]}/main"
        herd = Herd(server, url, tmp_path, pages=20, settings=[SHORT])

        async def play() -> None:
            await herd.begin()
            await asyncio.to_thread(master.kill)
            before = len(herd.answered)
            await until(
                lambda: client.info("replication")["role"] == "master",
                "the replica is the master",
            )
            await until(lambda: len(herd.answered) > before + 30, "posts go through")
            await herd.end()

        asyncio.run(play())
        assert (herd.twice(), herd.misplaced()) == (0, 0)
        assert herd.lost() <= 4
        for page in herd.pages:
            assert herd.presence(page) in ("c", "cc", "cdc")
    finally:
        sentinel.kill()
        sentinel.wait()
        replica.close()
        master.close()


def start_sentinel(folder: Path, port: int, master: int) -> subprocess.Popen[bytes]:
    """Start a Sentinel that watches one master, which it calls `main`."""
    file = folder / "sentinel.conf"
    file.write_text(
        f"port {port}\n"
        f"dir {folder}\n"
        f"sentinel monitor main 127.0.0.1 {master} 1\n"
        "sentinel down-after-milliseconds main 1000\n"
        "sentinel failover-timeout main 3000\n"
    )
    process = subprocess.Popen(
        ["redis-server", str(file), "--sentinel"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    import redis

    def answers() -> bool:
        try:
            return bool(redis.Redis(port=port).ping())
        except redis.RedisError:
            return False

    await_condition(answers)
    return process


# --- A server that is cut off from Redis ----------------------------------------------

_REDIS_SIDE = "10.213.77"
_PAGE_SIDE = "10.213.78"


class Network:
    """A network of a server's own, with one line to Redis and one to its pages."""

    def __init__(self) -> None:
        self.name = f"cs-{os.getpid()}"
        self._line = f"csr{os.getpid()}"
        self.prefix = ("ip", "netns", "exec", self.name)
        _run("ip", "netns", "add", self.name)
        _run(*self.prefix, "ip", "link", "set", "lo", "up")
        self._lay(self._line, _REDIS_SIDE)
        self._lay(f"csp{os.getpid()}", _PAGE_SIDE)

    def _lay(self, line: str, side: str) -> None:
        """Lay a line: .1 is here, .2 is there."""
        far = f"{line}x"
        _run("ip", "link", "add", line, "type", "veth", "peer", "name", far)
        _run("ip", "link", "set", far, "netns", self.name)
        _run("ip", "addr", "add", f"{side}.1/24", "dev", line)
        _run("ip", "link", "set", line, "up")
        _run(*self.prefix, "ip", "addr", "add", f"{side}.2/24", "dev", far)
        _run(*self.prefix, "ip", "link", "set", far, "up")

    def cut(self) -> None:
        """Take the line to Redis away."""
        _run("ip", "link", "set", self._line, "down")

    def mend(self) -> None:
        """Give it back."""
        _run("ip", "link", "set", self._line, "up")

    def close(self) -> None:
        """Take all away; its lines go with it."""
        subprocess.run(["ip", "netns", "del", self.name], check=False)


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"


def why_no_network() -> str:
    """Return why this machine gives tests no network; "" when it does."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return "needs root and the program ip"
    name = f"cs-try-{os.getpid()}"
    command = ["ip", "netns", "add", name]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        return "this system makes no network namespaces"
    subprocess.run(["ip", "netns", "del", name], check=False)
    return ""


@pytest.fixture
def network() -> Iterator[Network]:
    reason = why_no_network()
    if reason:
        pytest.skip(f"a server is not cut off here: {reason}")
    made = Network()
    yield made
    made.close()


@pytest.mark.failures
@pytest.mark.parametrize("seconds", [4, 14])
def test_server_that_is_cut_off(
    seconds: int, network: Network, server: Servers, tmp_path: Path
) -> None:
    port = free_port()
    redis = RedisServer(
        *("--port", str(port), "--bind", f"{_REDIS_SIDE}.1", "--protected-mode", "no")
    )
    url = f"redis://{_REDIS_SIDE}.1:{port}"
    herd = Herd(server, url, tmp_path, settings=[SHORT], servers=1)
    host = (f"--host={_PAGE_SIDE}.2", "--allow_dev_login", "--allowed_hosts=*")

    async def play() -> None:
        cut_off = await asyncio.to_thread(
            herd.start_server, *host, prefix=network.prefix
        )
        herd.servers.append(cut_off)
        await herd.begin()
        own = pages_of(herd, cut_off)
        connects = {page.client_id: page.connects for page in herd.pages}
        # A balancer takes it out while it says that it is not well.
        herd.servers.remove(cut_off)
        network.cut()
        await asyncio.sleep(seconds)
        network.mend()
        await asyncio.sleep(2)
        herd.servers.append(cut_off)
        await herd.end()
        moved = [page for page in own if page.connects > connects[page.client_id]]
        assert len(moved) == (0 if seconds < 6 else len(own))
        for page in herd.pages:
            assert herd.presence(page) == "c", herd.presence(page)

    try:
        asyncio.run(play())
    finally:
        redis.close()
    check(herd)
