"""The contract of push tasks: kept, leased, free again when their process is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from channelshim import limits
from channelshim.contracts.entities import Conflict, EntityKey, Write
from channelshim.contracts.ordering import encode_path
from channelshim.contracts.store import Store
from channelshim.contracts.tasks import Added, PullTask, QueueStatistics, Task, Tasks

OpenStore = Callable[[], Store]

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


WORKER = "main"


@pytest.fixture
def tasks(open_store: OpenStore) -> Tasks:
    return open_store().tasks


def take(
    tasks: Tasks, now: float, worker_id: str = WORKER, **options: object
) -> list[Task]:
    taken = tasks.take(worker_id, now, limit=10, lease_seconds=60.0, **options)  # type: ignore[arg-type]
    return list(taken)


def test_task_is_taken_when_due_and_by_one_alone(tasks: Tasks) -> None:
    assert tasks.add([TASK], 90.0) == [Added.DONE]
    assert tasks.next_eta(WORKER) == 100.0
    assert take(tasks, 99.9) == []
    assert take(tasks, 100.0) == [TASK]
    assert take(tasks, 100.0) == []
    assert tasks.next_eta(WORKER) is None
    assert tasks.next_eta("another") == 160.0


def test_longest_due_comes_first_and_excluded_queues_wait(tasks: Tasks) -> None:
    late = Task("other", "late", 99.0, "GET", "/")
    tasks.add([TASK, late], 90.0)
    assert tasks.next_eta(WORKER, ["other"]) == 100.0
    assert take(tasks, 100.0, excluded_queues=["other"]) == [TASK]
    assert take(tasks, 100.0) == [late]


def test_lease_of_a_dead_process_ends(tasks: Tasks) -> None:
    tasks.add([TASK], 90.0)
    take(tasks, 100.0, "dead")
    assert take(tasks, 159.9) == []
    (again,) = take(tasks, 160.0)
    assert again.first_tried_at == 100.0
    tasks.release(WORKER)
    assert len(take(tasks, 160.0)) == 1


def test_task_in_hand_is_never_taken_again_by_its_worker(tasks: Tasks) -> None:
    # However long it takes, and wherever the clock jumps to.
    tasks.add([TASK], 90.0)
    assert take(tasks, 100.0) == [TASK]
    assert take(tasks, 1e9) == []
    assert tasks.next_eta(WORKER) is None


def test_renewed_lease_keeps_other_workers_away(tasks: Tasks) -> None:
    tasks.add([TASK, replace(TASK, name="waits", eta=1e6)], 90.0)
    take(tasks, 100.0)
    tasks.renew(WORKER, 500.0)
    assert take(tasks, 499.9, "other") == []
    tasks.renew(WORKER, 400.0)
    assert tasks.next_eta("other") == 500.0
    assert [task.name for task in take(tasks, 500.0, "other")] == ["one"]
    tasks.renew(WORKER, 900.0)
    assert tasks.next_eta("third") == 560.0


@pytest.mark.parametrize("ending", ["finish", "give back"])
@pytest.mark.parametrize("is_taken", [False, True])
def test_end_of_an_old_task_leaves_the_new_one_of_its_name(
    tasks: Tasks, ending: str, is_taken: bool
) -> None:
    tasks.add([TASK], 90.0)
    (old,) = take(tasks, 100.0)
    tasks.purge("default")
    new = replace(TASK, eta=105.0, body=b"new")
    assert tasks.add([new], 101.0) == [Added.DONE]
    if is_taken:
        assert take(tasks, 105.0) == [new]
    if ending == "finish":
        tasks.finish(old, 106.0)
    else:
        tasks.give_back(old, 500.0)
    tasks.release(WORKER)
    (again,) = take(tasks, 106.0)
    assert (again.body, again.eta, again.retries) == (b"new", 105.0, 0)
    tasks.finish(again, 107.0)
    assert tasks.statistics("default", 107.0).tasks == 0


def test_worker_that_starts_again_frees_its_own_leases_alone(
    open_store: OpenStore,
) -> None:
    one, two = open_store().tasks, open_store().tasks
    other = replace(TASK, name="two", eta=101.0)
    one.add([TASK, other], 90.0)
    assert take(one, 100.0, "a") == [TASK]
    assert take(two, 101.0, "b") == [other]
    two.release("b")
    assert take(one, 102.0, "a") == [replace(other, first_tried_at=101.0)]
    two.release("b")
    assert take(two, 103.0, "b") == []
    one.release("a")
    assert len(take(two, 103.0, "b")) == 2


def test_task_that_another_worker_holds_by_now_is_not_given_back(tasks: Tasks) -> None:
    tasks.add([TASK], 90.0)
    (slow,) = take(tasks, 100.0, "a")
    (held,) = take(tasks, 160.0, "b")
    tasks.give_back(slow, 161.0)
    assert take(tasks, 161.0, "a") == []
    tasks.give_back(held, 161.0)
    assert take(tasks, 161.0, "a")[0].retries == 1


def test_failed_task_comes_back_with_its_count(tasks: Tasks) -> None:
    tasks.add([TASK], 90.0)
    (taken,) = take(tasks, 100.0)
    tasks.give_back(taken, 105.0)
    assert take(tasks, 104.0) == []
    (again,) = take(tasks, 105.0)
    assert (again.retries, again.first_tried_at) == (1, 100.0)
    tasks.give_back(again, 106.0, counts_as_try=False)
    assert take(tasks, 106.0)[0].retries == 1


def test_name_is_refused_while_it_waits_and_rests(tasks: Tasks) -> None:
    tasks.add([TASK], 90.0)
    assert tasks.add([TASK, TASK], 90.0) == [Added.EXISTS, Added.EXISTS]
    tasks.finish(TASK, 100.0)
    assert tasks.statistics("default", 100.0) == QueueStatistics(0, None)
    assert tasks.add([TASK], 101.0) == [Added.TOMBSTONED]
    later = 100.0 + limits.TASK_TOMBSTONE_SECONDS
    assert tasks.add([TASK], later) == [Added.DONE]


def test_delete_says_what_was_there(tasks: Tasks) -> None:
    tasks.add([TASK], 90.0)
    assert tasks.delete("default", ["one", "two"], 90.0) == [True, False]


def test_purged_names_are_free_at_once(tasks: Tasks) -> None:
    tasks.add([TASK], 90.0)
    assert tasks.statistics("default", 100.0) == QueueStatistics(1, 100.0)
    tasks.purge("default")
    assert tasks.next_eta(WORKER) is None
    assert tasks.add([TASK], 90.0) == [Added.DONE]


KEY = EntityKey("", "A", encode_path([("A", 1)]))
PULL = PullTask("pull", "three", 100_000_000, b"body")


def test_tasks_of_both_kinds_join_a_commit_of_entities(open_store: OpenStore) -> None:
    store = open_store()
    write = Write(KEY, b"body", {})
    with pytest.raises(Conflict):
        store.entities.apply([write], {KEY.group: 1}, [TASK, PULL])
    assert store.tasks.next_eta(WORKER) is None
    assert store.pull_tasks.statistics("pull", 90.0).tasks == 0
    applied = store.entities.apply([write], {KEY.group: 0}, [TASK, PULL, TASK])
    assert applied.added == [Added.DONE, Added.DONE, Added.EXISTS]
    assert len(applied.versions) == 1
    assert store.tasks.next_eta(WORKER) == 100.0
    assert store.pull_tasks.statistics("pull", 90.0).tasks == 1


def test_tasks_need_no_entities_to_be_committed(open_store: OpenStore) -> None:
    store = open_store()
    assert store.entities.apply([], {}, [TASK]).added == [Added.DONE]
    assert take(store.tasks, 100.0) == [TASK]


def test_names_may_hold_any_text(tasks: Tasks) -> None:
    task = replace(TASK, name="a\0é", path="/a\0\U0001f600", headers=(("A", "\0"),))
    tasks.add([task], 90.0)
    assert take(tasks, 100.0) == [task]


def test_tasks_outlive_the_process(open_store: OpenStore) -> None:
    store = open_store()
    store.tasks.add([TASK], 90.0)
    store.close()
    assert take(open_store().tasks, 100.0) == [TASK]


def test_no_two_workers_take_the_same_task(open_store: OpenStore) -> None:
    store = open_store()
    names = [f"task-{number}" for number in range(60)]
    store.tasks.add([replace(TASK, name=name) for name in names], 90.0)
    taken: list[str] = []

    def take_all(worker_id: str, tasks: Tasks) -> None:
        while found := tasks.take(worker_id, 100.0, limit=3, lease_seconds=60.0):
            taken.extend(task.name for task in found)

    threads = [
        threading.Thread(target=take_all, args=(worker_id, open_store().tasks))
        for worker_id in ("a", "b", "c")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(names)


def test_tasks_are_listed_by_eta_a_page_at_a_time(tasks: Tasks) -> None:
    made = [
        replace(TASK, name=f"t{number}", eta=100.0 - number // 2) for number in range(7)
    ]
    tasks.add([*made, replace(TASK, queue="other")], 90.0)
    whole = sorted(made, key=lambda task: (task.eta, task.name))
    seen: list[Task] = []
    after = None
    while page := tasks.listed("default", after, 3):
        assert len(page) <= 3
        seen += [each.task for each in page]
        after = seen[-1].eta, seen[-1].name
    assert seen == whole
    assert tasks.listed("nowhere", None, 3) == []


def test_task_is_found_with_its_lease(tasks: Tasks) -> None:
    tasks.add([TASK], 90.0)
    found = tasks.find("default", "one")
    assert found is not None
    assert (found.task, found.leased_until) == (TASK, 0.0)
    take(tasks, 100.0)
    (found,) = tasks.listed("default", None, 10)
    assert found.leased_until == 160.0
    assert tasks.find("default", "two") is None


def test_one_task_is_taken_by_its_name_before_its_eta(tasks: Tasks) -> None:
    tasks.add([TASK, replace(TASK, name="two")], 90.0)
    taken = tasks.take_named(WORKER, "default", "one", 91.0, 60.0)
    assert taken == TASK
    assert taken.lease
    assert tasks.take_named(WORKER, "default", "one", 91.0, 60.0) is None
    assert tasks.take_named("another", "default", "one", 92.0, 60.0) is None
    assert tasks.take_named(WORKER, "default", "absent", 91.0, 60.0) is None
    assert [task.name for task in take(tasks, 100.0)] == ["two"]
    tasks.finish(taken, 101.0)
    assert tasks.find("default", "one") is None


def test_paused_queues_are_remembered(open_store: OpenStore) -> None:
    tasks = open_store().tasks
    assert set(tasks.paused()) == set()
    tasks.pause("default", is_paused=True)
    tasks.pause("b\u00fc", is_paused=True)
    tasks.pause("default", is_paused=True)
    assert set(open_store().tasks.paused()) == {"default", "b\u00fc"}
    tasks.pause("default", is_paused=False)
    tasks.pause("never", is_paused=False)
    assert set(tasks.paused()) == {"b\u00fc"}
