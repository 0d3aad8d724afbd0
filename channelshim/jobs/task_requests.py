"""What a task is to the app: a request with the headers that apps read, tried again."""

from __future__ import annotations

from typing import Final

from channelshim import limits
from channelshim.appyaml.queues import Queue, RetryParameters
from channelshim.contracts.dispatcher import InternalRequest
from channelshim.contracts.tasks import Task

_PLATFORM_HEADERS: Final = frozenset({"content-type", "content-length", "host"})


def retry_parameters(task: Task, queue: Queue | None) -> RetryParameters:
    """Return a task's own retry parameters, else its queue's."""
    if task.retry is None:
        return queue.retry if queue is not None else RetryParameters()
    return RetryParameters.of(task.retry)


def task_request(
    task: Task, target: str = "", previous_status: int | None = None
) -> InternalRequest:
    """Return the request of a task, with the headers that apps read.

    Args:
        task: to be run.
        target: of its queue; "" for the host that the task names.
        previous_status: what its last try was answered; None before the first, and
            after a restart.
    """
    host = next((value for name, value in task.headers if name.lower() == "host"), "")
    own = [
        (name, value)
        for name, value in task.headers
        if name.lower() not in _PLATFORM_HEADERS
    ]
    content_type = next(
        (value for name, value in task.headers if name.lower() == "content-type"), ""
    )
    retries = str(task.retries)
    before = []
    if previous_status is not None:
        before = [("X-AppEngine-TaskPreviousResponse", str(previous_status))]
    return InternalRequest(
        method=task.method,
        path=task.path,
        body=task.body,
        content_type=content_type,
        remote_address=limits.TASK_REMOTE_ADDRESS,
        target=target or host,
        headers=(
            *own,
            ("X-AppEngine-QueueName", task.queue),
            ("X-AppEngine-TaskName", task.name),
            ("X-AppEngine-TaskRetryCount", retries),
            ("X-AppEngine-TaskExecutionCount", retries),
            *before,
            ("X-AppEngine-TaskETA", f"{task.eta:.6f}"),
            ("User-Agent", "AppEngine-Google; (+http://code.google.com/appengine)"),
        ),
    )
