"""Several servers on one store: tasks, rates, cron jobs, names."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter

import psycopg
import pytest

from channelshim.contracts import tasks as contract
from channelshim.contracts.tasks import QueueRule, Task
from channelshim.errors import StorageError
from channelshim.store.postgres import identity, session
from channelshim.store.postgres import tasks as postgres_tasks
from channelshim.store.postgres.identity import Identity
from tests.lanes import ROOT, timeout_factor

PROCESSES = 4
TASKS = 400

TAKE = """
import sys
from tests.store.backends import open_postgres_url
store = open_postgres_url(sys.argv[1], sys.argv[2], server=sys.argv[3])
while taken := store.tasks.take(sys.argv[3], 100.0, limit=3, lease_seconds=600.0):
    for task in taken:
        print(task.name, flush=True)
        store.tasks.finish(task, 100.0)
"""


def named(name, queue="q", eta=10.0):
    return Task(queue, name, eta, "POST", "/")


def take(store, worker, limit=1, **options):
    found = store.tasks.take(worker, 100.0, limit=limit, lease_seconds=600.0, **options)
    return [task.name for task in found]


def test_four_processes_take_each_task_once(server, schema, open_store):
    store = open_store()
    names = [f"task-{number}" for number in range(TASKS)]
    store.tasks.add([named(name) for name in names], 1.0)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", TAKE, server.url(), schema, f"worker-{number}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    taken = Counter()
    for child in children:
        printed, _ = child.communicate(timeout=120 * timeout_factor())
        assert child.returncode == 0
        taken.update(printed.split())
    assert taken == Counter(names)
    assert store.tasks.statistics("q", 100.0).tasks == 0


def test_rate_holds_over_all_servers(open_store):
    rule = [QueueRule("q", 0.001, 3, None)]
    one, two = open_store(server="one"), open_store(server="two")
    one.tasks.add([named(f"t{number}") for number in range(6)], 1.0)
    assert one.tasks.waits(rule, 100.0) == {"q": 0.0}
    assert len(take(one, "one", rules=rule)) == 1
    assert len(take(two, "two", limit=5, rules=rule)) == 2
    for store, worker in ((one, "one"), (two, "two")):
        assert take(store, worker, rules=rule) == []
        assert 500 < store.tasks.waits(rule, 100.0)["q"] <= 1000
    # A queue without a bound is not held up.
    assert len(take(two, "two", limit=9)) == 3


def test_paused_queue_starts_nothing(open_store):
    store = open_store()
    store.tasks.add([named("t")], 1.0)
    paused = [QueueRule("q", 0, 0, None)]
    assert take(store, "w", rules=paused) == []
    assert store.tasks.waits(paused, 100.0)["q"] > 0


def test_tasks_that_run_at_once_are_counted_over_all_servers(open_store):
    rule = [QueueRule("q", None, 5, 2)]
    one, two = open_store(server="one"), open_store(server="two")
    one.tasks.add([named(f"t{number}") for number in range(4)], 1.0)
    (running,) = one.tasks.take("one", 100.0, limit=1, lease_seconds=60.0, rules=rule)
    assert len(take(two, "two", limit=5, rules=rule)) == 1
    assert take(one, "one", rules=rule) == []
    assert one.tasks.waits(rule, 100.0)["q"] > 0
    one.tasks.finish(running, 100.0)
    assert two.tasks.waits(rule, 100.0)["q"] == 0
    assert len(take(one, "one", rules=rule)) == 1


def test_rate_holds_while_all_take_at_once(open_store):
    rule = [QueueRule("q", 0.001, 5, None), QueueRule("p", 0.001, 5, None)]
    stores = [open_store(server=str(number)) for number in range(4)]
    tasks = [named(f"t{n}", queue) for n in range(20) for queue in "qp"]
    stores[0].tasks.add(tasks, 1.0)
    taken = []

    def take_all(store, worker):
        for _ in range(10):
            found = store.tasks.take(
                worker, 100.0, limit=1, lease_seconds=60.0, rules=rule
            )
            taken.extend(task.queue for task in found)

    threads = [
        threading.Thread(target=take_all, args=(store, str(number)))
        for number, store in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(taken) == {"q": 5, "p": 5}


class Stepped:
    """Stands in for the module time."""

    now = 1000.0

    def monotonic(self):
        return self.now


def test_tasks_of_a_dead_server_are_free_when_it_has_been_silent(
    open_store, monkeypatch
):
    clock = Stepped()
    monkeypatch.setattr(postgres_tasks, "time", clock)
    dead, alive = open_store(server="dead"), open_store(server="alive")
    dead.tasks.add([named("t")], 1.0)
    dead.tasks.beat("dead")
    assert take(dead, "dead") == ["t"]
    with dead.database.write() as connection:
        connection.run("UPDATE task_worker SET seen_at = seen_at - interval '1 hour'")
    # Whoever has been cut off itself calls nobody dead.
    alive.tasks.beat("alive")
    assert take(alive, "alive") == []
    for _ in range(int(contract.WORKER_SILENCE_SECONDS / 5)):
        clock.now += 5
        alive.tasks.beat("alive")
    assert take(alive, "alive") == ["t"]


def test_servers_that_beat_keep_their_tasks(open_store, monkeypatch):
    clock = Stepped()
    monkeypatch.setattr(postgres_tasks, "time", clock)
    one, two = open_store(server="one"), open_store(server="two")
    one.tasks.add([named("t")], 1.0)
    assert take(one, "one") == ["t"]
    for _ in range(20):
        clock.now += 5
        one.tasks.beat("one")
        two.tasks.beat("two")
    assert take(two, "two") == []


def test_moment_of_a_cron_job_is_claimed_once(open_store):
    stores = [open_store(server=str(number)) for number in range(4)]
    claimed = []

    def claim(store, moment):
        if store.cron.claim("job", moment) is None:
            claimed.append(moment)

    for moment in (100.0, 160.0, 220.0):
        threads = [
            threading.Thread(target=claim, args=(store, moment)) for store in stores
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert claimed == [100.0, 160.0, 220.0]
    assert stores[0].cron.claim("job", 220.0) == 220.0
    assert stores[0].cron.claim("other", 100.0) is None


def test_claim_whose_commit_broke_off_is_still_this_servers(open_store, monkeypatch):
    one, two = open_store(server="one"), open_store(server="two")
    commit = session.Connection.commit
    broken = []

    def break_off(connection):
        commit(connection)
        if not broken:
            broken.append(connection)
            raise psycopg.OperationalError("the connection was lost")

    monkeypatch.setattr(session.Connection, "commit", break_off)
    assert one.cron.claim("job", 100.0) is None
    assert len(broken) == 1
    assert two.cron.claim("job", 100.0) == 100.0


def test_interval_counts_from_the_last_run_anywhere(open_store):
    one, two = open_store(server="one"), open_store(server="two")
    assert one.cron.claim("job", 100.0, 60.0) is None
    assert two.cron.claim("job", 130.0, 60.0) == 100.0
    assert two.cron.claim("job", 160.0, 60.0) is None
    assert one.cron.claim("job", 160.0, 60.0) == 160.0


def test_servers_keep_their_connections_apart_and_share_the_rest(open_store):
    one, two = open_store(server="one"), open_store(server="two")
    one.journal.note(["a"], [])
    two.journal.note(["b"], [])
    assert one.journal.connected_client_ids() == ["a"]
    assert open_store(server="two").journal.connected_client_ids() == ["b"]
    one.save_windows(b"1")
    assert two.load_windows() is None
    assert one.secrets.get("token") == two.secrets.get("token")


def test_each_server_on_a_machine_has_a_name_that_its_restart_has_too(tmp_path):
    first, second = Identity(tmp_path), Identity(tmp_path)
    assert first.name != second.name
    for each in (first, second):
        each.save()
    names = {first.name, second.name}
    first.close()
    second.close()
    again = [Identity(tmp_path), Identity(tmp_path)]
    assert {each.name for each in again} == names
    for each in again:
        each.close()


def test_name_that_cannot_be_read_is_drawn_anew(tmp_path):
    first = Identity(tmp_path)
    first.save()
    first.close()
    for text in ("", "half", "a b", "\udcff"):
        file = tmp_path / "channelshim.server-0.name"
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        drawn = Identity(tmp_path)
        assert drawn.name not in (first.name, text)
        assert drawn.old_pass == ""
        drawn.close()


def test_servers_of_a_folder_are_bounded_by_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(identity, "MOST_SERVERS", 2)
    held = [Identity(tmp_path), Identity(tmp_path)]
    with pytest.raises(StorageError, match=r"2 servers have their data in .*--storage"):
        Identity(tmp_path)
    for each in held:
        each.close()


def test_folder_that_cannot_be_written_is_told(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        Identity(blocked)
