"""Calls onto the loop from other threads: all are made, in order, none twice."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from functools import partial

import pytest
import uvloop

from channelshim.kernel.wakeups import Wakeups
from tests.lanes import timeout_factor

PATIENCE_SECONDS = 10.0 * timeout_factor()

Runner = Callable[..., None]


@pytest.fixture(params=["uvloop", "asyncio"])
def run_async(request: pytest.FixtureRequest) -> Runner:
    runners: dict[str, Runner] = {"uvloop": uvloop.run, "asyncio": asyncio.run}
    return runners[request.param]


def test_calls_of_threads_are_made_once_and_each_threads_in_order(
    run_async: Runner,
) -> None:
    count = 2000
    made: list[tuple[str, int]] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        wakeups = Wakeups(loop)
        is_done = asyncio.Event()

        def note(name: str, number: int) -> None:
            made.append((name, number))
            if len(made) == 4 * count:
                is_done.set()

        def send(name: str) -> None:
            for number in range(count):
                wakeups.call(partial(note, name, number))

        threads = [threading.Thread(target=send, args=(name,)) for name in "wxyz"]
        for thread in threads:
            thread.start()
        await asyncio.wait_for(is_done.wait(), PATIENCE_SECONDS)
        for thread in threads:
            thread.join()
        wakeups.close()

    run_async(run())
    for name in "wxyz":
        assert [number for by, number in made if by == name] == list(range(count))


def test_a_call_that_fails_is_logged_and_holds_up_no_other(
    run_async: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ValueError("a bug")

    async def run() -> None:
        wakeups = Wakeups(asyncio.get_running_loop())
        is_done = asyncio.Event()
        wakeups.call(fail)
        wakeups.call(is_done.set)
        await asyncio.wait_for(is_done.wait(), PATIENCE_SECONDS)
        wakeups.close()

    with caplog.at_level(logging.ERROR, "channelshim.kernel"):
        run_async(run())
    assert "a call from another thread failed" in caplog.text


def test_what_is_left_at_the_close_is_called_and_later_calls_are_too(
    run_async: Runner,
) -> None:
    made: list[int] = []
    kept: list[Wakeups] = []

    async def run() -> None:
        wakeups = Wakeups(asyncio.get_running_loop())
        kept.append(wakeups)
        wakeups.call(lambda: made.append(1))
        wakeups.close()
        assert made == [1]
        is_done = asyncio.Event()
        wakeups.call(is_done.set)
        await asyncio.wait_for(is_done.wait(), PATIENCE_SECONDS)

    run_async(run())
    with pytest.raises(RuntimeError):
        kept[0].call(lambda: made.append(2))


def test_no_call_is_lost_while_it_is_closed(run_async: Runner) -> None:
    made: list[int] = []
    count = 20_000

    async def run() -> None:
        loop = asyncio.get_running_loop()
        wakeups = Wakeups(loop)
        is_begun, is_done = asyncio.Event(), asyncio.Event()

        def send() -> None:
            for number in range(count):
                wakeups.call(partial(made.append, number))
                if number == 100:
                    loop.call_soon_threadsafe(is_begun.set)
            wakeups.call(is_done.set)

        thread = threading.Thread(target=send)
        thread.start()
        await asyncio.wait_for(is_begun.wait(), PATIENCE_SECONDS)
        wakeups.close()
        await asyncio.wait_for(is_done.wait(), PATIENCE_SECONDS)
        thread.join()

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        run_async(run())
    finally:
        sys.setswitchinterval(usual)
    assert made == list(range(count))
