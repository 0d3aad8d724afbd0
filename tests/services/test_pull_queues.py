"""Pull queues: each test runs on our service and on Google's own stub."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.appengine.api import apiproxy_stub_map, taskqueue
from google.appengine.api.memcache import memcache_stub
from google.appengine.api.taskqueue import taskqueue_stub
from google.appengine.ext import ndb

from channelshim.appyaml.queues import parse_queues
from channelshim.compat import api_proxy
from channelshim.contracts.store import Store
from channelshim.services.datastore_v3 import DatastoreService
from channelshim.services.datastore_v3.values import values_of_body
from channelshim.services.executions import Executions
from channelshim.services.taskqueue import TaskQueueService
from channelshim.services.transactional_tasks import TransactionalTasks

YAML = """
queue:
- name: push
  rate: 5/s
- name: pull
  mode: pull
- name: twice
  mode: pull
  retry_parameters:
    task_retry_limit: 2
"""


OpenStore = Callable[..., Store]


class SetClock:
    """Says what it was set to, the real time at first."""

    def __init__(self) -> None:
        self.now = time.time()

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


class Side:
    """One implementation behind Google's client."""

    def __init__(self, directory: Path, name: str, store: Store) -> None:
        self.name = name
        self.clock = SetClock()
        self.executions = Executions(self.clock)
        self.store = store
        (directory / "queue.yaml").write_text(YAML)
        made: Callable[[], Any] = self.ours if name == "ours" else self.google
        self.root = directory
        stubs = api_proxy.install(
            {
                "taskqueue": made,
                "memcache": memcache_stub.MemcacheServiceStub,
                "datastore_v3": lambda: DatastoreService(
                    store.entities,
                    "dev~test",
                    tasks=TransactionalTasks(
                        lambda: name == "ours" and stubs.is_own("taskqueue"),
                        lambda: None,
                        self.clock,
                    ),
                ),
            }
        )

    def ours(self) -> Any:
        numbers = itertools.count(1)
        return TaskQueueService(
            self.store.tasks,
            self.store.pull_tasks,
            parse_queues(YAML),
            self.clock,
            lambda: f"name-{next(numbers)}",
            lambda: None,
            self.executions,
        )

    def google(self) -> Any:
        return taskqueue_stub.TaskQueueServiceStub(
            root_path=str(self.root), gettime=self.clock.time
        )

    def pass_seconds(self, seconds: float) -> None:
        self.clock.now += seconds


@pytest.fixture(params=["ours", "google"])
def side(
    tmp_path: Path,
    environment: None,
    request: pytest.FixtureRequest,
    open_store: OpenStore,
) -> Iterator[Side]:
    yield from sides(tmp_path, request.param, open_store(values_of_body))


@pytest.fixture
def ours(tmp_path: Path, environment: None, open_store: OpenStore) -> Iterator[Side]:
    yield from sides(tmp_path, "ours", open_store(values_of_body))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "APPLICATION_ID": "dev~test",
        "HTTP_HOST": "localhost",
        "AUTH_DOMAIN": "gmail.com",
    }.items():
        monkeypatch.setenv(name, value)


def sides(directory: Path, name: str, store: Store) -> Iterator[Side]:
    before = apiproxy_stub_map.apiproxy
    made = Side(directory, name, store)
    # Tasks are due at the time of the client's clock, which we cannot set.
    made.pass_seconds(1)
    yield made
    apiproxy_stub_map.apiproxy = before


def pull(payload: str, **options: Any) -> taskqueue.Task:
    return taskqueue.Task(payload=payload, method="PULL", **options)


def payloads(tasks: list[taskqueue.Task]) -> list[bytes]:
    return [task.payload for task in tasks]


def test_tasks_are_leased_oldest_first_and_hidden_meanwhile(side: Side) -> None:
    queue = taskqueue.Queue("pull")
    queue.add([pull("b", name="b", countdown=-5), pull("a", name="a", countdown=-9)])
    queue.add(pull("later", countdown=100))
    first = queue.lease_tasks(60, 1)
    assert payloads(first) == [b"a"]
    assert payloads(queue.lease_tasks(60, 10)) == [b"b"]
    assert queue.lease_tasks(60, 10) == []
    side.pass_seconds(61)
    assert payloads(queue.lease_tasks(60, 10)) == [b"a", b"b"]


def test_leased_task_says_its_name_eta_count_and_tag(side: Side) -> None:
    queue = taskqueue.Queue("pull")
    queue.add(pull("a", name="mine", tag="t"))
    (task,) = queue.lease_tasks(60, 1)
    assert (task.name, task.tag, task.retry_count) == ("mine", "t", 1)
    assert task.queue_name == "pull"
    assert task.was_enqueued
    assert task.eta_posix == pytest.approx(side.clock.now + 60, abs=0.001)
    side.pass_seconds(61)
    assert queue.lease_tasks(60, 1)[0].retry_count == 2


def test_tag_is_asked_for_or_that_of_the_oldest(side: Side) -> None:
    queue = taskqueue.Queue("pull")
    queue.add(
        [
            pull("x1", tag="x", countdown=-8),
            pull("y1", tag="y", countdown=-9),
            pull("x2", tag="x", countdown=-7),
            pull("plain", countdown=-6),
            pull("y2", tag="y", countdown=-5),
        ]
    )
    assert payloads(queue.lease_tasks_by_tag(60, 1, "x")) == [b"x1"]
    assert queue.lease_tasks_by_tag(60, 10, "z") == []
    assert payloads(queue.lease_tasks_by_tag(60, 10)) == [b"y1", b"y2"]
    assert payloads(queue.lease_tasks_by_tag(60, 10)) == [b"x2"]
    assert payloads(queue.lease_tasks_by_tag(60, 10)) == [b"plain"]


def test_lease_is_made_longer_and_given_up(side: Side) -> None:
    queue = taskqueue.Queue("pull")
    queue.add(pull("a"))
    (task,) = queue.lease_tasks(60, 1)
    side.pass_seconds(50)
    queue.modify_task_lease(task, 60)
    side.pass_seconds(50)
    assert queue.lease_tasks(60, 1) == []
    queue.modify_task_lease(task, 0)
    side.pass_seconds(0.01)
    (again,) = queue.lease_tasks(60, 1)
    assert again.retry_count == 2
    with pytest.raises(taskqueue.TaskLeaseExpiredError):
        queue.modify_task_lease(task, 60)


def test_lease_that_has_ended_cannot_be_changed(side: Side) -> None:
    queue = taskqueue.Queue("pull")
    queue.add([pull("a", name="n")])
    (task,) = queue.lease_tasks(60, 1)
    side.pass_seconds(61)
    with pytest.raises(taskqueue.TaskLeaseExpiredError):
        queue.modify_task_lease(task, 60)
    queue.delete_tasks(task)
    with pytest.raises(taskqueue.TombstonedTaskError):
        queue.modify_task_lease(task, 60)
    with pytest.raises(taskqueue.Error):
        queue.modify_task_lease(pull("a", name="never"), 60)


def test_deleted_tasks_are_gone_and_their_names_rest(side: Side) -> None:
    queue = taskqueue.Queue("pull")
    queue.add([pull("a", name="n"), pull("b", name="m")])
    leased = queue.lease_tasks(60, 10)
    queue.delete_tasks(leased)
    assert [task.was_deleted for task in leased] == [True, True]
    side.pass_seconds(61)
    assert queue.lease_tasks(60, 10) == []
    with pytest.raises(taskqueue.TombstonedTaskError):
        queue.add(pull("a", name="n"))
    queue.add(pull("c", name="o"))
    with pytest.raises(taskqueue.TaskAlreadyExistsError):
        queue.add(pull("c", name="o"))


def test_purged_queue_is_empty(side: Side) -> None:
    queue = taskqueue.Queue("pull")
    queue.add([pull("a"), pull("b")])
    queue.purge()
    assert queue.lease_tasks(60, 10) == []
    assert queue.fetch_statistics().tasks == 0


def test_task_is_leased_no_more_than_its_limit(side: Side) -> None:
    queue = taskqueue.Queue("twice")
    queue.add(pull("a"))
    for wanted in (1, 1, 0):
        assert len(queue.lease_tasks(1, 9)) == wanted
        side.pass_seconds(2)
    assert queue.fetch_statistics().tasks == 0


def test_what_is_wrong_is_told_in_googles_errors(side: Side) -> None:
    with pytest.raises(taskqueue.InvalidQueueModeError):
        taskqueue.Queue("push").lease_tasks(60, 1)
    with pytest.raises(taskqueue.InvalidQueueModeError):
        taskqueue.Queue("push").add(pull("a"))
    with pytest.raises(taskqueue.InvalidQueueModeError):
        taskqueue.Queue("pull").add(taskqueue.Task(url="/run"))
    with pytest.raises(taskqueue.InvalidQueueModeError):
        taskqueue.Queue("push").modify_task_lease(pull("a", name="n"), 1)
    with pytest.raises(taskqueue.UnknownQueueError):
        taskqueue.Queue("nowhere").lease_tasks(60, 1)
    with pytest.raises(taskqueue.UnknownQueueError):
        taskqueue.Queue("nowhere").delete_tasks_by_name("n")
    with pytest.raises(taskqueue.InvalidLeaseTimeError):
        taskqueue.Queue("pull").lease_tasks(-1, 1)
    with pytest.raises(taskqueue.InvalidMaxTasksError):
        taskqueue.Queue("pull").lease_tasks(1, 1001)
    with pytest.raises(taskqueue.TaskTooLargeError):
        taskqueue.Queue("pull").add(pull("x" * (1 << 20)))


def test_large_payload_is_kept(side: Side) -> None:
    queue = taskqueue.Queue("pull")
    queue.add(pull("x" * 1_000_000))
    assert len(queue.lease_tasks(1, 1)[0].payload) == 1_000_000


def test_statistics_count_and_tell_the_oldest(side: Side) -> None:
    queue = taskqueue.Queue("pull")
    assert queue.fetch_statistics().oldest_eta_usec is None
    oldest = pull("a", countdown=-100)
    queue.add([oldest, pull("b"), pull("c")])
    found = queue.fetch_statistics()
    assert found.tasks == 3
    eta = round(oldest.eta_posix * 1_000_000)
    assert found.oldest_eta_usec == pytest.approx(eta, abs=1)
    both = taskqueue.QueueStatistics.fetch(["pull", "twice"])
    assert [each.tasks for each in both] == [3, 0]


def test_statistics_tell_what_is_in_hand(ours: Side) -> None:
    queue = taskqueue.Queue("pull")
    queue.add([pull("a"), pull("b")])
    queue.lease_tasks(60, 1)
    found = queue.fetch_statistics()
    assert (found.in_flight, found.executed_last_minute) == (1, 1)
    ours.pass_seconds(61)
    found = queue.fetch_statistics()
    assert (found.in_flight, found.executed_last_minute) == (0, 0)
    push = taskqueue.Queue("push")
    push.add(taskqueue.Task(url="/run"))
    ours.store.tasks.take(
        "main", ours.clock.now, limit=1, lease_seconds=60.0, excluded_queues=()
    )
    ours.executions.count("push")
    found = push.fetch_statistics()
    assert (found.in_flight, found.executed_last_minute) == (1, 1)
    assert found.enforced_rate == 5.0


def test_transactional_pull_task_is_added_with_the_commit(ours: Side) -> None:
    queue = taskqueue.Queue("pull")

    def commit() -> None:
        queue.add(pull("kept", tag="t"), transactional=True)
        assert queue.lease_tasks(60, 1) == []

    def roll_back() -> None:
        queue.add(pull("dropped"), transactional=True)
        raise ndb.Rollback

    ndb.transaction(commit)
    ndb.transaction(roll_back)
    ours.pass_seconds(1)
    (task,) = queue.lease_tasks(60, 10)
    assert (task.payload, task.tag) == (b"kept", "t")
