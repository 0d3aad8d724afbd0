"""The tasks of transactions: written in the commit of the transaction's entities.

So a crash between the two loses none. Google's services do it by two calls, AddActions
to the datastore and Add to the task queue after the commit; whoever puts a stub of
their own in the place of ours still gets those.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from channelshim.contracts.clock import Clock
from channelshim.contracts.tasks import Added, NewTask
from channelshim.services.task_requests import new_task, text_of

_logger: Final = logging.getLogger("channelshim.services")


class TransactionalTasks:
    """The link from the datastore's commits to the task queue of the same store.

    Args:
        is_ours: whether that queue answers the API now, and not another stub.
        added: called after tasks are stored; wakes the runner. Any thread.
        clock: says now.
    """

    def __init__(
        self, is_ours: Callable[[], bool], added: Callable[[], None], clock: Clock
    ) -> None:
        self._is_ours = is_ours
        self._added = added
        self._clock = clock

    def of(self, requests: Sequence[Any]) -> Sequence[NewTask] | None:
        """Return a transaction's tasks for its commit; None when the queue is another.

        Args:
            requests: as they came by AddActions, with names.
        """
        if not self._is_ours():
            return None
        now = self._clock.time()
        return [new_task(each, text_of(each.task_name), now) for each in requests]

    def committed(self, tasks: Sequence[NewTask], added: Sequence[Added]) -> None:
        """Say that a commit has added tasks; one that it could not is logged."""
        for task, outcome in zip(tasks, added, strict=True):
            if outcome is not Added.DONE:
                _logger.warning("the task %s is dropped: %s", task.name, outcome.value)
        self._added()
