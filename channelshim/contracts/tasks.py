"""Tasks of push and pull queues."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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


class Lease(Enum):
    """What became of a lease that was to be changed."""

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
