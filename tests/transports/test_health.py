"""What load balancers hear: 200 or 503, whatever the checks do."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Mapping

import pytest

from channelshim.kernel.threads import Threads
from channelshim.transports import health as health_module
from channelshim.transports.health import Health
from tests.lanes import timeout_factor

PATIENCE_SECONDS = 10.0 * timeout_factor()


def asked(
    problems: Callable[[], Mapping[str, str]],
    start_thread: Callable[[str, Callable[[], None]], object] | None = None,
    times: int = 1,
) -> list[int]:
    """Return the statuses that probes get at once."""

    async def run() -> list[int]:
        health = Health(problems, start_thread or Threads().start)
        replies = await asyncio.gather(*(health.reply() for _ in range(times)))
        assert all(reply.body == b"" for reply in replies)
        return [int(reply.status) for reply in replies]

    return asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))


@pytest.mark.parametrize(("problems", "status"), [({}, 200), ({"store": "gone"}, 503)])
def test_vital_problem_is_a_503(problems: dict[str, str], status: int) -> None:
    assert asked(lambda: problems) == [status]


def test_many_probes_ask_the_checks_once() -> None:
    calls: list[None] = []

    def problems() -> dict[str, str]:
        calls.append(None)
        return {}

    assert asked(problems, times=100) == [200] * 100
    assert len(calls) == 1


def test_checks_are_asked_again_when_the_answer_is_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health_module, "FRESH_SECONDS", 0.0)
    found: list[dict[str, str]] = [{}, {"store": "gone"}, {}]

    async def run() -> list[int]:
        health = Health(lambda: found.pop(0), Threads().start)
        return [int((await health.reply()).status) for _ in range(3)]

    assert asyncio.run(run()) == [200, 503, 200]


def test_checks_that_hang_are_a_503_and_hold_one_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health_module, "PATIENCE_SECONDS", 0.05)
    may_end = threading.Event()
    calls: list[None] = []

    def problems() -> dict[str, str]:
        calls.append(None)
        assert may_end.wait(PATIENCE_SECONDS)
        return {}

    async def run() -> None:
        health = Health(problems, Threads().start)
        for _ in range(3):
            assert (await health.reply()).status == 503
        assert len(calls) == 1
        may_end.set()
        while (await health.reply()).status != 200:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))


def test_nothing_is_left_of_a_probe_that_has_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health_module, "PATIENCE_SECONDS", 0.001)
    may_end = threading.Event()

    def problems() -> dict[str, str]:
        assert may_end.wait(PATIENCE_SECONDS)
        return {}

    def futures_left() -> int:
        gc.collect()
        loop = asyncio.get_running_loop()
        kinds = (asyncio.Future, asyncio.Task)
        found = [each for each in gc.get_objects() if type(each) in kinds]
        return sum(each.get_loop() is loop for each in found)

    async def run() -> None:
        health = Health(problems, Threads().start)
        assert (await health.reply()).status == 503
        before = futures_left()
        for _ in range(100):
            assert (await health.reply()).status == 503
        # And of those that wait and leave.
        monkeypatch.setattr(health_module, "PATIENCE_SECONDS", 3600.0)
        probes = [asyncio.ensure_future(health.reply()) for _ in range(100)]
        await asyncio.sleep(0)
        for probe in probes:
            probe.cancel()
        await asyncio.wait(probes)
        del probe, probes
        assert futures_left() <= before + 2
        may_end.set()

    asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))


def test_no_thread_to_ask_with_is_a_503() -> None:
    def start(name: str, loop: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    assert asked(dict, start) == [503]
