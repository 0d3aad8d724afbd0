"""Crashes of the server under writers: what it acknowledged is kept, all goes on."""

from __future__ import annotations

import random
import threading
import time
from contextlib import ExitStack

import pytest

from channelshim.contracts.tasks import Added, Task
from channelshim.errors import StorageError
from channelshim.store.postgres.place import Place
from channelshim.store.postgres.state import PostgresStore
from tests.postgres_server import ROLE, PostgresServer
from tests.store.json_entities import key, put, values_of

CRASHES_FAST = 3
CRASHES_SLOW = 60
WRITERS = 3
TASK_EVERY = 5


class Writer(threading.Thread):
    """Puts entities, and tasks with some of them; notes what is acknowledged."""

    def __init__(self, store, number):
        super().__init__()
        self._store = store
        self._number = number
        self._is_over = threading.Event()
        self.puts, self.tasks = set(), set()
        self.refusals = 0

    def run(self):
        number = 0
        while not self._is_over.is_set():
            number += 1
            name = f"{self._number}-{number}"
            tasks = []
            if number % TASK_EVERY == 0:
                tasks = [Task("q", name, 1.0, "POST", "/")]
            try:
                write = put(key("A", name), n=[str(number)])
                applied = self._store.entities.apply([write], None, tasks)
            except StorageError:
                self.refusals += 1
                continue
            self.puts.add(name)
            if tasks:
                assert applied.added == [Added.DONE]
                self.tasks.add(name)

    def end(self):
        self._is_over.set()
        self.join()


def missing(store, writers):
    """Return what was acknowledged and is not there."""
    names = sorted(name for writer in writers for name in writer.puts)
    found = store.entities.get_many([key("A", name) for name in names])
    lost = {name for name, row in zip(names, found, strict=True) if row is None}
    with store.database.once() as connection:
        rows = connection.rows("SELECT name FROM task")
        (rows_of_index,) = connection.row("SELECT count(*) FROM index_row")
        (entities,) = connection.row("SELECT count(*) FROM entity")
    # Each has one property; an index row without its entity would be a torn commit.
    assert rows_of_index == entities >= len(names)
    waiting = {name.decode() for (name,) in rows}
    return lost | {name for each in writers for name in each.tasks - waiting}


def go_on_through(place, disturb, times, wait_until):
    """Write, disturb the server again and again; all that was acknowledged is there."""
    chance = random.Random(times)
    store = PostgresStore(place, values_of)
    writers = [Writer(store, number) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        for number in range(times):
            before = [len(writer.puts) for writer in writers]
            wait_until(
                lambda old=before: all(
                    len(each.puts) > count + 3
                    for each, count in zip(writers, old, strict=True)
                ),
                60,
            )
            time.sleep(chance.uniform(0, 0.05))  # the moment of the crash is the point
            disturb(number)
        before = [len(writer.puts) for writer in writers]
        wait_until(
            lambda: all(
                len(each.puts) > count
                for each, count in zip(writers, before, strict=True)
            ),
            60,
        )
    finally:
        for writer in writers:
            writer.end()
    assert missing(store, writers) == set()
    store.close()
    return writers


def crash(server, number):
    """Crash a server and start it again."""
    server.stop("immediate")
    server.start()


@pytest.fixture
def durable():
    """Return a server of this test's own that keeps what it acknowledges."""
    server = PostgresServer(is_fast=False)
    yield server
    server.remove()


def test_few_crashes_lose_nothing_that_was_acknowledged(durable, wait_until):
    place = Place(durable.url(), "crashes")
    go_on_through(
        place, lambda number: crash(durable, number), CRASHES_FAST, wait_until
    )


@pytest.mark.slow
def test_sixty_crashes_lose_nothing_that_was_acknowledged(durable, wait_until):
    place = Place(durable.url(), "crashes")
    writers = go_on_through(
        place, lambda number: crash(durable, number), CRASHES_SLOW, wait_until
    )
    assert sum(len(writer.puts) for writer in writers) > CRASHES_SLOW


@pytest.mark.slow
def test_promoted_standby_has_all_that_was_acknowledged(durable, wait_until):
    durable.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
    with ExitStack() as stack:
        standby = PostgresServer(is_fast=False, copied_from=durable)
        stack.callback(standby.remove)
        durable.sql("SELECT pg_reload_conf()")
        wait_until(
            lambda: durable.sql("SELECT sync_state FROM pg_stat_replication") == "sync",
            30,
        )
        url = f"postgresql://{ROLE}@/postgres?host={durable.folder},{standby.folder}"

        def fail_over(number):
            durable.stop("immediate")
            # It waits for nobody itself.
            standby.promote()
            standby.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
            standby.sql("SELECT pg_reload_conf()")

        writers = go_on_through(Place(url, "crashes"), fail_over, 1, wait_until)
        assert all(writer.puts for writer in writers)
