"""os.environ inside a request: right in every thread that the request starts."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from channelshim.runtime import environment
from channelshim.runtime.environment import RequestScope
from tests.lanes import ROOT, timeout_factor

PATIENCE_SECONDS = 20.0 * timeout_factor()


@pytest.fixture
def scope() -> Iterator[RequestScope]:
    opened = RequestScope({"USER_EMAIL": "ann@example.com", "ONLY_HERE": "1"})
    yield opened
    opened.close()


def email() -> str | None:
    return os.environ.get("USER_EMAIL")


def in_child_thread() -> str | None:
    found: list[str | None] = []
    thread = threading.Thread(target=lambda: found.append(email()))
    thread.start()
    thread.join()
    return found[0]


def in_thread_subclass() -> str | None:
    class Asker(threading.Thread):
        found: str | None = None

        def run(self) -> None:
            self.found = email()

    thread = Asker()
    thread.start()
    thread.join()
    return thread.found


def in_timer() -> str | None:
    found: list[str | None] = []
    timer = threading.Timer(0, lambda: found.append(email()))
    timer.start()
    timer.join()
    return found[0]


def in_grandchild() -> str | None:
    found: list[str | None] = []
    thread = threading.Thread(target=lambda: found.append(in_child_thread()))
    thread.start()
    thread.join()
    return found[0]


def in_new_pool() -> str | None:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(email).result()


def in_pools_map() -> str | None:
    with ThreadPoolExecutor(2) as pool:
        (found,) = set(pool.map(lambda _: email(), range(8)))
        return found


def in_asyncio_task() -> str | None:
    async def ask() -> str | None:
        return await asyncio.create_task(task())

    async def task() -> str | None:
        await asyncio.sleep(0)
        return email()

    return asyncio.run(ask())


def in_asyncios_own_thread() -> str | None:
    async def ask() -> str | None:
        return await asyncio.to_thread(email)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "ask",
    [
        email,
        in_child_thread,
        in_thread_subclass,
        in_timer,
        in_grandchild,
        in_new_pool,
        in_pools_map,
        in_asyncio_task,
        in_asyncios_own_thread,
    ],
)
def test_the_user_is_right(scope: RequestScope, ask: Callable[[], str | None]) -> None:
    assert scope.run(ask) == "ann@example.com"
    assert ask() is None


def test_a_pool_that_was_there_before_serves_each_request_its_own() -> None:
    environment.install()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(email).result() is None
        for name in ("ann", "bob"):
            scope = RequestScope({"USER_EMAIL": name})
            assert scope.run(lambda: pool.submit(email).result()) == name
            scope.close()
        assert pool.submit(email).result() is None


def test_requests_at_the_same_time_do_not_see_each_other() -> None:
    both = threading.Barrier(2)
    found: dict[str, str | None] = {}

    def handle(name: str) -> None:
        os.environ["MARK"] = name
        both.wait(PATIENCE_SECONDS)
        found[name] = os.environ.get("MARK")
        both.wait(PATIENCE_SECONDS)

    environment.install()
    scopes = [RequestScope({}) for _ in range(2)]
    threads = [
        threading.Thread(target=scope.run, args=(handle, name))
        for scope, name in zip(scopes, ("ann", "bob"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"ann": "ann", "bob": "bob"}
    assert "MARK" not in os.environ


def test_what_a_request_sets_ends_with_it(scope: RequestScope) -> None:
    def handle() -> None:
        os.environ["ONLY_HERE"] = "2"
        del os.environ["USER_EMAIL"]
        assert "USER_EMAIL" not in os.environ
        assert os.environ.copy()["ONLY_HERE"] == "2"

    scope.run(handle)
    scope.run(lambda: os.environ["ONLY_HERE"])
    assert "ONLY_HERE" not in os.environ
    later = RequestScope({})
    assert later.run(email) is None
    later.close()


def test_outside_it_is_the_real_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = environment.install()
    assert environment.install() is environ is os.environ
    monkeypatch.setenv("OUTSIDE", "1")
    assert environ.outside["OUTSIDE"] == "1"
    scope = RequestScope({})
    assert scope.run(lambda: os.environ["OUTSIDE"]) == "1"
    scope.close()
    monkeypatch.delenv("OUTSIDE")
    assert "OUTSIDE" not in environ.outside


def test_it_is_a_mapping_in_every_way(scope: RequestScope) -> None:
    def look() -> None:
        environ: Any = os.environ
        assert len(environ) == len(list(environ)) == len(dict(environ))
        assert (environ | {"X": "1"})["X"] == "1"
        assert ({"ONLY_HERE": "0"} | environ)["ONLY_HERE"] == "1"
        environ |= {"Y": "1"}
        assert os.environ["Y"] == "1"
        assert "ONLY_HERE" in repr(environ)
        with pytest.raises(KeyError):
            environ["NOT_THERE"]
        with pytest.raises(TypeError):
            environ["NUMBER"] = 1

    scope.run(look)
    assert len(os.environ) == len(list(os.environ))


def test_is_in_request_says_so(scope: RequestScope) -> None:
    assert scope.run(environment.is_in_request)
    assert not environment.is_in_request()


def test_a_subprocess_of_a_request_finds_its_programs(scope: RequestScope) -> None:
    command = [sys.executable, "-c", "import os; print(os.environ['PATH'])"]

    def start() -> str:
        return subprocess.run(
            command, capture_output=True, text=True, check=True
        ).stdout

    assert scope.run(start).strip() == os.environ["PATH"]


def test_a_process_with_requests_in_threads_ends_cleanly() -> None:
    program = (
        "import os, threading\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from channelshim.runtime.environment import RequestScope\n"
        "scope = RequestScope({'USER_EMAIL': 'ann'})\n"
        "pool = ThreadPoolExecutor(2)\n"
        "ask = lambda: os.environ['USER_EMAIL']\n"
        "print(scope.run(lambda: pool.submit(ask).result()))\n"
        "scope.run(threading.Thread(target=ask).start)\n"
        "scope.close()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ann\n", "")
