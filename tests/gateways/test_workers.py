"""The worker threads: how the system treats them."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest

from channelshim.gateways.workers import Workers
from tests.lanes import timeout_factor

PATIENCE_SECONDS = 10.0 * timeout_factor()


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
