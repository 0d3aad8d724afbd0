"""App processes that are killed and replaced while several servers share everything.

`--workers` with `--broker redis` and with `--store postgresql`, by real kills. Each
takes up to a minute and runs in the lane `failures`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.failures.herd import Herd, ask, until
from tests.redis_servers import RedisServer
from tests.servers import Server, Servers

pytestmark = [pytest.mark.redis, pytest.mark.failures]

SHORT = "--grace_seconds=1"
WORKERS = 2
KILLS = 8


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def store(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Return the flags of a store that the servers share."""
    if request.param == "sqlite":
        yield []
        return
    from tests.store.backends import give_back_schema, shared_server, take_schema

    schema = take_schema()
    yield [f"--store={shared_server().url()}", f"--store_schema={schema}"]
    give_back_schema(schema)


def app_processes(server: Server) -> list[int]:
    """Return the ids of a server's app processes that are alive."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == server.process.pid and fields[0] != "Z":
                found.append(int(folder.name))
    return found


def has_all(server: Server) -> bool:
    """Return whether as many run as are to."""
    return len(app_processes(server)) == WORKERS


def has_answered(herd: Herd, count: int) -> bool:
    """Return whether more posts than that are answered."""
    return len(herd.answered) > count


def has_rolled(server: Server) -> bool:
    """Return whether all of its processes were replaced."""
    return "all app processes run the app as it is now" in server.output


def check(herd: Herd) -> None:
    """Nothing that was answered is lost, nothing came twice or in another order."""
    assert (herd.lost(), herd.twice(), herd.misplaced()) == (0, 0, 0)
    assert sum(page.gaps for page in herd.pages) == 0
    for page in herd.pages:
        # Told by whichever process: once.
        assert herd.presence(page) == "c", herd.presence(page)


def make_herd(
    server: Servers, redis: RedisServer, folder: Path, store: list[str]
) -> Herd:
    settings = [SHORT, f"--workers={WORKERS}", *store]
    return Herd(server, redis.url, folder, pages=20, settings=settings)


def test_killed_app_processes_lose_nothing_that_was_answered(
    redis: RedisServer, store: list[str], server: Servers, tmp_path: Path
) -> None:
    herd = make_herd(server, redis, tmp_path, store)
    chosen = random.Random(5)
    names = []

    async def play() -> None:
        await herd.begin()
        connects = sum(page.connects for page in herd.pages)
        for kill in range(KILLS):
            for number in range(3):
                names.append(f"{kill}-{number}")
                await herd.add_task(names[-1])
            victim = herd.servers[kill % 2]
            await until(partial(has_all, victim), "both processes run")
            os.kill(chosen.choice(app_processes(victim)), signal.SIGKILL)
            more = partial(has_answered, herd, len(herd.answered) + 15)
            await until(more, "posts are answered")
        await until(lambda: set(herd.tasks()) == set(names), "each task has run")
        await herd.end()
        # The fronts have the pages, and live on.
        assert sum(page.connects for page in herd.pages) == connects

    asyncio.run(play())
    check(herd)
    again = sum(Counter(herd.tasks()).values()) - len(names)
    # One that was in the middle of it when its process ended.
    assert again <= KILLS
    for each in herd.servers:
        assert "was ended by SIGKILL" in each.output
        assert "Traceback" not in each.output


def test_hangup_of_all_servers_loses_no_request_and_runs_each_task_once(
    redis: RedisServer, store: list[str], server: Servers, tmp_path: Path
) -> None:
    herd = make_herd(server, redis, tmp_path, store)
    names = [f"task-{number}" for number in range(60)]

    async def add() -> None:
        for name in names:
            # Nobody is refused, and nobody asks twice.
            await ask(f"{herd.some_server().url}task?name={name}")
            await asyncio.sleep(0.02)

    async def play() -> None:
        await herd.begin()
        adding = asyncio.create_task(add())
        before = {each: set(app_processes(each)) for each in herd.servers}
        for each in herd.servers:
            each.process.send_signal(signal.SIGHUP)
        for each in herd.servers:
            await until(partial(has_rolled, each), "all were replaced")
        await adding
        await until(lambda: len(herd.tasks()) >= len(names), "each task has run")
        await herd.end()
        for each, processes in before.items():
            assert not processes & set(app_processes(each))

    asyncio.run(play())
    check(herd)
    assert Counter(herd.tasks()) == Counter(names)


def test_messages_are_refused_in_app_processes_while_redis_is_away(
    redis: RedisServer, server: Servers, tmp_path: Path
) -> None:
    herd = make_herd(server, redis, tmp_path, [])
    (first, *_) = herd.servers
    # 30 kB each, and the front keeps 64 MiB.
    body = urllib.parse.urlencode({"count": 2500}).encode("ascii")

    async def play() -> None:
        token = await ask(f"{first.url}token?id=many")
        assert token
        await asyncio.to_thread(redis.kill)
        answers: list[str] = []

        async def send() -> None:
            with contextlib.suppress(OSError, TimeoutError):
                answers.append(await ask(f"{first.url}many", body))

        for _ in range(4):
            await send()
            if answers and "too many messages" in answers[-1]:
                break
        assert "too many messages wait for Redis" in answers[-1], answers
        await asyncio.to_thread(redis.start)
        few = urllib.parse.urlencode({"count": 1}).encode("ascii")
        for _ in range(50):
            with contextlib.suppress(OSError, TimeoutError):
                answers.append(await ask(f"{first.url}many", few))
                if answers[-1] == "1 all":
                    break
            await asyncio.sleep(0.2)
        assert answers[-1] == "1 all"

    asyncio.run(play())
