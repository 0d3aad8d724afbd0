"""Leases of pull queues, for the task queue service.

Source: taskqueue_stub._Queue, QueryAndOwnTasks_Rpc and ModifyTaskLease_Rpc.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from google.appengine.api.taskqueue import taskqueue_service_bytes_pb2 as messages
from google.appengine.runtime import apiproxy_errors

from channelshim.appyaml.queues import Queue
from channelshim.contracts.tasks import LeaseState, PullTask, PullTasks

_logger: Final = logging.getLogger("channelshim.services")

_Error: Final = messages.TaskQueueServiceError
_REFUSED: Final = {
    LeaseState.EXPIRED: _Error.TASK_LEASE_EXPIRED,
    LeaseState.TOMBSTONED: _Error.TOMBSTONED_TASK,
    LeaseState.UNKNOWN: _Error.UNKNOWN_TASK,
}


def lease_tasks(
    tasks: PullTasks, queue: Queue, now: float, request: Any, response: Any
) -> int:
    """Answer QueryAndOwnTasks; return how many tasks were leased.

    Raises:
        ApplicationError: INVALID_REQUEST.
    """
    if request.lease_seconds < 0 or request.max_tasks <= 0:
        raise apiproxy_errors.ApplicationError(_Error.INVALID_REQUEST)
    if request.HasField("tag") and not request.group_by_tag:
        raise apiproxy_errors.ApplicationError(
            _Error.INVALID_REQUEST, "a tag needs group_by_tag"
        )

    def may_lease(task: PullTask) -> bool:
        # Its age does not count, as in the original.
        if not queue.retry.gives_up(task.leases + 1, 0.0):
            return True
        _logger.warning("task %s is given up after %s leases", task.name, task.leases)
        return False

    leased = tasks.lease(
        queue.name,
        now,
        request.lease_seconds,
        request.max_tasks,
        is_grouped=request.group_by_tag,
        tag=request.tag or None,
        may_lease=may_lease,
    )
    for task in leased:
        task_pb = response.task.add()
        task_pb.task_name = task.name.encode("ascii")
        task_pb.eta_usec = task.eta_microseconds
        task_pb.retry_count = task.leases
        task_pb.body = task.body
        if task.tag is not None:
            task_pb.tag = task.tag
    return len(leased)


def modify_lease(
    tasks: PullTasks, queue: Queue, now: float, request: Any, response: Any
) -> None:
    """Answer ModifyTaskLease.

    Raises:
        ApplicationError: INVALID_REQUEST, or why the lease is not the caller's.
    """
    if request.lease_seconds < 0:
        raise apiproxy_errors.ApplicationError(_Error.INVALID_REQUEST)
    lease, eta = tasks.renew(
        queue.name,
        request.task_name.decode("utf-8", "replace"),
        request.eta_usec,
        now,
        request.lease_seconds,
    )
    if lease is not LeaseState.HELD:
        raise apiproxy_errors.ApplicationError(_REFUSED[lease])
    response.updated_eta_usec = eta
