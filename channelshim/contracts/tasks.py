"""Tasks of push and pull queues."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol, Union

WORKER_BEAT_SECONDS: Final = 5.0
"""How often a worker of a shared store says that it lives."""

WORKER_SILENCE_SECONDS: Final = 30.0
"""After which it counts as dead, for those who have had no gap themselves so long."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task.

    Attributes:
        queue: its queue's name.
        name: unique within the queue.
        eta: Unix seconds, not before which it runs.
        method: "POST" and the like.
        path: with its query.
        headers: (name, value) pairs of the app and the platform.
        body: as it is sent.
        retry: its own retry parameters by the names of appyaml.queues, or None.
        retries: how often it has been tried before.
        first_tried_at: Unix seconds, or None before the first try.
        lease: the number of the lease that `take` gave, another for each; 0 for a task
            that was never taken.
    """

    queue: str
    name: str
    eta: float
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    retry: dict[str, float] | None = None
    retries: int = 0
    first_tried_at: float | None = None
    lease: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class PullTask:
    """One task of a pull queue.

    Attributes:
        queue: its queue's name.
        name: unique within the queue.
        eta_microseconds: since the epoch; before it nobody may lease the task, and who
            has leased it holds it until then.
        body: its payload.
        tag: what lease_tasks_by_tag asks for, or None.
        leases: how often it has been leased, the present lease included.
    """

    queue: str
    name: str
    eta_microseconds: int
    body: bytes
    tag: bytes | None = None
    leases: int = 0


NewTask = Union[Task, PullTask]  # noqa: UP007
"""A task to be added, to a push or a pull queue."""


@dataclass(frozen=True, slots=True)
class ListedTask:
    """A task of a push queue, as whoever looks at the queue sees it.

    Attributes:
        task: as it waits.
        leased_until: Unix seconds, while a worker has it in hand; 0 for a task that
            waits.
    """

    task: Task
    leased_until: float = 0.0


class LeaseState(Enum):
    """How a lease stood when the app asked to change it."""

    HELD = "held"
    EXPIRED = "it has ended, or somebody else has it"
    TOMBSTONED = "the task has been deleted"
    UNKNOWN = "there was never such a task"


class Added(Enum):
    """What became of a task that was to be added."""

    DONE = "done"
    EXISTS = "a task of this name is waiting"
    TOMBSTONED = "a task of this name has run lately"


@dataclass(frozen=True, slots=True)
class QueueStatistics:
    """What a queue holds.

    Attributes:
        tasks: that wait, run or are leased.
        oldest_eta: Unix seconds; None when there is no task.
        in_hand: how many of them run or are leased.
    """

    tasks: int
    oldest_eta: float | None
    in_hand: int = 0


@dataclass(frozen=True, slots=True)
class QueueRule:
    """How fast a queue's tasks may start.

    Attributes:
        queue: its name.
        per_second: tasks started per second; None for no bound; 0 pauses it.
        bucket_size: tasks that may start at once after a pause.
        max_concurrent: tasks that run at once; None for no bound.
    """

    queue: str
    per_second: float | None
    bucket_size: int
    max_concurrent: int | None


class Tasks(Protocol):
    """The tasks of push queues: kept until they have run, leased while they run.

    Any thread. A lease ends when its worker starts again and calls `release`, and for
    other workers with its time, which `renew` puts off; so each task runs at least
    once, and never beside itself, whatever the clock does. A name is taken while its
    task waits, and rests for limits.TASK_TOMBSTONE_SECONDS after it has run or was
    deleted. Every method raises StorageError, and has changed nothing, when the store
    refuses.
    """

    @property
    def worker_id(self) -> str:
        """Who takes tasks in this process; the same after a restart."""

    @property
    def is_shared(self) -> bool:
        """Whether servers that know nothing of each other take tasks here.

        Then `take` and `waits` keep to the rules of queues over all of them, and a
        worker must `beat`. Else that is the one worker's own affair.
        """

    def add(self, tasks: Sequence[NewTask], now: float) -> Sequence[Added]:
        """Add tasks, to pull queues too, in one commit; one refused stops no other.

        Args:
            tasks: with their names.
            now: Unix seconds, as everywhere here.
        """

    def take(
        self,
        worker_id: str,
        now: float,
        *,
        limit: int,
        lease_seconds: float,
        excluded_queues: Collection[str] = (),
        rules: Collection[QueueRule] = (),
    ) -> Sequence[Task]:
        """Lease tasks that are due, longest due first; no two callers get the same.

        What the worker itself has in hand is not free, however long that takes.

        Args:
            worker_id: who runs them: the same after a restart, another for each
                process that is alive.
            now: Unix seconds.
            limit: how many at most.
            lease_seconds: after which they are free for other workers.
            excluded_queues: none of theirs.
            rules: of queues, kept to where the store is shared.
        """

    def waits(self, rules: Collection[QueueRule], now: float) -> Mapping[str, float]:
        """Return the seconds until each queue may start a task; 0 for now.

        Args:
            rules: of the queues.
            now: Unix seconds.
        """

    def count_others(self, worker_id: str) -> int:
        """Return how many other workers live; 0 where there can be none.

        Args:
            worker_id: the one that is left out.
        """

    def beat(self, worker_id: str) -> None:
        """Say that a worker lives, and free what dead ones had leased.

        Args:
            worker_id: as in `take`; to be called every WORKER_BEAT_SECONDS.
        """

    def renew(self, worker_id: str, until: float) -> None:
        """Keep what this worker has in hand from the others for longer.

        Args:
            worker_id: as in `take`.
            until: Unix seconds.
        """

    def give_back(self, task: Task, eta: float, *, counts_as_try: bool = True) -> None:
        """Free a task to run again at eta, if this lease of it still holds.

        The task may be gone, another worker's by now, or another one of its name.
        """

    def finish(self, task: Task, now: float) -> None:
        """Remove a task that has run, or is given up; its name rests for a while.

        Nothing is removed when its lease no longer holds; see `give_back`.
        """

    def delete(self, queue: str, names: Sequence[str], now: float) -> Sequence[bool]:
        """Remove tasks, leased or not; return for each whether it was there."""

    def purge(self, queue: str) -> None:
        """Remove all tasks of a queue; their names are free at once."""

    def release(self, worker_id: str) -> None:
        """Free what this worker had leased before it died; others keep theirs."""

    def next_eta(
        self, worker_id: str, excluded_queues: Collection[str] = ()
    ) -> float | None:
        """Return when the next task will be free for this worker, or None."""

    def statistics(self, queue: str, now: float) -> QueueStatistics:
        """Return what a queue holds."""

    def listed(
        self, queue: str, after: tuple[float, str] | None, limit: int
    ) -> Sequence[ListedTask]:
        """Return a page of a queue's tasks by eta, then name; those in hand too.

        Those that cannot be read, of a damaged store, are left out.

        Args:
            queue: its name.
            after: eta and name of the last one of the page before; None for the first
                page.
            limit: how many at most.
        """

    def find(self, queue: str, name: str) -> ListedTask | None:
        """Return one task, or None."""

    def take_named(
        self, worker_id: str, queue: str, name: str, now: float, lease_seconds: float
    ) -> Task | None:
        """Lease one task, due or not; None when it is gone or in somebody's hand."""

    def pause(self, queue: str, *, is_paused: bool) -> None:
        """Note whether a queue's tasks wait until somebody resumes it.

        The store remembers; who runs tasks asks `paused`.
        """

    def paused(self) -> Collection[str]:
        """Return the names of the queues that were paused."""


class PullTasks(Protocol):
    """The tasks of pull queues: the app leases them, does them and deletes them.

    Any thread. A lease is an eta in the future: it outlives the process. Names and
    errors are as in Tasks, which adds these too.
    """

    def lease(
        self,
        queue: str,
        now: float,
        lease_seconds: float,
        most: int,
        *,
        is_grouped: bool = False,
        tag: bytes | None = None,
        may_lease: Callable[[PullTask], bool] = lambda task: True,
    ) -> Sequence[PullTask]:
        """Lease tasks whose eta has come, oldest first; return them as they are now.

        Args:
            queue: its name.
            now: Unix seconds.
            lease_seconds: for which nobody else gets them.
            most: how many at most.
            is_grouped: whether all have one tag: `tag`, else that of the oldest.
            tag: None for that of the oldest, which may be none.
            may_lease: a task for which it says False is removed instead.
        """

    def renew(
        self,
        queue: str,
        name: str,
        eta_microseconds: int,
        now: float,
        lease_seconds: float,
    ) -> tuple[LeaseState, int]:
        """Let a lease end lease_seconds from now; return what became of it, its eta.

        Args:
            queue: its name.
            name: the task's.
            eta_microseconds: as the lease said it; another means another's lease.
            now: Unix seconds.
            lease_seconds: 0 gives the task up for others.
        """

    def delete(self, queue: str, names: Sequence[str], now: float) -> Sequence[bool]:
        """Remove tasks, leased or not; return for each whether it was there."""

    def purge(self, queue: str) -> None:
        """Remove all tasks of a queue; their names are free at once."""

    def statistics(self, queue: str, now: float) -> QueueStatistics:
        """Return what a queue holds."""

    def listed(
        self, queue: str, after: tuple[int, str] | None, limit: int
    ) -> Sequence[PullTask]:
        """Return a page of a queue's tasks by eta, then name; leased ones too.

        Args:
            queue: its name.
            after: eta in microseconds and name of the last one of the page before;
                None for the first page.
            limit: how many at most.
        """

    def find(self, queue: str, name: str) -> PullTask | None:
        """Return one task, or None."""
