"""Which tasks are in hand, and how many threads run them: no queue stops another.

Theory. The threads that run tasks have two parts. One is for each queue that has a
task in hand: its first one. The other is shared: whatever a queue runs beside its first
task. So a queue whose tasks never end can take all that is shared, and no other queue's
first: that one still runs its tasks, one after another at least. A queue that is alone
runs as many at once as there are runners.

    threads = (runners - 1) shared + 1 for each queue that has a task in hand

There are no more than a bound, nor than the system has; a task without a thread of its
own waits for the next that is free. The second part is started when it is needed and
ends when it is not. Tasks that have not ended in time are counted in neither, as
another thread has taken their place.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection
from typing import Final

from channelshim.contracts.tasks import Task

MAXIMUM_FURTHER: Final = 100
"""Threads beside the runners: more queues than that share them too. An app process
has threads for twice as many requests of the platform's own."""


class Shares:
    """Counts tasks and the threads that run them. Under its owner's lock.

    Args:
        runners: threads that stay, and tasks of one queue that run at once.
        maximum_further: threads beside them.

    Attributes:
        running: tasks that were handed out and have not ended, by queue.
        begun: of each thread that runs one: since when (monotonic seconds), and which.
        given_up: threads whose place another has taken; they end with their task.
        threads: that take tasks.
    """

    def __init__(self, runners: int, maximum_further: int = MAXIMUM_FURTHER) -> None:
        self._runners = runners
        self._most = runners + maximum_further
        # Threads that stay when they have no task.
        self._staying = 0
        self.running: Counter[str] = Counter()
        self.begun: dict[int, tuple[float, Task]] = {}
        self.given_up: set[int] = set()
        self.threads: int = 0

    def begin(self) -> None:
        """Count the runners, which are about to start."""
        self._staying = self._runners
        self.threads += self._runners

    def full_queues(self) -> Collection[str]:
        """Return the queues whose share is in use."""
        busy = self._busy()
        is_shared_free = busy.total() - len(busy) < self._runners - 1
        return () if is_shared_free else busy.keys()

    @property
    def is_full(self) -> bool:
        """Whether no queue may start a task."""
        return self._busy().total() >= self._most

    def hand_out(self, queue: str) -> bool:
        """Count a task; return whether a further thread is to be started for it."""
        self.running[queue] += 1
        if self._busy().total() <= self.threads or self.threads >= self._most:
            return False
        self.threads += 1
        return True

    def note_missing_thread(self) -> None:
        """Note that the further thread could not be started."""
        self.threads -= 1

    def start(self, task: Task, now: float) -> None:
        """Note that this thread runs a task."""
        self.begun[threading.get_ident()] = (now, task)

    def give_up(self, thread: int, task: Task) -> None:
        """Note that a further thread was started in place of one that is late."""
        if self.begun.get(thread, (0.0, None))[1] is task:
            self.given_up.add(thread)
        else:
            # It has ended a moment ago: there is one thread more.
            self.threads += 1

    def end(self, task: Task) -> bool:
        """Note that this thread's task has ended; return whether the thread ends."""
        thread = threading.get_ident()
        self.begun.pop(thread, None)
        self.running[task.queue] -= 1
        if thread in self.given_up:
            self.given_up.discard(thread)
            return True
        # A task may wait for this thread, where no further one could be started.
        if self.threads > max(self._staying, self._busy().total()):
            self.threads -= 1
            return True
        return False

    def _busy(self) -> Counter[str]:
        """Return the tasks by queue, without those that are late."""
        late = Counter(self.begun[thread][1].queue for thread in self.given_up)
        return self.running - late
