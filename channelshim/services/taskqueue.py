"""The task queue service: checks tasks and keeps them in the store.

Who runs them stands above: appserver.tasks.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from google.appengine.api.taskqueue import taskqueue_service_bytes_pb2 as messages
from google.appengine.runtime import apiproxy_errors

from channelshim import limits
from channelshim.appyaml.queues import Queue, QueueConfig
from channelshim.contracts.clock import Clock
from channelshim.contracts.tasks import Added, PullTasks, Tasks
from channelshim.errors import StorageError
from channelshim.services import pull_queues
from channelshim.services.executions import Executions
from channelshim.services.stubs import EagerStub
from channelshim.services.task_requests import new_task, text_of

_logger: Final = logging.getLogger("channelshim.services")

_Error: Final = messages.TaskQueueServiceError
_ADDED: Final = {
    Added.DONE: _Error.OK,
    Added.EXISTS: _Error.TASK_ALREADY_EXISTS,
    Added.TOMBSTONED: _Error.TOMBSTONED_TASK,
}
_METHODS: Final = {1: "GET", 2: "POST", 3: "HEAD", 4: "PUT", 5: "DELETE"}
_URL: Final = re.compile(rb"/[^\x00-\x1f\x7f]*")
"""A path with a control character reaches no handler: its task would be tried for
ever."""
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,500}")


class TaskQueueService(EagerStub):
    """The stub for the service `taskqueue`.

    Args:
        tasks: where those of push queues are kept, and those of pull queues added.
        pulled: where those of pull queues are kept.
        queues: queue.yaml.
        clock: the time.
        make_name: returns a new name for a task that has none.
        added: called after tasks are stored; wakes the runner. Any thread.
        executions: how many tasks were begun lately.
    """

    def __init__(
        self,
        tasks: Tasks,
        pulled: PullTasks,
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

    def translate(self, error: StorageError) -> Exception:
        """Return the error after which Google's client says: try again."""
        _logger.error("task queue: %s", error)
        translated: Exception = apiproxy_errors.ApplicationError(
            _Error.TRANSIENT_ERROR, str(error)
        )
        return translated

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
            task_result = response.taskresult.add()
            task_result.result = result
            if not add.task_name and result == _Error.OK:
                task_result.chosen_task_name = name.encode("ascii")

    def _Dynamic_Delete(self, request: Any, response: Any) -> None:
        queue = self._queue(request)
        names = [text_of(name) for name in request.task_name]
        results = self._kept(queue).delete(queue.name, names, self._clock.time())
        for was_there in results:
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
        for name in request.queue_name:
            stats = response.queuestats.add()
            stats.oldest_eta_usec = -1
            queue = self._queues.find(text_of(name))
            if queue is None:
                stats.num_tasks = 0
                continue
            statistics = self._kept(queue).statistics(queue.name, now)
            stats.num_tasks = statistics.tasks
            if statistics.oldest_eta is not None:
                stats.oldest_eta_usec = round(statistics.oldest_eta * 1_000_000)
            info = stats.scanner_info
            info.executed_last_minute = self._executions.last_minute(queue.name)
            # The message requires them; Google's client reads neither.
            info.executed_last_hour = 0
            info.sampling_duration_seconds = 60.0
            info.requests_in_flight = statistics.in_hand
            if queue.per_second is not None:
                info.enforced_rate = queue.per_second

    def _Dynamic_FetchQueues(self, _request: Any, response: Any) -> None:
        for queue in self._queues.queues:
            queue_pb = response.queue.add()
            queue_pb.queue_name = queue.name.encode("ascii")
            queue_pb.bucket_refill_per_second = queue.per_second or 0.0
            queue_pb.bucket_capacity = float(queue.bucket_size)
            queue_pb.user_specified_rate = b""
            queue_pb.paused = queue.per_second == 0
            if queue.is_pull:
                queue_pb.mode = messages.TaskQueueMode.PULL

    def _queue(self, request: Any) -> Queue:
        queue = self._queues.find(text_of(request.queue_name))
        if queue is None:
            raise apiproxy_errors.ApplicationError(_Error.UNKNOWN_QUEUE)
        return queue

    def _pull_queue(self, request: Any) -> Queue:
        queue = self._queue(request)
        if not queue.is_pull:
            raise apiproxy_errors.ApplicationError(_Error.INVALID_QUEUE_MODE)
        return queue

    def _kept(self, queue: Queue) -> Tasks | PullTasks:
        return self._pulled if queue.is_pull else self._tasks

    def _check(self, request: Any, now: float) -> int:
        queue = self._queues.find(text_of(request.queue_name))
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
        if request.task_name and not _NAME.fullmatch(text_of(request.task_name)):
            return int(_Error.INVALID_TASK_NAME)
        if len(request.tag) > limits.MAXIMUM_TASK_TAG_BYTES:
            return int(_Error.INVALID_TAG)
        if not is_pull and not _URL.fullmatch(request.url):
            return int(_Error.INVALID_URL)
        return int(_Error.OK)

    def _add(self, requests: Sequence[Any]) -> tuple[list[int], list[str]]:
        """Keep tasks, or none when one of them is wrong; return results and names."""
        now = self._clock.time()
        results = [self._check(request, now) for request in requests]
        names = [text_of(each.task_name) or self._make_name() for each in requests]
        if any(results):
            return [result or _Error.SKIPPED for result in results], names
        tasks = [
            new_task(request, name, now)
            for request, name in zip(requests, names, strict=True)
        ]
        added = self._tasks.add(tasks, now)
        self._added()
        return [_ADDED[each] for each in added], names

    def _add_with_transaction(
        self, requests: Sequence[Any]
    ) -> tuple[list[int], list[str]]:
        """Hand tasks to the datastore, which adds them when it has committed."""
        from google.appengine.api import api_base_pb2, apiproxy_stub_map

        now = self._clock.time()
        results = [self._check(request, now) for request in requests]
        names = [text_of(each.task_name) or self._make_name() for each in requests]
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
