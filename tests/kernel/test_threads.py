"""Threads that go on whatever their loop raises."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from channelshim.kernel.threads import Threads

WaitUntil = Callable[..., Any]

FAULTS: list[type[BaseException]] = [
    *(SystemExit, KeyboardInterrupt, GeneratorExit, BaseException, MemoryError),
    *(RecursionError, StopIteration, OSError, ValueError),
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
    kept.join(10)
    assert (len(calls), kept.is_alive()) == (4, False)
    assert threads.restarts() == {"worker": 3}
    assert [record.exc_info is not None for record in caplog.records] == [True] * 3
    assert "the thread worker failed" in caplog.text


def test_loop_that_returns_is_over(threads: Threads) -> None:
    ended = threading.Event()
    kept = threads.start("short", ended.set)
    kept.join(10)
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
        each.join(10)
    threads.start("last", lambda: None).join(10)
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
    kept.join(60)
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
