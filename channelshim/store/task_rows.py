"""Tasks as rows of a table, for every engine."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any, Final

from channelshim.contracts.tasks import Task

_logger: Final = logging.getLogger("channelshim.store")

COLUMNS: Final = (
    "queue, name, eta, method, path, headers, body, retry, retries, first_tried_at"
)
"""In the order of `task_values` and `read_task`."""

UNREADABLE: Final = (ValueError, TypeError, AttributeError, RecursionError)
"""What `read_task` raises of a row that is damaged."""


def task_values(task: Task) -> tuple[Any, ...]:
    """Return what stands in a task's columns; text as text."""
    return (
        task.queue,
        task.name,
        task.eta,
        task.method,
        task.path,
        json.dumps(task.headers),
        task.body,
        None if task.retry is None else json.dumps(task.retry),
        task.retries,
        task.first_tried_at,
    )


def read_task(row: Sequence[Any]) -> Task:
    """Return the task of a row whose text is UTF-8 bytes.

    Raises:
        UNREADABLE: it is damaged.
    """
    queue, name, eta, method, path, headers, body, retry, retries, first = row
    pairs = tuple((str(key), str(value)) for key, value in json.loads(headers))
    own_retry = None if retry is None else json.loads(retry)
    if own_retry is not None:
        own_retry = {str(key): float(value) for key, value in own_retry.items()}
    return Task(
        queue=queue.decode("utf-8"),
        name=name.decode("utf-8"),
        eta=float(eta),
        method=method.decode("utf-8"),
        path=path.decode("utf-8"),
        headers=pairs,
        body=bytes(body),
        retry=own_retry,
        retries=int(retries),
        first_tried_at=None if first is None else float(first),
    )


def readable_task(row: Sequence[Any]) -> Task | None:
    """Return the task of such a row; None, and a line in the log, of a damaged one."""
    try:
        return read_task(row)
    except UNREADABLE as error:
        _logger.error(
            "the task %r of queue %r cannot be read (%s) and is left out until the "
            "next start; to remove it, purge the queue",
            row[1],
            row[0],
            error,
        )
        return None
