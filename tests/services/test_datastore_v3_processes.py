"""Several processes on a store, killed ones, full disks: nothing told done is lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from google.appengine.api import apiproxy_stub_map, datastore_errors
from google.appengine.ext import ndb

from channelshim.errors import StorageError
from channelshim.store.sqlite import database
from channelshim.store.sqlite.state import SqliteStore
from tests.lanes import timeout_factor
from tests.services import datastore_worker as worker
from tests.store.backends import (
    ENGINES,
    give_back_schema,
    shared_server,
    take_schema,
)

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-W", "ignore", "-m", "tests.services.datastore_worker"]

ROUNDS = 15
KILLS_FAST = 3
KILLS_SLOW = 200


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("APPLICATION_ID", "dev~app")
    monkeypatch.setattr(apiproxy_stub_map, "apiproxy", apiproxy_stub_map.apiproxy)
    ndb.tasklets._state.reset(None)


@pytest.fixture
def store(tmp_path):
    store = worker.open_store(tmp_path)
    yield store
    store.database.close()


@pytest.fixture(params=ENGINES)
def place(request, tmp_path):
    """Return where an engine's store is, as worker.open_store wants it."""
    if request.param == "sqlite":
        yield tmp_path
        return
    schema = take_schema()
    yield f"{shared_server().url()}#{schema}"
    give_back_schema(schema)


@pytest.fixture
def engine(place):
    store = worker.open_store(place)
    yield store
    store.close()


def start(*arguments):
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE
    )


@pytest.mark.served
def test_four_processes_increment_and_transfer_exactly(engine, place):
    ndb.put_multi([worker.Account(id=n, amount=100) for n in (1, 2, 3)])
    worker.Account(id=100, amount=0).put()
    children = [start("contend", place, ROUNDS, seed) for seed in range(4)]
    for child in children:
        child.communicate(timeout=300 * timeout_factor())
    assert [child.returncode for child in children] == [0] * 4
    assert worker.Account.get_by_id(100).amount == 4 * ROUNDS
    amounts = [worker.Account.get_by_id(n).amount for n in (1, 2, 3)]
    assert sum(amounts) == 300
    # The index of amounts says the same as the entities.
    found = worker.Account.query().order(worker.Account.amount)
    assert [each.amount for each in found] == sorted([*amounts, 4 * ROUNDS])


def test_writers_do_not_hold_up_readers(store):
    worker.Account(id=1, amount=7).put()
    with store.database.write() as connection:
        connection.execute("UPDATE entity SET version = version + 1")
        seen = []

        def read():
            worker.ndb.get_context().set_cache_policy(False)
            seen.append(worker.Account.get_by_id(1).amount)

        reader = threading.Thread(target=read)
        reader.start()
        reader.join(30 * timeout_factor())
        assert seen == [7]


def kill_and_check(place, kills):
    """Kill a writer at random moments; after each, look for all it had told."""
    chance = random.Random(kills)
    present, absent, pairs = set(), set(), set()
    number = 0
    for _ in range(kills):
        child = start("write", place, number)
        assert child.stdout.readline() == b"ready\n"
        # The moment of death is the point; a session with a server takes time.
        time.sleep(chance.uniform(0, 0.4 if "://" in str(place) else 0.05))
        child.kill()
        lines = child.stdout.read().decode().splitlines()
        child.wait()
        for line in lines:
            at = int(line[1:])
            number = max(number, at)
            if line[0] == "+":
                present.add(at)
            elif line[0] == "-":
                present.discard(at)
                absent.add(at)
            else:
                pairs.add(at)
        # The last operation, a put of the next or a delete of the one before, may have
        # been done without having been told.
        untold = {number - 1, number, number + 1}
        stored = check(place, present - untold, absent, pairs)
        present -= untold - stored
        number += 2
    return len(present) + len(absent) + len(pairs)


def check(place, present, absent, pairs):
    ndb.tasklets._state.reset(None)
    store = worker.open_store(place)
    try:
        stored = {key.id() for key in worker.Entry.query().fetch(keys_only=True)}
        assert present <= stored
        assert not absent & stored
        for number in pairs:
            assert f"left {number}" in stored
        lefts = {id[5:] for id in stored if str(id).startswith("left ")}
        rights = {id[6:] for id in stored if str(id).startswith("right ")}
        assert lefts == rights
        indexed = worker.Entry.query().order(worker.Entry.number).count()
        assert indexed == len(stored)
        if isinstance(store, SqliteStore):
            connection = store.database.connection()
            assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
        return stored
    finally:
        store.close()


@pytest.mark.served
def test_what_was_acknowledged_survives_a_few_kills(place):
    assert kill_and_check(place, KILLS_FAST) > 0


@pytest.mark.slow
def test_what_was_acknowledged_survives_two_hundred_kills(place):
    assert kill_and_check(place, KILLS_SLOW) > KILLS_SLOW


def test_full_disk_is_an_internal_error_and_corrupts_nothing(store):
    worker.Entry(id=1, number=1).put()
    connection = store.database.connection()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 3}")

    def fill():
        for number in range(2, 100):
            worker.Entry(id=number, number=number, body="x" * 10_000).put()

    with pytest.raises(datastore_errors.InternalError, match="the disk is full"):
        fill()
    connection.execute("PRAGMA max_page_count = 1073741823")
    stored = worker.Entry.query().order(worker.Entry.number).fetch()
    assert [each.number for each in stored] == list(range(1, len(stored) + 1))
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    worker.Entry(id=1000, number=1000).put()


@pytest.mark.served
def test_full_file_system_is_an_internal_error(tmp_path):
    """The same with the kernel refusing, by a limit on the size of files."""
    program = """
import resource, signal, sys
from tests.services import datastore_worker as worker
from google.appengine.api import datastore_errors
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
worker.open_store(sys.argv[1])
worker.Entry(id=1, number=1).put()
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, 1 << 19))
try:
    for number in range(2, 1000):
        worker.Entry(id=number, number=number, body="x" * 10_000).put()
except datastore_errors.InternalError as error:
    print(number, error)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    failed = int(done.stdout.split()[0])
    assert "refused" in done.stdout
    store = worker.open_store(tmp_path)
    stored = worker.Entry.query().order(worker.Entry.number).fetch()
    assert [each.number for each in stored] == list(range(1, failed))
    worker.Entry(id=failed, number=failed).put()
    store.database.close()


def test_file_that_turned_read_only_is_an_internal_error(store):
    worker.Entry(id=1, number=1).put()
    connection = store.database.connection()
    connection.execute("PRAGMA query_only = 1")
    with pytest.raises(datastore_errors.InternalError, match="read-only"):
        worker.Entry(id=2, number=2).put()
    assert worker.Entry.get_by_id(1).number == 1
    connection.execute("PRAGMA query_only = 0")
    worker.Entry(id=2, number=2).put()


def test_read_only_folder_is_told_at_the_start():
    """In a child that is nobody in particular: root may write everywhere."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        child = os.fork()
        if child == 0:
            try:
                if os.geteuid() == 0:
                    os.setuid(65534)
                SqliteStore(folder)
            except StorageError as error:
                os._exit(
                    0 if "cannot be written: Permission denied" in str(error) else 2
                )
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert not any(folder.iterdir())
        folder.chmod(0o700)


def test_busy_store_is_a_timeout(store, monkeypatch, tmp_path):

    monkeypatch.setattr(database, "STORE_BUSY_SECONDS", 0.01)
    ndb.tasklets._state.reset(None)
    second = worker.open_store(tmp_path)
    with store.database.write(), pytest.raises(datastore_errors.Timeout):
        worker.Entry(id=1, number=1).put()
    second.database.close()
