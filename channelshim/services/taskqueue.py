"""The task queue service: checks tasks and keeps them in the store.

Who runs them stands above: appserver.tasks.
"""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

from google.appengine.api import apiproxy_stub
from google.appengine.api.taskqueue import taskqueue_service_bytes_pb2 as messages
from google.appengine.runtime import apiproxy_errors

from channelshim import limits
from channelshim.appyaml.queues import Queue, QueueConfig
from channelshim.protocol.contracts import Clock
from channelshim.services import pull_queues
from channelshim.services.eager import EagerRPC
from channelshim.services.executions import Executions
from channelshim.store.database import Database
from channelshim.store.pull_tasks import PullTask, PullTaskStore
from channelshim.store.task_names import Added
from channelshim.store.tasks import Task, TaskStore

_logger: Final = logging.getLogger("channelshim.services")

_Error: Final = messages.TaskQueueServiceError
_ADDED: Final = {
    Added.DONE: _Error.OK,
    Added.EXISTS: _Error.TASK_ALREADY_EXISTS,
    Added.TOMBSTONED: _Error.TOMBSTONED_TASK,
}
_METHODS: Final = {1: "GET", 2: "POST", 3: "HEAD", 4: "PUT", 5: "DELETE"}
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,500}")
_RETRY_FIELDS: Final = {
    "retry_limit": "limit",
    "age_limit_sec": "age_limit_seconds",
    "min_backoff_sec": "min_backoff_seconds",
    "max_backoff_sec": "max_backoff_seconds",
    "max_doublings": "max_doublings",
}


class TaskQueueService(apiproxy_stub.APIProxyStub):  # type: ignore[misc]
    """The stub for the service `taskqueue`.

    Args:
        tasks: where those of push queues are kept.
        pulled: where those of pull queues are kept; in the same database.
        queues: queue.yaml.
        clock: says now.
        make_name: returns a new name for a task that has none.
        added: called after tasks were kept; wakes who runs them. Any thread.
        executions: how many tasks were begun lately.
    """

    def __init__(
        self,
        tasks: TaskStore,
        pulled: PullTaskStore,
        queues: QueueConfig,
        clock: Clock,
        make_name: Callable[[], str],
        added: Callable[[], None],
        executions: Executions,
    ) -> None:
        super().__init__("taskqueue")
        self._tasks = tasks
        self._pulled = pulled
        self._queues = queues
        self._clock = clock
        self._make_name = make_name
        self._added = added
        self._executions = executions

    def CreateRPC(self) -> EagerRPC:
        """Return a call that runs at once: an add that nobody waits for is kept."""
        return EagerRPC(stub=self)

    def keeps_in(self, database: Database) -> bool:
        """Return whether its tasks stand in this database."""
        return self._tasks.is_in(database)

    def keeper(self, requests: Sequence[Any]) -> Callable[[sqlite3.Connection], None]:
        """Return what writes a transaction's tasks in the commit of its entities.

        Args:
            requests: as they came by AddActions, with names.
        """
        now = self._clock.time()
        tasks = [_task(each, _text(each.task_name), now) for each in requests]

        def keep(connection: sqlite3.Connection) -> None:
            for task in tasks:
                added = self._keep(connection, task)
                if added is not Added.DONE:
                    _logger.warning(
                        "the task %s is dropped: %s", task.name, added.value
                    )

        return keep

    def _keep(self, connection: sqlite3.Connection, task: Task | PullTask) -> Added:
        if isinstance(task, PullTask):
            return self._pulled.add_within(connection, [task])[0]
        return self._tasks.add_within(connection, [task])[0]

    def wake(self) -> None:
        """Say that there are new tasks."""
        self._added()

    def _Dynamic_Add(self, request: Any, response: Any) -> None:
        """Add one task; the datastore does so for each of a transaction's."""
        results, names = self._add([request])
        if results[0] != _Error.OK:
            raise apiproxy_errors.ApplicationError(results[0])
        if not request.task_name:
            response.chosen_task_name = names[0].encode("ascii")

    def _Dynamic_BulkAdd(self, request: Any, response: Any) -> None:
        requests = list(request.add_request)
        if not requests:
            return
        if requests[0].HasField("transaction"):
            results, names = self._add_with_transaction(requests)
        else:
            results, names = self._add(requests)
        for add, result, name in zip(requests, results, names, strict=True):
            told = response.taskresult.add()
            told.result = result
            if not add.task_name and result == _Error.OK:
                told.chosen_task_name = name.encode("ascii")

    def _Dynamic_Delete(self, request: Any, response: Any) -> None:
        queue = self._queue(request)
        names = [_text(name) for name in request.task_name]
        found = self._kept(queue).delete(queue.name, names, self._clock.time())
        for was_there in found:
            response.result.append(_Error.OK if was_there else _Error.UNKNOWN_TASK)

    def _Dynamic_PurgeQueue(self, request: Any, _response: Any) -> None:
        queue = self._queue(request)
        self._kept(queue).purge(queue.name)

    def _Dynamic_QueryAndOwnTasks(self, request: Any, response: Any) -> None:
        queue, now = self._pull_queue(request), self._clock.time()
        leased = pull_queues.lease_tasks(self._pulled, queue, now, request, response)
        self._executions.count(queue.name, leased)

    def _Dynamic_ModifyTaskLease(self, request: Any, response: Any) -> None:
        queue, now = self._pull_queue(request), self._clock.time()
        pull_queues.modify_lease(self._pulled, queue, now, request, response)

    def _Dynamic_FetchQueueStats(self, request: Any, response: Any) -> None:
        now = self._clock.time()
        for asked in request.queue_name:
            told = response.queuestats.add()
            told.oldest_eta_usec = -1
            queue = self._queues.find(_text(asked))
            if queue is None:
                told.num_tasks = 0
                continue
            found = self._kept(queue).statistics(queue.name, now)
            told.num_tasks = found.tasks
            if found.oldest_eta is not None:
                told.oldest_eta_usec = round(found.oldest_eta * 1_000_000)
            info = told.scanner_info
            info.executed_last_minute = self._executions.last_minute(queue.name)
            # The message requires them; Google's client reads neither.
            info.executed_last_hour = 0
            info.sampling_duration_seconds = 60.0
            info.requests_in_flight = found.in_hand
            if queue.per_second is not None:
                info.enforced_rate = queue.per_second

    def _Dynamic_FetchQueues(self, _request: Any, response: Any) -> None:
        for queue in self._queues.queues:
            told = response.queue.add()
            told.queue_name = queue.name.encode("ascii")
            told.bucket_refill_per_second = queue.per_second or 0.0
            told.bucket_capacity = float(queue.bucket_size)
            told.user_specified_rate = b""
            told.paused = queue.per_second == 0
            if queue.is_pull:
                told.mode = messages.TaskQueueMode.PULL

    def _queue(self, request: Any) -> Queue:
        queue = self._queues.find(_text(request.queue_name))
        if queue is None:
            raise apiproxy_errors.ApplicationError(_Error.UNKNOWN_QUEUE)
        return queue

    def _pull_queue(self, request: Any) -> Queue:
        queue = self._queue(request)
        if not queue.is_pull:
            raise apiproxy_errors.ApplicationError(_Error.INVALID_QUEUE_MODE)
        return queue

    def _kept(self, queue: Queue) -> TaskStore | PullTaskStore:
        return self._pulled if queue.is_pull else self._tasks

    def _check(self, request: Any, now: float) -> int:
        queue = self._queues.find(_text(request.queue_name))
        eta = request.eta_usec / 1_000_000
        if request.eta_usec < 0 or eta > now + limits.MAXIMUM_TASK_ETA_SECONDS:
            return int(_Error.INVALID_ETA)
        if queue is None:
            return int(_Error.UNKNOWN_QUEUE)
        is_pull = request.mode == messages.TaskQueueMode.PULL
        if is_pull != queue.is_pull:
            return int(_Error.INVALID_QUEUE_MODE)
        most = limits.MAXIMUM_PULL_TASK_BYTES if is_pull else limits.MAXIMUM_TASK_BYTES
        if request.ByteSize() > most:
            return int(_Error.TASK_TOO_LARGE)
        if request.task_name and not _NAME.fullmatch(_text(request.task_name)):
            return int(_Error.INVALID_TASK_NAME)
        if len(request.tag) > limits.MAXIMUM_TASK_TAG_BYTES:
            return int(_Error.INVALID_TAG)
        if not is_pull and not request.url.startswith(b"/"):
            return int(_Error.INVALID_URL)
        return int(_Error.OK)

    def _add(self, requests: Sequence[Any]) -> tuple[list[int], list[str]]:
        """Keep tasks, or none when one of them is wrong; return results and names."""
        now = self._clock.time()
        results = [self._check(request, now) for request in requests]
        names = [_text(each.task_name) or self._make_name() for each in requests]
        if any(results):
            return [result or _Error.SKIPPED for result in results], names
        tasks = [
            _task(request, name, now)
            for request, name in zip(requests, names, strict=True)
        ]
        with self._tasks.writing(now) as connection:
            added = [self._keep(connection, task) for task in tasks]
        self._added()
        return [_ADDED[each] for each in added], names

    def _add_with_transaction(
        self, requests: Sequence[Any]
    ) -> tuple[list[int], list[str]]:
        """Hand tasks to the datastore, which adds them when it has committed."""
        from google.appengine.api import api_base_pb2, apiproxy_stub_map

        now = self._clock.time()
        results = [self._check(request, now) for request in requests]
        names = [_text(each.task_name) or self._make_name() for each in requests]
        if any(results):
            return [result or _Error.SKIPPED for result in results], names
        whole = messages.TaskQueueBulkAddRequest()
        for request, name in zip(requests, names, strict=True):
            add = whole.add_request.add()
            add.CopyFrom(request)
            add.task_name = name.encode("ascii")
        try:
            apiproxy_stub_map.MakeSyncCall(
                "datastore_v3", "AddActions", whole, api_base_pb2.VoidProto()
            )
        except apiproxy_errors.ApplicationError as error:
            code = error.application_error + _Error.DATASTORE_ERROR
            raise apiproxy_errors.ApplicationError(code, error.error_detail) from error
        return [int(_Error.OK)] * len(names), names


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _task(request: Any, name: str, now: float) -> Task | PullTask:
    if request.mode == messages.TaskQueueMode.PULL:
        return PullTask(
            queue=_text(request.queue_name),
            name=name,
            eta_microseconds=request.eta_usec or int(now * 1_000_000),
            body=bytes(request.body),
            tag=bytes(request.tag) if request.HasField("tag") else None,
        )
    retry = None
    if request.HasField("retry_parameters"):
        given = request.retry_parameters
        retry = {
            ours: getattr(given, theirs)
            for theirs, ours in _RETRY_FIELDS.items()
            if given.HasField(theirs)
        }
    return Task(
        queue=_text(request.queue_name),
        name=name,
        eta=request.eta_usec / 1_000_000 or now,
        method=_METHODS.get(request.method, "POST"),
        path=_text(request.url),
        headers=tuple((_text(each.key), _text(each.value)) for each in request.header),
        body=bytes(request.body),
        retry=retry,
    )
