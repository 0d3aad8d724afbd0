"""The worker threads: how the system treats them."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from channelshim.gateways.workers import Workers
from tests.lanes import timeout_factor

PATIENCE_SECONDS = 10.0 * timeout_factor()


@pytest.mark.skipif(sys.platform != "linux", reason="a policy of Linux")
def test_a_worker_that_is_woken_takes_the_processor_from_nobody() -> None:
    found: list[int] = []

    async def submit() -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def job() -> None:
            found.append(os.sched_getscheduler(0))
            loop.call_soon_threadsafe(done.set)

        assert Workers(1).submit(job)
        await asyncio.wait_for(done.wait(), PATIENCE_SECONDS)

    asyncio.run(submit())
    assert found == [os.SCHED_BATCH]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
