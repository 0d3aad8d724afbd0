"""A lock of the app's code: who holds it up is told, once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from channelshim.kernel import app_lock
from channelshim.kernel import deadlines as deadlines_module
from channelshim.kernel.app_lock import AppLock
from channelshim.kernel.deadlines import Deadlines
from tests.deadline_calls import call_within
from tests.lanes import timeout_factor

PATIENCE_SECONDS = 30.0 * timeout_factor()

WaitUntil = Callable[..., Any]


class Told(BaseException):
    pass


@contextmanager
def held(lock: AppLock, holder: str, deadline_seconds: float = 0.0) -> Iterator[None]:
    """Have another thread hold the lock."""
    has_it, ends = threading.Event(), threading.Event()

    def hold() -> None:
        with Deadlines(error=lambda: Told).limit(deadline_seconds):
            lock.acquire(holder)
            has_it.set()
            ends.wait(PATIENCE_SECONDS)
            lock.release()

    thread = threading.Thread(target=hold)
    thread.start()
    assert has_it.wait(PATIENCE_SECONDS)
    try:
        yield
    finally:
        ends.set()
        thread.join(PATIENCE_SECONDS)


def test_a_holder_that_nobody_waits_for_is_no_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app_lock, "HELD_SECONDS", 0.0)
    lock = AppLock(threading.Lock(), "one at a time")
    with held(lock, "GET /long"):
        assert lock.locked()
        assert lock.describe_fault() == ""
    assert not lock.locked()


def test_a_holder_that_others_wait_for_is_reported_once(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    wait_until: WaitUntil,
) -> None:
    monkeypatch.setattr(app_lock, "HELD_SECONDS", 0.01)
    lock = AppLock(threading.Lock(), "one at a time")
    done: list[int] = []

    def wait(number: int) -> None:
        lock.acquire(f"GET /{number}")
        done.append(number)
        lock.release()

    waiting = [threading.Thread(target=wait, args=(number,)) for number in range(3)]
    with caplog.at_level(logging.WARNING), held(lock, "GET /hang"):
        for thread in waiting:
            thread.start()
        wait_until(lambda: "GET /hang has run for" in lock.describe_fault())
        assert lock.describe_fault().endswith("until it ends: one at a time")
        assert done == []
    for thread in waiting:
        thread.join(PATIENCE_SECONDS)
    assert sorted(done) == [0, 1, 2]
    assert lock.describe_fault() == ""
    assert caplog.text.count("GET /hang has run for") == 1


def test_a_wait_that_ends_with_its_deadline_says_who_has_the_lock(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lock = AppLock(threading.Lock(), "one at a time")
    deadlines = Deadlines(error=lambda: Told)
    with caplog.at_level(logging.WARNING), held(lock, "GET /hang"):
        for _ in range(2):
            with pytest.raises(Told):
                call_within(deadlines.limit(0.01), lock.acquire, "GET /other")
        assert "GET /hang has run for" in lock.describe_fault()
    assert caplog.text.count("GET /hang has run for") == 1
    assert "/other" not in caplog.text


def test_nobody_waits_for_a_holder_that_is_overdue(
    monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil
) -> None:
    # A holder that hears of it might not give the lock back.
    monkeypatch.setattr(deadlines_module, "_is_in_app", lambda thread: False)
    monkeypatch.setattr(deadlines_module, "OVERDUE_SECONDS", 0.05)
    monkeypatch.setattr(app_lock, "HELD_SECONDS", 0.01)
    lock = AppLock(threading.Lock(), "one at a time")
    patient = Deadlines(error=lambda: Told)
    with held(lock, "GET /hang", 0.05):
        # The second one at once: its own deadline is as far away.
        for _ in range(2):
            with patient.limit(10 * PATIENCE_SECONDS), pytest.raises(Told):
                lock.acquire("GET /other")

        # Whoever has no deadline waits on.
        done = threading.Event()

        def wait() -> None:
            lock.acquire("a task")
            done.set()
            lock.release()

        thread = threading.Thread(target=wait)
        thread.start()
        wait_until(lambda: lock.describe_fault())
        assert not done.wait(0.05)
    thread.join(PATIENCE_SECONDS)
    assert done.is_set()


def test_a_lock_that_is_taken_again_keeps_its_first_holder(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lock = AppLock(threading.RLock(), "imported one at a time")
    deadlines = Deadlines(error=lambda: Told)
    lock.acquire("outer")
    lock.acquire("inner")
    lock.release()
    assert lock.locked()

    def wait() -> None:
        with pytest.raises(Told):
            call_within(deadlines.limit(0.01), lock.acquire, "other")

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    assert "outer has run for" in lock.describe_fault()
    lock.release()
    assert not lock.locked()
