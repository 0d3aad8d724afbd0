"""The task queue service, through Google's own client."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.appengine.api import apiproxy_stub_map, datastore_errors, taskqueue
from google.appengine.api.memcache import memcache_stub
from google.appengine.ext import ndb

from channelshim.appyaml.queues import QueueConfig, parse_queues
from channelshim.compat import api_proxy
from channelshim.contracts.store import Store
from channelshim.contracts.tasks import Task
from channelshim.runtime.environment import RequestScope
from channelshim.services.datastore_v3 import DatastoreService
from channelshim.services.datastore_v3.values import values_of_body
from channelshim.services.executions import Executions
from channelshim.services.taskqueue import TaskQueueService
from channelshim.services.transactional_tasks import TransactionalTasks

QUEUES = parse_queues("queue:\n- name: slow\n  rate: 1/s\n- name: p\n  mode: pull\n")


class Queues:
    """A service over a store of its own."""

    def __init__(self, store: Store, queues: QueueConfig) -> None:
        self.store = store
        self.tasks = store.tasks
        self.woken = 0
        names = (f"name-{number}" for number in itertools.count(1))
        self.service = TaskQueueService(
            self.tasks,
            store.pull_tasks,
            queues,
            time,
            lambda: next(names),
            self._wake,
            Executions(time),
        )

    def _wake(self) -> None:
        self.woken += 1

    def all(self) -> list[Task]:
        later = time.time() + 86400 * 40
        taken = self.tasks.take("test", later, limit=100, lease_seconds=1.0)
        self.tasks.release("test")
        return list(taken)


@pytest.fixture
def queues(open_store: Callable[..., Store]) -> Iterator[Queues]:
    made = Queues(open_store(values_of_body), QUEUES)
    before = apiproxy_stub_map.apiproxy
    stubs = api_proxy.install(
        {
            "taskqueue": lambda: made.service,
            "memcache": memcache_stub.MemcacheServiceStub,
            "datastore_v3": lambda: DatastoreService(
                made.store.entities,
                "dev~test",
                tasks=TransactionalTasks(
                    lambda: stubs.is_own("taskqueue"), made._wake, time
                ),
            ),
        }
    )
    yield made
    apiproxy_stub_map.apiproxy = before


def in_request(call: Any) -> Any:
    variables = {"APPLICATION_ID": "dev~test", "HTTP_HOST": "localhost"}
    scope = RequestScope({**variables, "AUTH_DOMAIN": "gmail.com"})
    try:
        return scope.run(call)
    finally:
        scope.close()


def test_added_task_is_kept_as_it_was_said(queues: Queues) -> None:
    def add() -> None:
        taskqueue.add(
            url="/run",
            params={"a": "b"},
            headers={"X-Own": "1"},
            countdown=60,
            queue_name="slow",
            retry_options=taskqueue.TaskRetryOptions(
                task_retry_limit=3, min_backoff_seconds=2
            ),
        )

    before = time.time()
    in_request(add)
    (task,) = queues.all()
    assert (task.queue, task.name, task.method) == ("slow", "name-1", "POST")
    assert (task.path, task.body) == ("/run", b"a=b")
    assert ("X-Own", "1") in task.headers
    assert before + 59 < task.eta < time.time() + 61
    assert task.retry == {"limit": 3, "min_backoff_seconds": 2.0}
    assert queues.woken == 1


def test_get_puts_parameters_into_the_path(queues: Queues) -> None:
    in_request(lambda: taskqueue.add(url="/run", method="GET", params={"a": "b"}))
    (task,) = queues.all()
    assert (task.method, task.path, task.body) == ("GET", "/run?a=b", b"")


def test_url_defaults_to_the_queue(queues: Queues) -> None:
    in_request(lambda: taskqueue.add(queue_name="slow"))
    assert queues.all()[0].path == "/_ah/queue/slow"


def test_name_is_taken_once(queues: Queues) -> None:
    def add_and_delete() -> None:
        queue = taskqueue.Queue()
        queue.add(taskqueue.Task(name="once", url="/run"))
        with pytest.raises(taskqueue.TaskAlreadyExistsError):
            queue.add(taskqueue.Task(name="once", url="/run"))
        queue.delete_tasks_by_name("once")
        with pytest.raises(taskqueue.TombstonedTaskError):
            queue.add(taskqueue.Task(name="once", url="/run"))

    in_request(add_and_delete)


def test_what_is_wrong_is_told_in_googles_errors(queues: Queues) -> None:
    def try_all() -> None:
        with pytest.raises(taskqueue.UnknownQueueError):
            taskqueue.add(url="/run", queue_name="nowhere")
        with pytest.raises(taskqueue.InvalidQueueModeError):
            taskqueue.add(url="/run", queue_name="p")
        with pytest.raises(taskqueue.InvalidEtaError):
            taskqueue.add(url="/run", countdown=31 * 86400)
        with pytest.raises(taskqueue.TaskTooLargeError):
            taskqueue.add(url="/run", payload="x" * 200_000)
        with pytest.raises(taskqueue.UnknownQueueError):
            taskqueue.Queue("nowhere").purge()

    in_request(try_all)
    assert queues.all() == []


def test_add_that_nobody_waits_for_is_kept(queues: Queues) -> None:
    in_request(lambda: taskqueue.Task(url="/run").add_async())
    assert len(queues.all()) == 1


def test_statistics_and_purge(queues: Queues) -> None:
    def use() -> Any:
        queue = taskqueue.Queue()
        queue.add([taskqueue.Task(url="/run") for _ in range(3)])
        counted = queue.fetch_statistics().tasks
        queue.purge()
        return counted, queue.fetch_statistics().tasks

    assert in_request(use) == (3, 0)


def test_transactional_task_is_added_with_the_commit(queues: Queues) -> None:
    class Thing(ndb.Model):
        pass

    def commit() -> None:
        Thing().put()
        taskqueue.add(url="/committed", transactional=True)
        assert queues.tasks.next_eta("test") is None

    def roll_back() -> None:
        Thing().put()
        taskqueue.add(url="/rolled-back", transactional=True)
        raise ndb.Rollback

    in_request(lambda: ndb.transaction(commit))
    in_request(lambda: ndb.transaction(roll_back))
    assert [task.path for task in queues.all()] == ["/committed"]


def test_refused_commit_adds_no_tasks(queues: Queues) -> None:
    class Other(ndb.Model):
        value = ndb.IntegerProperty()

    def commit(*, is_disturbed: bool) -> None:
        other = Other.get_by_id("one") or Other(id="one")
        if is_disturbed:
            ndb.non_transactional(Other(id="one", value=1).put)()
        other.value = 2
        other.put()
        taskqueue.add(url="/committed", transactional=True)

    def run(*, is_disturbed: bool) -> None:
        ndb.transaction(lambda: commit(is_disturbed=is_disturbed), retries=0)

    with pytest.raises(datastore_errors.TransactionFailedError):
        in_request(lambda: run(is_disturbed=True))
    assert in_request(lambda: Other.get_by_id("one")).value == 1
    assert queues.all() == []
    in_request(lambda: run(is_disturbed=False))
    assert [task.path for task in queues.all()] == ["/committed"]


def test_named_task_that_waits_already_is_dropped_with_a_warning(
    queues: Queues, caplog: pytest.LogCaptureFixture
) -> None:
    # Google's client gives transactional tasks no names; the API allows them.
    task = Task("default", "name-1", time.time(), "POST", "/first")
    queues.tasks.add([task], time.time())

    def commit() -> None:
        taskqueue.add(url="/second", transactional=True)

    in_request(lambda: ndb.transaction(commit))
    assert [task.path for task in queues.all()] == ["/first"]
    assert "name-1 is dropped" in caplog.text


def test_stub_that_replaces_ours_gets_the_tasks_of_transactions(queues: Queues) -> None:
    from google.appengine.api.taskqueue import taskqueue_stub

    theirs = taskqueue_stub.TaskQueueServiceStub()
    apiproxy_stub_map.apiproxy.ReplaceStub("taskqueue", theirs)

    def commit() -> None:
        taskqueue.add(url="/theirs", transactional=True)

    in_request(lambda: ndb.transaction(commit))
    assert queues.all() == []
    assert [task["url"] for task in theirs.GetTasks("default")] == ["/theirs"]


def test_store_that_refuses_is_a_transient_error(queues: Queues) -> None:
    queues.store.close()
    with pytest.raises(taskqueue.TransientError):
        in_request(lambda: taskqueue.add(url="/run"))
