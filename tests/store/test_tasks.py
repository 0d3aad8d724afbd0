"""Tasks are kept, leased, and free again when their process is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from channelshim import limits
from channelshim.contracts.tasks import Added, QueueStatistics, Task
from channelshim.store.sqlite.state import SqliteStore
from channelshim.store.sqlite.tasks import TaskStore

TASK = Task(
    "default",
    "one",
    100.0,
    "POST",
    "/run?x=1",
    (("A", "b"),),
    b"\x00body",
    {"limit": 3},
)


@pytest.fixture
def tasks(tmp_path: Path) -> TaskStore:
    return TaskStore(SqliteStore(tmp_path, takes_lease=False).database)


def take(tasks: TaskStore, now: float, **options: object) -> list[Task]:
    return tasks.take(now, limit=10, lease_seconds=60.0, **options)  # type: ignore[arg-type]


def test_task_is_taken_when_due_and_by_one_alone(tasks: TaskStore) -> None:
    assert tasks.add([TASK], 90.0) == [Added.DONE]
    assert tasks.next_eta() == 100.0
    assert take(tasks, 99.9) == []
    assert take(tasks, 100.0) == [TASK]
    assert take(tasks, 100.0) == []
    assert tasks.next_eta() == 160.0


def test_longest_due_comes_first_and_excluded_queues_wait(tasks: TaskStore) -> None:
    late = Task("other", "late", 99.0, "GET", "/")
    tasks.add([TASK, late], 90.0)
    assert tasks.next_eta(["other"]) == 100.0
    assert take(tasks, 100.0, excluded_queues=["other"]) == [TASK]
    assert take(tasks, 100.0) == [late]


def test_lease_of_a_dead_process_ends(tasks: TaskStore) -> None:
    tasks.add([TASK], 90.0)
    take(tasks, 100.0)
    (again,) = take(tasks, 160.0)
    assert again.first_tried_at == 100.0
    tasks.release_all()
    assert len(take(tasks, 160.0)) == 1


def test_failed_task_comes_back_with_its_count(tasks: TaskStore) -> None:
    tasks.add([TASK], 90.0)
    (taken,) = take(tasks, 100.0)
    tasks.give_back(taken, 105.0)
    assert take(tasks, 104.0) == []
    (again,) = take(tasks, 105.0)
    assert (again.retries, again.first_tried_at) == (1, 100.0)
    tasks.give_back(again, 106.0, counts_as_try=False)
    assert take(tasks, 106.0)[0].retries == 1


def test_name_is_refused_while_it_waits_and_rests(tasks: TaskStore) -> None:
    tasks.add([TASK], 90.0)
    assert tasks.add([TASK, TASK], 90.0) == [Added.EXISTS, Added.EXISTS]
    tasks.finish(TASK, 100.0)
    assert tasks.statistics("default", 100.0) == QueueStatistics(0, None)
    assert tasks.add([TASK], 101.0) == [Added.TOMBSTONED]
    later = 100.0 + limits.TASK_TOMBSTONE_SECONDS
    assert tasks.add([TASK], later) == [Added.DONE]


def test_delete_says_what_was_there(tasks: TaskStore) -> None:
    tasks.add([TASK], 90.0)
    assert tasks.delete("default", ["one", "two"], 90.0) == [True, False]


def test_purged_names_are_free_at_once(tasks: TaskStore) -> None:
    tasks.add([TASK], 90.0)
    assert tasks.statistics("default", 100.0) == QueueStatistics(1, 100.0)
    tasks.purge("default")
    assert tasks.next_eta() is None
    assert tasks.add([TASK], 90.0) == [Added.DONE]


def test_task_joins_a_commit_of_others(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, takes_lease=False)
    tasks = TaskStore(store.database)
    assert tasks.is_in(store.database)

    def add_and_fail() -> None:
        with store.database.write() as both:
            assert tasks.add_within(both, [TASK]) == [Added.DONE]
            raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        add_and_fail()
    assert tasks.next_eta() is None
    with store.database.write() as both:
        tasks.add_within(both, [TASK])
    assert tasks.next_eta() == 100.0


def test_tasks_outlive_the_process(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    TaskStore(store.database).add([TASK], 90.0)
    store.close()
    again = SqliteStore(tmp_path)
    assert take(TaskStore(again.database), 100.0) == [TASK]
    again.close()
