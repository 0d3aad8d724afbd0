"""Tasks of pull queues between processes."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

from channelshim.contracts.tasks import PullTask
from channelshim.store.sqlite.state import SqliteStore
from tests.lanes import timeout_factor


def lease_all(directory: str, found: multiprocessing.Queue[list[str]]) -> None:
    tasks = SqliteStore(Path(directory), takes_lease=False).pull_tasks
    names: list[str] = []
    while leased := tasks.lease("pull", 200.0, 60.0, 3):
        names += [task.name for task in leased]
    found.put(names)


def test_processes_share_no_lease(tmp_path: Path) -> None:
    names = [f"task-{number}" for number in range(100)]
    store = SqliteStore(tmp_path, takes_lease=False)
    store.tasks.add([PullTask("pull", name, 1, b"") for name in names], 90.0)
    spawn = multiprocessing.get_context("spawn")
    found: multiprocessing.Queue[list[str]] = spawn.Queue()
    processes = [
        spawn.Process(target=lease_all, args=(str(tmp_path), found)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    seconds = 60 * timeout_factor()
    leased = [name for _ in processes for name in found.get(timeout=seconds)]
    for process in processes:
        process.join()
    assert sorted(leased) == sorted(names)
