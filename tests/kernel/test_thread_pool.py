"""Calls in threads that are kept running."""

from __future__ import annotations

import threading

import pytest

from channelshim.kernel.thread_pool import ThreadPool
from channelshim.kernel.threads import Threads
from tests.lanes import timeout_factor

PATIENCE_SECONDS = 10.0 * timeout_factor()


def test_result_and_error_reach_whoever_waits() -> None:
    pool = ThreadPool(Threads(), "pool")
    assert pool.submit(divmod, 7, 2).result(PATIENCE_SECONDS) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 7, 0).result(PATIENCE_SECONDS)
    with pytest.raises(SystemExit):
        pool.submit(exit_now).result(PATIENCE_SECONDS)
    # None of them has ended the thread.
    assert pool.submit(len, "abc").result(PATIENCE_SECONDS) == 3


def exit_now() -> None:
    raise SystemExit


def test_idle_thread_is_used_again() -> None:
    threads = Threads()
    pool = ThreadPool(threads, "pool")
    names = set()
    for _ in range(20):
        names.add(pool.submit(threading.get_ident).result(PATIENCE_SECONDS))
    # One more may start before the first has come to rest.
    assert len(names) <= threads.running()["pool"] <= 20
    assert threads.restarts() == {}


def test_calls_wait_while_all_threads_are_busy() -> None:
    threads = Threads()
    pool = ThreadPool(threads, "pool", 2)
    may_end = threading.Event()
    held = [pool.submit(may_end.wait, PATIENCE_SECONDS) for _ in range(2)]
    later = [pool.submit(len, "x" * number) for number in range(50)]
    assert not any(each.done() for each in later)
    may_end.set()
    assert all(each.result(PATIENCE_SECONDS) for each in held)
    assert [each.result(PATIENCE_SECONDS) for each in later] == list(range(50))
    assert threads.running() == {"pool": 2}


def test_call_that_was_cancelled_is_not_made() -> None:
    pool = ThreadPool(Threads(), "pool", 1)
    may_end = threading.Event()
    made: list[int] = []
    pool.submit(may_end.wait, PATIENCE_SECONDS)
    cancelled = pool.submit(made.append, 1)
    assert cancelled.cancel()
    may_end.set()
    pool.submit(made.append, 2).result(PATIENCE_SECONDS)
    assert made == [2]


def test_without_any_thread_the_caller_hears_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = Threads()
    pool = ThreadPool(threads, "pool")
    calls: list[str] = []

    def refuse(name: str, loop: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threads, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            pool.submit(calls.append, "refused")
    # What was refused waits for no thread.
    pool.submit(calls.append, "taken").result(PATIENCE_SECONDS)
    assert calls == ["taken"]
    held = threading.Event()
    first = pool.submit(held.wait, PATIENCE_SECONDS)
    with monkeypatch.context() as patched:
        patched.setattr(threads, "start", refuse)
        # Those that there are will do.
        second = pool.submit(len, "ab")
    held.set()
    assert first.result(PATIENCE_SECONDS)
    assert second.result(PATIENCE_SECONDS) == 2


def test_a_call_that_hangs_holds_up_no_other_after_a_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = Threads()
    pool = ThreadPool(threads, "pool", 2)

    def refuse(name: str, loop: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threads, "start", refuse)
        with pytest.raises(RuntimeError):
            pool.submit(len, "never")
    may_end = threading.Event()
    assert pool.submit(len, "abc").result(PATIENCE_SECONDS) == 3
    held = pool.submit(may_end.wait, PATIENCE_SECONDS)
    assert pool.submit(len, "ab").result(PATIENCE_SECONDS) == 2
    may_end.set()
    assert held.result(PATIENCE_SECONDS)
