"""No queue takes the threads that another one needs for its first task."""

from __future__ import annotations

import threading
from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from channelshim.contracts.tasks import Task
from channelshim.jobs.shares import Shares
from tests.exploring import Cases, explored

RUNNERS = 3
FURTHER = 4
QUEUES = ("a", "b", "c", "d", "e", "f")


class Machine(RuleBasedStateMachine):
    """Hands tasks out and ends them; a thread is a number of its own here."""

    def __init__(self) -> None:
        super().__init__()
        self.shares = Shares(RUNNERS, FURTHER)
        self.shares.begin()
        self.waiting: list[Task] = []
        self.idle = set(range(RUNNERS))
        self.busy: dict[int, Task] = {}
        self.late: set[int] = set()
        self.next_thread = RUNNERS
        # Whether a thread could ever not be started.
        self.had_none = False

    def new_thread(self) -> None:
        self.idle.add(self.next_thread)
        self.next_thread += 1

    def open_queues(self) -> list[str]:
        if self.shares.is_full:
            return []
        return [name for name in QUEUES if name not in self.shares.full_queues()]

    @precondition(lambda self: self.open_queues())
    @rule(data=st.data())
    def hand_out(self, data: st.DataObject) -> None:
        queue = data.draw(st.sampled_from(self.open_queues()))
        self.waiting.append(Task(queue, "n", 0.0, "POST", "/"))
        if self.shares.hand_out(queue):
            self.new_thread()

    @precondition(lambda self: self.open_queues())
    @rule(data=st.data())
    def hand_out_where_no_thread_can_be_started(self, data: st.DataObject) -> None:
        queue = data.draw(st.sampled_from(self.open_queues()))
        self.waiting.append(Task(queue, "n", 0.0, "POST", "/"))
        if self.shares.hand_out(queue):
            self.shares.note_missing_thread()
            self.had_none = True

    @precondition(lambda self: self.waiting and self.idle)
    @rule()
    def start(self) -> None:
        thread, task = self.idle.pop(), self.waiting.pop(0)
        self.busy[thread] = task
        self.shares.begun[thread] = (0.0, task)

    @precondition(lambda self: self.busy)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        thread = data.draw(st.sampled_from(sorted(self.busy)))
        own = threading.get_ident()
        task = self.busy.pop(thread)
        # It looks at which thread calls.
        self.shares.begun[own] = self.shares.begun.pop(thread)
        if thread in self.late:
            self.late.discard(thread)
            self.shares.given_up.discard(thread)
            self.shares.given_up.add(own)
        was_late = own in self.shares.given_up
        if not self.shares.end(task):
            self.idle.add(thread)
        elif not was_late:
            assert len(self.idle) >= len(self.waiting)

    @precondition(lambda self: len(self.late) < RUNNERS and self.busy)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        thread = data.draw(st.sampled_from(sorted(self.busy)))
        if thread not in self.late:
            self.late.add(thread)
            self.shares.give_up(thread, self.busy[thread])
            self.new_thread()

    @rule()
    def give_up_one_that_has_ended(self) -> None:
        self.shares.give_up(-1, Task("a", "n", 0.0, "POST", "/"))
        self.new_thread()

    @invariant()
    def each_task_has_a_thread(self) -> None:
        assert self.had_none or len(self.idle) >= len(self.waiting)
        assert self.shares.threads == len(self.idle) + len(self.busy) - len(self.late)

    @invariant()
    def queue_without_a_task_may_start_one(self) -> None:
        tasks = [task for thread, task in self.busy.items() if thread not in self.late]
        by_queue = Counter(task.queue for task in [*tasks, *self.waiting])
        assert by_queue.total() <= RUNNERS + FURTHER
        assert by_queue.total() - len(by_queue) <= RUNNERS - 1
        if by_queue.total() < RUNNERS + FURTHER:
            assert set(QUEUES) - set(by_queue) <= set(self.open_queues())


@explored(20, 500)
def test_each_queue_has_its_share(cases: Cases) -> None:
    cases.check_machine(Machine, steps=40)


def test_queue_that_is_alone_has_all_runners() -> None:
    shares = Shares(RUNNERS)
    shares.begin()
    for _ in range(RUNNERS):
        assert not shares.full_queues()
        assert not shares.hand_out("a")
    assert set(shares.full_queues()) == {"a"}
    assert shares.hand_out("b")


def test_threads_are_bounded_however_many_tasks_are_handed_out() -> None:
    shares = Shares(RUNNERS, FURTHER)
    shares.begin()
    assert [shares.hand_out("a") for _ in range(100)].count(True) == FURTHER
    assert shares.threads == RUNNERS + FURTHER


def test_thread_stays_for_a_task_that_could_have_none() -> None:
    shares = Shares(1)
    shares.begin()
    first, second = (Task(name, "n", 0.0, "POST", "/") for name in "ab")
    assert not shares.hand_out("a")
    shares.start(first, 0.0)
    assert shares.hand_out("b")
    shares.note_missing_thread()
    assert not shares.end(first)
    shares.start(second, 0.0)
    assert not shares.end(second)
