"""The task queue service, through Google's own client."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.appengine.api import apiproxy_stub_map, taskqueue
from google.appengine.api.memcache import memcache_stub
from google.appengine.ext import ndb

from channelshim.appyaml.queues import QueueConfig, parse_queues
from channelshim.compat import api_proxy
from channelshim.contracts.tasks import Task
from channelshim.runtime.environment import RequestScope
from channelshim.services.datastore_v3 import DatastoreService
from channelshim.services.executions import Executions
from channelshim.services.taskqueue import TaskQueueService
from channelshim.store.sqlite.pull_tasks import PullTaskStore
from channelshim.store.sqlite.state import SqliteStore
from channelshim.store.sqlite.tasks import TaskStore

QUEUES = parse_queues("queue:\n- name: slow\n  rate: 1/s\n- name: p\n  mode: pull\n")


class Queues:
    """A service over a store of its own."""

    def __init__(self, directory: Path, queues: QueueConfig) -> None:
        self.store = SqliteStore(directory, takes_lease=False)
        self.tasks = TaskStore(self.store.database)
        self.woken = 0
        names = (f"name-{number}" for number in itertools.count(1))
        self.service = TaskQueueService(
            self.tasks,
            PullTaskStore(self.store.database),
            queues,
            time,
            lambda: next(names),
            self._wake,
            Executions(time),
        )

    def _wake(self) -> None:
        self.woken += 1

    def all(self) -> list[Task]:
        return self.tasks.take(time.time() + 86400 * 40, limit=100, lease_seconds=0.0)


@pytest.fixture
def queues(tmp_path: Path) -> Iterator[Queues]:
    made = Queues(tmp_path, QUEUES)
    before = apiproxy_stub_map.apiproxy
    api_proxy.install(
        {
            "taskqueue": lambda: made.service,
            "memcache": memcache_stub.MemcacheServiceStub,
            "datastore_v3": lambda: DatastoreService(made.store, "dev~test"),
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
        assert queues.tasks.next_eta() is None

    def roll_back() -> None:
        Thing().put()
        taskqueue.add(url="/rolled-back", transactional=True)
        raise ndb.Rollback

    in_request(lambda: ndb.transaction(commit))
    in_request(lambda: ndb.transaction(roll_back))
    assert [task.path for task in queues.all()] == ["/committed"]


def test_task_and_entities_are_one_commit(
    queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other(ndb.Model):
        pass

    def commit() -> None:
        Other(id="one").put()
        taskqueue.add(url="/committed", transactional=True)

    def fail(*arguments: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(queues.tasks, "add_within", fail)
        with pytest.raises(Exception, match="full"):
            in_request(lambda: ndb.transaction(commit, retries=0))
    assert in_request(lambda: Other.get_by_id("one")) is None
    assert queues.all() == []
    in_request(lambda: ndb.transaction(commit))
    assert [task.path for task in queues.all()] == ["/committed"]
