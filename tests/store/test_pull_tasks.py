"""Tasks of pull queues: leased by one alone, over restarts and between processes."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from channelshim.store.pull_tasks import Lease, PullTask, PullTaskStore
from channelshim.store.sqlite import SqliteStore
from channelshim.store.task_names import Added, QueueStatistics
from tests.lanes import timeout_factor

TASK = PullTask("pull", "one", 100_000_000, b"body", tag=b"t")


@pytest.fixture
def tasks(tmp_path: Path) -> PullTaskStore:
    return PullTaskStore(SqliteStore(tmp_path, takes_lease=False).database)


def lease(tasks: PullTaskStore, now: float, **options: object) -> list[PullTask]:
    return tasks.lease("pull", now, 60.0, 10, **options)  # type: ignore[arg-type]


def test_lease_moves_the_eta_and_counts(tasks: PullTaskStore) -> None:
    assert tasks.add([TASK], 90.0) == [Added.DONE]
    assert lease(tasks, 99.0) == []
    (leased,) = lease(tasks, 100.0)
    assert (leased.eta_microseconds, leased.leases) == (160_000_000, 1)
    assert (leased.body, leased.tag) == (b"body", b"t")
    assert tasks.statistics("pull", 101.0) == QueueStatistics(1, 160.0, 1)
    assert lease(tasks, 159.0) == []
    assert lease(tasks, 160.0)[0].leases == 2


def test_task_that_may_not_be_leased_again_is_removed(tasks: PullTaskStore) -> None:
    tasks.add([TASK], 90.0)
    assert lease(tasks, 100.0, may_lease=lambda task: False) == []
    assert tasks.statistics("pull", 100.0) == QueueStatistics(0, None, 0)
    assert tasks.add([TASK], 101.0) == [Added.TOMBSTONED]


def test_lease_is_renewed_by_its_holder_alone(tasks: PullTaskStore) -> None:
    tasks.add([TASK], 90.0)
    (leased,) = lease(tasks, 100.0)
    eta = leased.eta_microseconds
    assert tasks.renew("pull", "one", eta, 110.0, 20.0) == (Lease.HELD, 130_000_000)
    assert tasks.renew("pull", "one", eta, 110.0, 20.0)[0] is Lease.EXPIRED
    assert tasks.renew("pull", "one", 130_000_000, 131.0, 9.0)[0] is Lease.EXPIRED
    assert tasks.renew("pull", "two", eta, 110.0, 20.0)[0] is Lease.UNKNOWN
    tasks.delete("pull", ["one"], 132.0)
    assert tasks.renew("pull", "one", 130_000_000, 132.0, 9.0)[0] is Lease.TOMBSTONED


def test_delete_and_purge(tasks: PullTaskStore) -> None:
    tasks.add([TASK], 90.0)
    assert tasks.delete("pull", ["one", "two"], 90.0) == [True, False]
    other = PullTask("pull", "other", 1, b"")
    tasks.add([other], 90.0)
    tasks.purge("pull")
    assert tasks.add([other], 90.0) == [Added.DONE]


def test_lease_outlives_the_process(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    PullTaskStore(store.database).add([TASK], 90.0)
    lease(PullTaskStore(store.database), 100.0)
    store.close()
    again = SqliteStore(tmp_path)
    assert lease(PullTaskStore(again.database), 159.0) == []
    assert len(lease(PullTaskStore(again.database), 160.0)) == 1
    again.close()


def lease_all(directory: str, found: multiprocessing.Queue[list[str]]) -> None:
    tasks = PullTaskStore(SqliteStore(Path(directory), takes_lease=False).database)
    names: list[str] = []
    while leased := tasks.lease("pull", 200.0, 60.0, 3):
        names += [task.name for task in leased]
    found.put(names)


def test_processes_share_no_lease(tmp_path: Path) -> None:
    names = [f"task-{number}" for number in range(100)]
    tasks = PullTaskStore(SqliteStore(tmp_path, takes_lease=False).database)
    tasks.add([PullTask("pull", name, 1, b"") for name in names], 90.0)
    spawn = multiprocessing.get_context("spawn")
    found: multiprocessing.Queue[list[str]] = spawn.Queue()
    processes = [
        spawn.Process(target=lease_all, args=(str(tmp_path), found)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    leased = [
        name for _ in processes for name in found.get(timeout=60 * timeout_factor())
    ]
    for process in processes:
        process.join()
    assert sorted(leased) == sorted(names)
