"""One try of a task: its request, and what is written of it afterwards."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from channelshim.appyaml.queues import Queue
from channelshim.contracts.clock import Clock
from channelshim.contracts.dispatcher import Dispatcher
from channelshim.contracts.tasks import Task, Tasks
from channelshim.errors import StorageError
from channelshim.jobs.task_requests import retry_parameters, task_request
from channelshim.kernel.deadlines import Deadlines
from channelshim.runtime.log_text import one_line

MAXIMUM_LAST_ANSWERS: Final = 10_000
"""Failed tasks whose last answer is remembered for their next try."""

POSTPONED_SECONDS: Final = 60.0
"""After which a task is tried again that a fault of our own has stopped."""

_logger: Final = logging.getLogger("channelshim.tasks")


class Attempts:
    """Tries tasks: any thread, several at once.

    Args:
        tasks: where they are kept.
        queues: of queue.yaml, by name.
        dispatcher: makes the requests.
        clock: says now.
        deadlines: has the app's code hear of its deadline; None for one of its own.
        deadline_seconds: after which a task is told to end; 0 for never.
    """

    def __init__(
        self,
        tasks: Tasks,
        queues: Mapping[str, Queue],
        dispatcher: Dispatcher,
        clock: Clock,
        deadlines: Deadlines | None,
        deadline_seconds: float,
    ) -> None:
        self._tasks = tasks
        self._queues = queues
        self._dispatcher = dispatcher
        self._clock = clock
        self._deadlines = deadlines or Deadlines()
        self._deadline_seconds = deadline_seconds
        # By queue and name, until the next try.
        self._last_answers: dict[tuple[str, str], int] = {}
        # What became of tasks that have run, and could not be written.
        self._unsettled: deque[Callable[[], None]] = deque()

    def make(self, task: Task) -> None:
        """Make a task's request, and finish the task or have it tried again."""
        queue = self._queues.get(task.queue)
        key = task.queue, task.name
        request = task_request(
            task,
            queue.target if queue is not None else "",
            self._last_answers.pop(key, None),
        )
        with self._deadlines.limit(self._deadline_seconds):
            status = self._dispatcher.dispatch(request).status
        now = self._clock.time()
        if 200 <= status < 300:
            self._settle(task, partial(self._tasks.finish, task, now))
            return
        retry = retry_parameters(task, queue)
        first = now if task.first_tried_at is None else task.first_tried_at
        if retry.gives_up(task.retries + 1, now - first):
            _logger.error(
                "task %s of queue %s is given up after %s tries: %s answered %s",
                task.name,
                task.queue,
                task.retries + 1,
                one_line(task.path),
                status,
            )
            self._settle(task, partial(self._tasks.finish, task, now))
            return
        wait = retry.backoff_seconds(task.retries + 1)
        _logger.warning(
            "task %s of queue %s: %s answered %s; again in %.1f s",
            task.name,
            task.queue,
            one_line(task.path),
            status,
            wait,
        )
        if len(self._last_answers) < MAXIMUM_LAST_ANSWERS:
            self._last_answers[key] = status
        self._settle(task, partial(self._tasks.give_back, task, now + wait))

    def postpone(self, task: Task) -> None:
        """Give a task back after a fault of our own."""
        try:
            later = self._clock.time() + POSTPONED_SECONDS
            self._settle(task, partial(self._tasks.give_back, task, later))
        except StorageError as error:
            _logger.error("task %s of %s: %s", task.name, task.queue, error)

    def settle_left(self) -> None:
        """Write what could not be written before. One thread.

        Raises:
            StorageError: the store is still away.
        """
        while self._unsettled:
            # Nobody else takes a task that is leased by this worker.
            self._unsettled[0]()
            self._unsettled.popleft()

    def _settle(self, task: Task, settle: Callable[[], None]) -> None:
        """Write what becomes of a task; later, where the store is away now."""
        try:
            settle()
        except StorageError as error:
            _logger.error(
                "task %s of %s has ended, which will be written when the store is "
                "back: %s",
                task.name,
                task.queue,
                error,
            )
            self._unsettled.append(settle)
