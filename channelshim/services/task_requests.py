"""Tasks as they come by the API: from its messages to the store's records."""

from __future__ import annotations

from typing import Any, Final

from google.appengine.api.taskqueue import taskqueue_service_bytes_pb2 as messages

from channelshim.contracts.tasks import NewTask, PullTask, Task

_METHODS: Final = {1: "GET", 2: "POST", 3: "HEAD", 4: "PUT", 5: "DELETE"}
_RETRY_FIELDS: Final = {
    "retry_limit": "limit",
    "age_limit_sec": "age_limit_seconds",
    "min_backoff_sec": "min_backoff_seconds",
    "max_backoff_sec": "max_backoff_seconds",
    "max_doublings": "max_doublings",
}


def text_of(value: bytes | str) -> str:
    """Return a field of a message as text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def new_task(request: Any, name: str, now: float) -> NewTask:
    """Return the task of a TaskQueueAddRequest.

    Args:
        request: checked.
        name: chosen, where the request has none.
        now: Unix seconds; the eta of one that names none.
    """
    if request.mode == messages.TaskQueueMode.PULL:
        return PullTask(
            queue=text_of(request.queue_name),
            name=name,
            eta_microseconds=request.eta_usec or int(now * 1_000_000),
            body=bytes(request.body),
            tag=bytes(request.tag) if request.HasField("tag") else None,
        )
    retry = None
    if request.HasField("retry_parameters"):
        parameters = request.retry_parameters
        retry = {
            ours: getattr(parameters, theirs)
            for theirs, ours in _RETRY_FIELDS.items()
            if parameters.HasField(theirs)
        }
    return Task(
        queue=text_of(request.queue_name),
        name=name,
        eta=request.eta_usec / 1_000_000 or now,
        method=_METHODS.get(request.method, "POST"),
        path=text_of(request.url),
        headers=tuple(
            (text_of(each.key), text_of(each.value)) for each in request.header
        ),
        body=bytes(request.body),
        retry=retry,
    )
