"""The worker threads: how the system treats them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from channelshim.kernel.threads import Kept, Threads
from channelshim.server import workers as workers_module
from channelshim.server.workers import Workers
from tests.lanes import timeout_factor

PATIENCE_SECONDS = 10.0 * timeout_factor()


class Jobs:
    """Jobs that end when they are let go, and what is known of them."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.loop = asyncio.get_running_loop()
        self.let_go = threading.Event()

    def begin(self) -> asyncio.Future[int]:
        """Submit a job; return what becomes its thread's number once it runs."""
        begun: asyncio.Future[int] = self.loop.create_future()

        def job() -> None:
            number = threading.get_native_id()
            self.loop.call_soon_threadsafe(begun.set_result, number)
            assert self.let_go.wait(PATIENCE_SECONDS)

        assert self.workers.submit(job)
        return begun


def test_a_job_that_waits_holds_up_no_other() -> None:
    async def run() -> None:
        jobs = Jobs(Workers(3))
        begun = [jobs.begin() for _ in range(3)]
        threads = await asyncio.wait_for(asyncio.gather(*begun), PATIENCE_SECONDS)
        assert len(set(threads)) == 3
        jobs.let_go.set()

    asyncio.run(run())


def test_a_job_that_computes_holds_up_another_for_a_moment_only() -> None:
    is_stopped = threading.Event()

    def compute() -> None:
        while not is_stopped.is_set():
            sum(range(1000))

    async def run() -> None:
        workers = Workers(3)
        assert workers.submit(compute)
        jobs = Jobs(workers)
        try:
            await asyncio.wait_for(jobs.begin(), PATIENCE_SECONDS)
        finally:
            is_stopped.set()
            jobs.let_go.set()

    asyncio.run(run())


def test_too_many_that_wait_are_refused() -> None:
    async def run() -> None:
        jobs = Jobs(Workers(1, maximum_waiting=2))
        await asyncio.wait_for(jobs.begin(), PATIENCE_SECONDS)
        assert [jobs.workers.submit(lambda: None) for _ in range(3)] == [
            True,
            True,
            False,
        ]
        jobs.let_go.set()

    asyncio.run(run())


POLICIES = """
import asyncio, os, sys, threading
from channelshim.server.workers import Workers

async def main():
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    workers, loop = Workers(1), asyncio.get_running_loop()
    for _ in range(3):
        done = loop.create_future()
        def job(done=done):
            loop.call_soon_threadsafe(done.set_result, os.sched_getscheduler(0))
        assert workers.submit(job)
        print(await done == os.SCHED_IDLE)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a policy of Linux")
def test_a_policy_that_the_process_was_given_stays() -> None:
    done = subprocess.run(
        [sys.executable, "-c", POLICIES],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.stdout.split() == ["True"] * 3


@pytest.mark.skipif(sys.platform != "linux", reason="a policy of Linux")
def test_a_worker_that_is_woken_takes_the_processor_from_nobody() -> None:
    found: list[int] = []

    async def run() -> None:
        workers = Workers(1)
        loop = asyncio.get_running_loop()
        for _ in range(2):
            done = asyncio.Event()
            threads: list[int] = []

            def job(done: asyncio.Event = done, threads: list[int] = threads) -> None:
                threads.append(threading.get_native_id())
                found.append(os.sched_getscheduler(0))
                loop.call_soon_threadsafe(done.set)

            assert workers.submit(job)
            await asyncio.wait_for(done.wait(), PATIENCE_SECONDS)
            deadline = loop.time() + PATIENCE_SECONDS
            while os.sched_getscheduler(threads[0]) != os.SCHED_BATCH:
                assert loop.time() < deadline, "it does not rest"
                await asyncio.sleep(0)

    asyncio.run(run())
    # At work, the second time after a rest, it is like any other.
    assert found == [os.SCHED_OTHER, os.SCHED_OTHER]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


FAULTS: list[type[BaseException]] = [
    *(SystemExit, KeyboardInterrupt, GeneratorExit, BaseException, ValueError),
]


async def run_jobs(workers: Workers, count: int) -> None:
    """Run some jobs, one after the other, and so many at once."""
    for _ in range(count):
        jobs = Jobs(workers)
        begun = [jobs.begin() for _ in range(count)]
        await asyncio.wait_for(asyncio.gather(*begun), PATIENCE_SECONDS)
        jobs.let_go.set()


@pytest.mark.parametrize("fault", FAULTS)
def test_no_job_costs_a_worker(
    fault: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise fault

    async def run() -> None:
        threads = Threads()
        workers = Workers(3, threads=threads)
        for _ in range(9):
            assert workers.submit(fail)
        await run_jobs(workers, 3)
        assert threads.restarts() == {}
        assert threads.running() == {f"worker-{number}": 1 for number in (1, 2, 3)}

    asyncio.run(run())
    assert caplog.text.count("a worker's job failed") == 9


@pytest.mark.parametrize("fault", FAULTS)
def test_worker_that_fails_by_itself_is_begun_anew(
    monkeypatch: pytest.MonkeyPatch, fault: type[BaseException]
) -> None:
    rest = workers_module._rest
    left = iter(range(6))
    own: set[int] = set()

    class NotedThreads(Threads):
        def start(self, name: str, loop: Callable[[], None]) -> Kept:
            def noted() -> None:
                own.add(threading.get_ident())
                loop()

            return super().start(name, noted)

    def fail(alarm: threading.Lock) -> None:
        # Threads of earlier tests come here late, on a busy machine.
        is_own = threading.get_ident() in own
        number = next(left, None) if is_own else None
        if number is None or number % 2:
            # Woken, and only then it fails.
            rest(alarm)
        if number is not None:
            raise fault

    monkeypatch.setattr(workers_module, "_rest", fail)

    async def run() -> None:
        threads = NotedThreads(first_pause_seconds=0.001, longest_pause_seconds=0.01)
        workers = Workers(3, threads=threads)

        async def until_all_have_failed() -> None:
            while sum(threads.restarts().values()) < 6:
                await run_jobs(workers, 3)
                await asyncio.sleep(0.001)

        await asyncio.wait_for(until_all_have_failed(), PATIENCE_SECONDS)
        await run_jobs(workers, 3)
        assert sum(threads.running().values()) == 3

    asyncio.run(run())


def test_request_waits_until_the_system_has_a_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers_module, "THREAD_RETRY_SECONDS", 0.001)
    start = Threads.start
    left = iter(range(3))

    def refuse(self: Threads, name: str, loop: Callable[[], None]) -> Kept:
        for _ in left:
            raise RuntimeError("can't start new thread")
        return start(self, name, loop)

    monkeypatch.setattr(Threads, "start", refuse)
    asyncio.run(run_jobs(Workers(3), 3))
