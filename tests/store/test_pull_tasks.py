"""The contract of pull tasks: leased by one alone, over restarts too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from channelshim.contracts.store import Store
from channelshim.contracts.tasks import Added, LeaseState, PullTask, QueueStatistics

TASK = PullTask("pull", "one", 100_000_000, b"body", tag=b"t")


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()


def lease(store: Store, now: float, **options: object) -> list[PullTask]:
    return list(store.pull_tasks.lease("pull", now, 60.0, 10, **options))  # type: ignore[arg-type]


def test_lease_moves_the_eta_and_counts(store: Store) -> None:
    assert store.tasks.add([TASK], 90.0) == [Added.DONE]
    assert lease(store, 99.0) == []
    (leased,) = lease(store, 100.0)
    assert (leased.eta_microseconds, leased.leases) == (160_000_000, 1)
    assert (leased.body, leased.tag) == (b"body", b"t")
    assert store.pull_tasks.statistics("pull", 101.0) == QueueStatistics(1, 160.0, 1)
    assert lease(store, 159.0) == []
    assert lease(store, 160.0)[0].leases == 2


def test_task_that_may_not_be_leased_again_is_removed(store: Store) -> None:
    store.tasks.add([TASK], 90.0)
    assert lease(store, 100.0, may_lease=lambda task: False) == []
    assert store.pull_tasks.statistics("pull", 100.0) == QueueStatistics(0, None, 0)
    assert store.tasks.add([TASK], 101.0) == [Added.TOMBSTONED]


def test_lease_is_renewed_by_its_holder_alone(store: Store) -> None:
    store.tasks.add([TASK], 90.0)
    (leased,) = lease(store, 100.0)
    eta = leased.eta_microseconds
    assert store.pull_tasks.renew("pull", "one", eta, 110.0, 20.0) == (
        LeaseState.HELD,
        130_000_000,
    )
    assert (
        store.pull_tasks.renew("pull", "one", eta, 110.0, 20.0)[0] is LeaseState.EXPIRED
    )
    assert (
        store.pull_tasks.renew("pull", "one", 130_000_000, 131.0, 9.0)[0]
        is LeaseState.EXPIRED
    )
    assert (
        store.pull_tasks.renew("pull", "two", eta, 110.0, 20.0)[0] is LeaseState.UNKNOWN
    )
    store.pull_tasks.delete("pull", ["one"], 132.0)
    assert (
        store.pull_tasks.renew("pull", "one", 130_000_000, 132.0, 9.0)[0]
        is LeaseState.TOMBSTONED
    )


def test_delete_and_purge(store: Store) -> None:
    store.tasks.add([TASK], 90.0)
    assert store.pull_tasks.delete("pull", ["one", "two"], 90.0) == [True, False]
    other = PullTask("pull", "other", 1, b"")
    store.tasks.add([other], 90.0)
    store.pull_tasks.purge("pull")
    assert store.tasks.add([other], 90.0) == [Added.DONE]


def test_groups_have_one_tag(store: Store) -> None:
    tags = {"a": b"t", "b": None, "c": b"t", "d": b"u"}
    store.tasks.add(
        [PullTask("pull", name, 1, b"", tag) for name, tag in tags.items()], 90.0
    )
    (untagged,) = lease(store, 100.0, is_grouped=True, tag=b"u")
    assert untagged.name == "d"
    assert [task.name for task in lease(store, 100.0, is_grouped=True)] == ["a", "c"]
    assert [task.name for task in lease(store, 100.0, is_grouped=True)] == ["b"]


def test_lease_outlives_the_process(open_store: Callable[[], Store]) -> None:
    store = open_store()
    store.tasks.add([TASK], 90.0)
    lease(store, 100.0)
    store.close()
    again = open_store()
    assert lease(again, 159.0) == []
    assert len(lease(again, 160.0)) == 1


def test_tasks_are_listed_by_eta_a_page_at_a_time(store: Store) -> None:
    made = [
        PullTask("pull", f"t{number}", 1_000_000 * (9 - number // 2), b"x")
        for number in range(7)
    ]
    store.tasks.add([*made, PullTask("other", "t", 1, b"")], 90.0)
    seen: list[PullTask] = []
    after = None
    while page := store.pull_tasks.listed("pull", after, 3):
        assert len(page) <= 3
        seen += page
        after = seen[-1].eta_microseconds, seen[-1].name
    assert seen == sorted(made, key=lambda task: (task.eta_microseconds, task.name))


def test_task_is_found_by_its_name(store: Store) -> None:
    store.tasks.add([TASK], 90.0)
    assert store.pull_tasks.find("pull", "one") == TASK
    assert store.pull_tasks.find("pull", "two") is None
