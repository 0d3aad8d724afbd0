"""Threads that go on whatever their loop raises."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from channelshim.kernel import threads as threads_module
from channelshim.kernel.threads import Threads
from tests.lanes import timeout_factor

WaitUntil = Callable[..., Any]

PATIENCE_SECONDS = 10.0 * timeout_factor()

FAULTS: list[type[BaseException]] = [
    *(SystemExit, KeyboardInterrupt, GeneratorExit, BaseException, MemoryError),
    *(RecursionError, StopIteration, OSError, ValueError, asyncio.CancelledError),
]


@pytest.fixture
def threads() -> Threads:
    return Threads(first_pause_seconds=0.001, longest_pause_seconds=0.004)


@pytest.mark.parametrize("fault", FAULTS)
def test_loop_is_begun_anew_and_the_log_says_why(
    threads: Threads, caplog: pytest.LogCaptureFixture, fault: type[BaseException]
) -> None:
    calls: list[int] = []

    def loop() -> None:
        calls.append(1)
        if len(calls) < 4:
            raise fault

    kept = threads.start("worker", loop)
    kept.join(PATIENCE_SECONDS)
    assert (len(calls), kept.is_alive()) == (4, False)
    assert threads.restarts() == {"worker": 3}
    assert [record.exc_info is not None for record in caplog.records] == [True] * 3
    assert "the thread worker failed" in caplog.text


def test_loop_that_returns_is_over(threads: Threads) -> None:
    ended = threading.Event()
    kept = threads.start("short", ended.set)
    kept.join(PATIENCE_SECONDS)
    assert ended.is_set()
    assert (threads.restarts(), threads.running()) == ({}, {})


def test_running_threads_are_counted_by_name(threads: Threads) -> None:
    goes_on = threading.Event()

    def wait() -> None:
        goes_on.wait()

    kept = [threads.start("task", wait) for _ in "ab"]
    assert threads.running() == {"task": 2}
    goes_on.set()
    for each in kept:
        each.join(PATIENCE_SECONDS)
    threads.start("last", lambda: None).join(PATIENCE_SECONDS)
    assert "task" not in threads.running()


def test_hurry_cuts_the_pause() -> None:
    threads = Threads(first_pause_seconds=0.1, longest_pause_seconds=3600)
    calls: list[int] = []

    def loop() -> None:
        calls.append(1)
        if len(calls) < 12:
            raise ValueError

    kept = threads.start("stopping", loop)
    kept.hurry()
    # Eleven pauses that double are three minutes.
    kept.join(6 * PATIENCE_SECONDS)
    assert len(calls) == 12


def test_without_a_thread_nothing_is_counted(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError):
        threads.start("worker", lambda: None)
    assert threads.running() == {}


def test_failure_in_the_supervisor_itself_ends_no_thread(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    wait = threads_module.Kept._wait

    def fail(self: threads_module.Kept, seconds: float) -> None:
        wait(self, seconds)
        if len(calls) == 1:
            raise SystemExit

    monkeypatch.setattr(threads_module.Kept, "_wait", fail)

    def loop() -> None:
        calls.append(1)
        if len(calls) < 3:
            raise ValueError

    threads.start("worker", loop).join(PATIENCE_SECONDS)
    assert len(calls) == 3


def test_loop_runs_in_the_callers_thread_too(threads: Threads) -> None:
    calls: list[str] = []

    def loop() -> None:
        calls.append(threading.current_thread().name)
        if len(calls) < 3:
            raise SystemExit

    threads.run("loop", loop)
    assert calls == [threading.current_thread().name] * 3
    assert threads.restarts() == {"loop": 2}


def test_failure_that_is_long_over_is_no_problem(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def loop() -> None:
        calls.append(1)
        if len(calls) < 2:
            raise ValueError

    threads.start("worker", loop).join(PATIENCE_SECONDS)
    assert threads._describe_restarts().endswith("worker 1")
    later = time.monotonic() + threads_module.FAULT_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert threads._describe_restarts() == ""
    assert threads.restarts() == {"worker": 1}


@pytest.mark.parametrize("fault", FAULTS)
def test_task_is_begun_anew_whatever_it_raises(
    threads: Threads, caplog: pytest.LogCaptureFixture, fault: type[BaseException]
) -> None:
    calls: list[int] = []

    async def run() -> None:
        done = asyncio.Event()

        async def loop() -> None:
            calls.append(1)
            await asyncio.sleep(0)
            if len(calls) < 4:
                # A coroutine turns StopIteration into a RuntimeError.
                raise fault
            done.set()

        threads.start_task("sweep", loop)
        await asyncio.wait_for(done.wait(), PATIENCE_SECONDS)

    asyncio.run(run())
    assert len(calls) == 4
    assert threads.restarts() == {"sweep": 3}
    assert "the thread sweep failed" in caplog.text


def test_task_goes_on_when_somebody_else_cancels_it(threads: Threads) -> None:
    async def run() -> None:
        begun: asyncio.Queue[None] = asyncio.Queue()

        async def loop() -> None:
            begun.put_nowait(None)
            await asyncio.Event().wait()

        kept = threads.start_task("sweep", loop)
        for _ in range(3):
            await asyncio.wait_for(begun.get(), PATIENCE_SECONDS)
            kept._task.cancel()
        await asyncio.wait_for(begun.get(), PATIENCE_SECONDS)
        kept.cancel()
        await asyncio.wait_for(kept._task, PATIENCE_SECONDS)

    asyncio.run(run())
    assert threads.restarts() == {"sweep": 3}


def test_task_that_is_cancelled_in_its_pause_ends() -> None:
    threads = Threads(first_pause_seconds=3600, longest_pause_seconds=3600)

    async def run() -> None:
        async def loop() -> None:
            raise ValueError

        kept = threads.start_task("sweep", loop)
        await asyncio.sleep(0)
        kept.cancel()
        await asyncio.wait_for(kept._task, PATIENCE_SECONDS)

    asyncio.run(run())


def test_task_ends_with_its_event_loop(threads: Threads) -> None:
    async def loop() -> None:
        await asyncio.Event().wait()

    async def start() -> threads_module.KeptTask:
        kept = threads.start_task("sweep", loop)
        await asyncio.sleep(0)
        return kept

    events = asyncio.new_event_loop()
    kept = events.run_until_complete(start())
    # As when a loop is dropped with its tasks.
    kept._task.get_coro().close()
    kept.cancel()
    events.run_until_complete(asyncio.sleep(0))
    events.close()
    assert threads.restarts() == {}
