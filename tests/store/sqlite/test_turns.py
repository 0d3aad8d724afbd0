"""Threads take turns at writing: one at a time, with a bound, nobody starved."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from channelshim.errors import StoreBusy
from channelshim.store.sqlite import database
from channelshim.store.sqlite.database import Database
from channelshim.store.sqlite.turns import Turns
from tests.lanes import timeout_factor

WaitUntil = Callable[..., Any]

PATIENCE = 60.0 * timeout_factor()


def test_turn_is_one_threads_alone() -> None:
    turns = Turns(patience_seconds=0.001)
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        chance = random.Random(number)
        for _ in range(200):
            if not turns.take(chance.choice([0.0, 0.0005, PATIENCE])):
                continue
            inside.append(number)
            most.append(len(inside))
            if chance.random() < 0.2:
                time.sleep(chance.random() / 500)
            inside.remove(number)
            turns.give_back()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert set(most) == {1}
    # Nobody has left it taken, nor waits for it.
    assert turns.take(0.0)


def test_turn_that_does_not_come_is_given_up() -> None:
    turns = Turns()
    assert turns.take(0.0)
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(turns.take(0.01)))
    thread.start()
    thread.join(PATIENCE)
    assert answers == [False]
    turns.give_back()
    assert turns.take(0.0)


def test_turn_of_another_thread_is_not_given_back() -> None:
    turns = Turns()
    assert turns.take(0.0)
    thread = threading.Thread(target=turns.give_back)
    thread.start()
    thread.join(PATIENCE)
    other = threading.Thread(target=lambda: results.append(turns.take(0.0)))
    results: list[bool] = []
    other.start()
    other.join(PATIENCE)
    assert results == [False]


def test_threads_that_have_waited_come_in_their_order(wait_until: WaitUntil) -> None:
    turns = Turns(patience_seconds=0.0)
    assert turns.take(0.0)
    order: list[int] = []

    def wait(number: int) -> None:
        assert turns.take(PATIENCE)
        order.append(number)
        turns.give_back()

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        wait_until(lambda count=number + 1: len(turns._waiting) == count)
    turns.give_back()
    # One that has just come does not overtake them.
    assert turns.take(PATIENCE)
    turns.give_back()
    for thread in threads:
        thread.join(PATIENCE)
    assert order == [0, 1, 2, 3, 4]


def test_writers_wait_for_the_same_bound_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "STORE_BUSY_SECONDS", 0.5)
    own, other = Database(tmp_path), Database(tmp_path)
    waited: list[float] = []
    together = threading.Barrier(8 + 1)

    def write() -> None:
        together.wait(PATIENCE)
        begun = time.monotonic()
        with pytest.raises(StoreBusy, match="busy for too long"), own.write():
            pass
        waited.append(time.monotonic() - begun)

    threads = [threading.Thread(target=write) for _ in range(8)]
    with other.write():
        for thread in threads:
            thread.start()
        together.wait(PATIENCE)
        begun = time.monotonic()
        for thread in threads:
            thread.join(PATIENCE)
        all_waited = time.monotonic() - begun
    assert len(waited) == 8
    # One after the other they would take as long as all waits together.
    assert all_waited < sum(waited) / 2
    with own.write():
        pass
    own.close()
    other.close()


def test_patience_with_other_processes_comes_back(tmp_path: Path) -> None:
    store = Database(tmp_path)
    connection = store.connection()
    usual = connection.execute("PRAGMA busy_timeout").fetchone()
    assert usual == (round(database.STORE_BUSY_SECONDS * 1000),)
    free = threading.Event()
    begun = threading.Event()

    def write() -> None:
        with store.write():
            begun.set()
            free.wait(PATIENCE)

    thread = threading.Thread(target=write)
    thread.start()
    assert begun.wait(PATIENCE)
    timer = threading.Timer(0.2, free.set)
    timer.start()
    with store.write():
        short = connection.execute("PRAGMA busy_timeout").fetchone()
    assert 0 <= short[0] < usual[0]
    assert connection.execute("PRAGMA busy_timeout").fetchone() == usual
    thread.join(PATIENCE)
    store.close()
