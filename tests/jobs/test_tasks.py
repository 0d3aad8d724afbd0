"""Tasks run when due, again when they fail, and hold up nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from channelshim.appyaml.queues import QueueConfig, parse_queues
from channelshim.contracts.clock import Clock
from channelshim.contracts.dispatcher import InternalRequest, InternalResponse
from channelshim.contracts.store import Store
from channelshim.contracts.tasks import Task
from channelshim.errors import StorageError
from channelshim.jobs import tasks as tasks_module
from channelshim.jobs.task_requests import task_request
from channelshim.jobs.tasks import TaskRunner
from channelshim.kernel.threads import Kept, Threads
from channelshim.store.sqlite.state import SqliteStore
from tests.lanes import timeout_factor

Wait = Callable[..., Any]


class App:
    """A Dispatcher that notes what is asked of it."""

    def __init__(self) -> None:
        self.seen: list[InternalRequest] = []
        self.status: Callable[[InternalRequest], int] = lambda request: 200

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        self.seen.append(request)
        return InternalResponse(self.status(request), (), b"")

    def paths(self) -> list[str]:
        return [request.path for request in self.seen]


class Bench:
    """A runner over a store, and the app it asks."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.tasks = store.tasks
        self.app = App()
        self.runner: TaskRunner | None = None

    def start(
        self,
        queues: QueueConfig | None = None,
        *,
        runners: int = 3,
        clock: Clock = time,
        **more: Any,
    ) -> None:
        self.runner = TaskRunner(
            self.tasks,
            queues or QueueConfig(),
            self.app,
            clock,
            runners=runners,
            **more,
        )
        self.runner.start()

    def hang(self) -> threading.Event:
        """Have requests of paths that begin with /hangs wait for an event."""
        goes_on = threading.Event()

        def hang(request: InternalRequest) -> int:
            if request.path.startswith("/hangs"):
                goes_on.wait()
            return 200

        self.app.status = hang
        return goes_on

    def add(self, *tasks: Task) -> None:
        self.tasks.add(tasks, time.time())
        if self.runner is not None:
            self.runner.wake()


@pytest.fixture
def sqlite_bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(SqliteStore(tmp_path, takes_lease=False))
    yield made
    if made.runner is not None:
        made.runner.stop(5)


@pytest.fixture
def bench(open_engine: Callable[[], Store]) -> Iterator[Bench]:
    made = Bench(open_engine())
    yield made
    if made.runner is not None:
        made.runner.stop(5)


def task(path: str, queue: str = "default", delay: float = 0.0, **more: Any) -> Task:
    name = f"n{path.strip('/')}"
    return Task(queue, name, time.time() + delay, "POST", path, **more)


def test_due_tasks_run_once_and_are_gone(bench: Bench, wait_until: Wait) -> None:
    bench.add(task("/before"))
    bench.start()
    bench.add(task("/after"), task("/later", delay=0.2), task("/far", delay=3600))
    wait_until(lambda: bench.tasks.statistics("default", time.time()).tasks == 1)
    assert sorted(bench.app.paths()) == ["/after", "/before", "/later"]


def test_failed_task_runs_again_after_a_pause(bench: Bench, wait_until: Wait) -> None:
    bench.app.status = lambda request: 200 if len(bench.app.seen) > 2 else 500
    bench.start()
    bench.add(task("/flaky", retry={"min_backoff_seconds": 0.01}))
    wait_until(lambda: bench.tasks.statistics("default", time.time()).tasks == 0)
    counts = [dict(seen.headers) for seen in bench.app.seen]
    retries = [headers["X-AppEngine-TaskRetryCount"] for headers in counts]
    assert retries == ["0", "1", "2"]


def test_hopeless_task_is_given_up(bench: Bench, wait_until: Wait) -> None:
    bench.app.status = lambda request: 500
    bench.start()
    bench.add(task("/bad", retry={"limit": 1, "min_backoff_seconds": 0.01}))
    wait_until(lambda: bench.tasks.statistics("default", time.time()).tasks == 0)
    assert bench.app.paths() == ["/bad", "/bad"]


def test_task_whose_end_cannot_be_written_runs_once(
    bench: Bench, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, refused = bench.tasks.finish, []

    def refuse_twice(*what: Any) -> None:
        if len(refused) < 2:
            refused.append(what)
            raise StorageError("the store is away")
        finish(*what)

    monkeypatch.setattr(bench.tasks, "finish", refuse_twice)
    monkeypatch.setattr(tasks_module, "_AFTER_ERROR_SECONDS", 0.01)
    bench.start()
    bench.add(task("/once"))
    wait_until(lambda: bench.tasks.statistics("default", time.time()).tasks == 0)
    assert (len(refused), bench.app.paths()) == (2, ["/once"])


def test_slow_task_holds_up_nobody(bench: Bench, wait_until: Wait) -> None:
    free = threading.Event()

    def status(request: InternalRequest) -> int:
        if request.path == "/slow":
            free.wait(10 * timeout_factor())
        return 200

    bench.app.status = status
    bench.start()
    bench.add(task("/slow"))
    wait_until(lambda: "/slow" in bench.app.paths())
    bench.add(task("/quick"))
    wait_until(lambda: "/quick" in bench.app.paths())
    free.set()
    wait_until(lambda: bench.tasks.statistics("default", time.time()).tasks == 0)


def test_queue_keeps_its_bounds(bench: Bench, wait_until: Wait) -> None:
    queues = parse_queues(
        "queue:\n"
        "- name: paused\n  rate: 0\n  bucket_size: 1\n"
        "- name: single\n  max_concurrent_requests: 1\n"
        "- name: rated\n  rate: 20/s\n  bucket_size: 1\n"
    )
    at_once: list[int] = [0, 0]
    lock = threading.Lock()

    def status(request: InternalRequest) -> int:
        with lock:
            at_once[0] += 1
            at_once[1] = max(at_once)
        with lock:
            at_once[0] -= 1
        return 200

    bench.app.status = status
    bench.start(queues)
    bench.add(*[task(f"/single{number}", "single") for number in range(5)])
    wait_until(lambda: bench.tasks.statistics("single", time.time()).tasks == 0)
    assert at_once[1] == 1
    started = time.monotonic()
    bench.add(*[task(f"/rated{number}", "rated") for number in range(5)])
    bench.add(*[task(f"/paused{number}", "paused") for number in range(3)])
    wait_until(lambda: bench.tasks.statistics("rated", time.time()).tasks == 0)
    assert time.monotonic() - started > 0.15
    # The bucket of a paused queue is never filled again.
    assert bench.tasks.statistics("paused", time.time()).tasks == 2


def test_task_in_hand_at_a_crash_runs_after_the_next_start(
    bench: Bench, wait_until: Wait
) -> None:
    bench.add(task("/crashed"))
    worker = bench.tasks.worker_id
    assert bench.tasks.take(worker, time.time(), limit=1, lease_seconds=900)
    bench.start()
    wait_until(lambda: bench.app.paths() == ["/crashed"])


def test_task_that_another_worker_has_in_hand_is_left_to_it(
    bench: Bench, wait_until: Wait
) -> None:
    bench.add(task("/theirs"))
    assert bench.tasks.take("other", time.time(), limit=1, lease_seconds=900)
    bench.start()
    bench.add(task("/ours"))
    # The two: theirs is in hand until its lease ends, ours is done and gone.
    wait_until(lambda: bench.tasks.statistics("default", time.time()).tasks == 1)
    assert bench.app.paths() == ["/ours"]
    assert bench.tasks.statistics("default", time.time()).in_hand == 1


class JumpingClock:
    """The time, and how far somebody has moved it."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.fast = 0.0

    def time(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.fast


@pytest.mark.parametrize("ahead", [0.0, 20 * 60.0, -3600.0])
@pytest.mark.parametrize("fast", [0.0, 20 * 60.0])
def test_task_in_hand_never_begins_again_beside_itself(
    bench: Bench, wait_until: Wait, ahead: float, fast: float
) -> None:
    began, free = threading.Event(), threading.Event()

    def status(request: InternalRequest) -> int:
        if request.path == "/long":
            began.set()
            free.wait(30 * timeout_factor())
        return 200

    bench.app.status = status
    clock = JumpingClock()
    bench.start(clock=clock, deadline_seconds=3600.0)
    bench.add(task("/long"))
    assert began.wait(10 * timeout_factor())
    clock.ahead, clock.fast = ahead, fast
    bench.tasks.add([replace(task("/next"), eta=0.0)], time.time())
    assert bench.runner is not None
    bench.runner.wake()
    wait_until(lambda: "/next" in bench.app.paths())
    free.set()
    wait_until(lambda: bench.tasks.statistics("default", time.time()).tasks == 0)
    assert sorted(bench.app.paths()) == ["/long", "/next"]


def test_long_task_is_kept_from_other_processes(bench: Bench, wait_until: Wait) -> None:
    began, free = threading.Event(), threading.Event()

    def status(request: InternalRequest) -> int:
        began.set()
        free.wait(30 * timeout_factor())
        return 200

    bench.app.status = status
    clock = JumpingClock()
    bench.start(clock=clock, deadline_seconds=3600.0)
    bench.add(task("/long"))
    assert began.wait(10 * timeout_factor())
    leased_until = bench.tasks.next_eta("other")
    clock.ahead = clock.fast = 10 * 60.0
    assert bench.runner is not None
    bench.runner.wake()
    wait_until(lambda: (bench.tasks.next_eta("other") or 0) > (leased_until or 0) + 60)
    free.set()


def test_stop_waits_for_the_task_in_hand(bench: Bench, wait_until: Wait) -> None:
    began, free = threading.Event(), threading.Event()

    def status(request: InternalRequest) -> int:
        began.set()
        free.wait(10 * timeout_factor())
        return 200

    bench.app.status = status
    bench.start()
    bench.add(task("/slow"))
    assert began.wait(10 * timeout_factor())
    assert bench.runner is not None
    assert not bench.runner.stop(0.01)
    free.set()
    assert bench.runner.stop(10)
    assert bench.tasks.statistics("default", time.time()).tasks == 0


def test_nobody_reads_the_store_after_the_stop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, free = threading.Event(), threading.Event()
    next_eta = bench.tasks.next_eta

    def slow(*arguments: Any) -> Any:
        reading.set()
        free.wait(10 * timeout_factor())
        return next_eta(*arguments)

    monkeypatch.setattr(bench.tasks, "next_eta", slow)
    bench.start()
    assert reading.wait(10 * timeout_factor())
    assert bench.runner is not None
    stopping = threading.Thread(target=bench.runner.stop, args=(10 * timeout_factor(),))
    stopping.start()
    stopping.join(0.05)
    assert stopping.is_alive()
    free.set()
    stopping.join(10 * timeout_factor())
    assert not stopping.is_alive()


def test_request_says_what_apps_read() -> None:
    made = Task(
        "q",
        "n",
        12.5,
        "PUT",
        "/p",
        (("Content-Type", "a/b"), ("Host", "x"), ("Own", "1")),
        b"body",
        retries=2,
    )
    request = task_request(made)
    assert (request.method, request.path, request.body) == ("PUT", "/p", b"body")
    assert request.content_type == "a/b"
    assert request.remote_address == "0.1.0.2"
    headers = dict(request.headers)
    assert headers["X-AppEngine-QueueName"] == "q"
    assert headers["X-AppEngine-TaskName"] == "n"
    assert headers["X-AppEngine-TaskRetryCount"] == "2"
    assert headers["X-AppEngine-TaskETA"] == "12.500000"
    assert headers["Own"] == "1"
    assert "Host" not in headers


FAULTS: list[type[BaseException]] = [
    *(SystemExit, KeyboardInterrupt, GeneratorExit, BaseException, ValueError),
    *(OSError, MemoryError),
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        *(("app", "dispatch"), ("tasks", "take"), ("tasks", "finish")),
        *(("tasks", "next_eta"), ("runner", "_waits"), ("runner", "_begin")),
        *(("runner", "_give_up_late"), ("runner", "_end"), ("runner", "_started")),
    ],
)
def test_nothing_that_is_raised_ends_the_queues(
    bench: Bench,
    wait_until: Wait,
    monkeypatch: pytest.MonkeyPatch,
    owner: str,
    name: str,
    fault: type[BaseException],
) -> None:
    threads = Threads(first_pause_seconds=0.001, longest_pause_seconds=0.01)
    bench.start(runners=2, threads=threads)
    target = {"app": bench.app, "tasks": bench.tasks, "runner": bench.runner}[owner]
    works = getattr(target, name)
    left = iter(range(3))

    def fail(*arguments: Any, **more: Any) -> Any:
        if name == "_end":
            # It notes that the task has ended before anything can go wrong.
            works(*arguments, **more)
        for _ in left:
            raise fault
        return False if name == "_end" else works(*arguments, **more)

    monkeypatch.setattr(target, name, fail)
    for number in range(4):
        bench.add(task(f"/first{number}"))
    wait_until(lambda: next(left, None) is None)
    bench.add(task("/later1"), task("/later2"), task("/later3"))
    wait_until(lambda: {"/later1", "/later2", "/later3"} <= set(bench.app.paths()))
    assert threads.running() == {"task-picker": 1, "task-1": 1, "task-2": 1}


def test_tasks_that_never_end_hold_up_nobody(
    bench: Bench, wait_until: Wait, caplog: pytest.LogCaptureFixture
) -> None:
    goes_on = bench.hang()
    threads = Threads()
    bench.start(runners=2, threads=threads, deadline_seconds=0.05)
    bench.add(*(task(f"/hangs{number}") for number in range(3)))
    bench.add(task("/good"))
    wait_until(lambda: "/good" in bench.app.paths())
    assert "has not ended" in caplog.text
    # Each is in hand once, however long it takes.
    assert sorted(bench.app.paths()).count("/hangs0") == 1
    goes_on.set()
    wait_until(lambda: bench.tasks.statistics("default", time.time()).tasks == 0)
    bench.add(task("/last1"), task("/last2"), task("/last3"))
    wait_until(lambda: "/last3" in bench.app.paths())
    assert bench.runner is not None
    bench.runner.stop(10)
    wait_until(lambda: threads.running() == {})


def test_queues_whose_tasks_never_end_stop_no_other(
    bench: Bench, wait_until: Wait
) -> None:
    goes_on = bench.hang()
    threads = Threads()
    bench.start(runners=2, threads=threads, deadline_seconds=0)
    bench.add(*(task(f"/hangs{number}") for number in range(4)))
    bench.add(*(task(f"/hangs-too{number}", "worse") for number in range(4)))
    hanging = ["/hangs-too0", "/hangs0", "/hangs1"]
    wait_until(lambda: sorted(bench.app.paths()) == hanging)
    bench.add(*(task(f"/good{number}", f"q{number % 2}") for number in range(6)))
    good = [f"/good{number}" for number in range(6)]
    wait_until(lambda: sorted(bench.app.paths()) == sorted([*hanging, *good]))
    goes_on.set()
    everywhere = ("default", "worse", "q0", "q1")
    wait_until(
        lambda: (
            not any(
                bench.tasks.statistics(name, time.time()).tasks for name in everywhere
            )
        )
    )
    # What was started for them has ended with them.
    wait_until(lambda: sum(threads.running().values()) == 3)


def test_task_waits_for_another_where_no_further_thread_can_be_had(
    bench: Bench, wait_until: Wait, caplog: pytest.LogCaptureFixture
) -> None:
    class FewThreads(Threads):
        def start(self, name: str, loop: Callable[[], None]) -> Kept:
            if name == "task-further":
                raise RuntimeError("can't start new thread")
            return super().start(name, loop)

    goes_on = bench.hang()
    bench.start(runners=1, threads=FewThreads())
    bench.add(task("/hangs"))
    wait_until(lambda: bench.app.paths() == ["/hangs"])
    bench.add(task("/good", "other"))
    wait_until(lambda: "waits for another to end: can't start" in caplog.text)
    goes_on.set()
    wait_until(lambda: bench.app.paths() == ["/hangs", "/good"])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("headers", "{bad"), ("headers", "[1]"), ("headers", b"\xff")),
        *(("headers", "[" * 100_000), ("retry", "[]"), ("retry", '{"a": []}')),
        *(("path", b"\xff\xfe"), ("name", b"\xff"), ("queue", b"\xff")),
        *(("body", 5.5), ("retries", "many"), ("first_tried_at", "x")),
    ],
)
def test_row_that_cannot_be_read_holds_up_no_other(
    sqlite_bench: Bench,
    wait_until: Wait,
    caplog: pytest.LogCaptureFixture,
    column: str,
    value: object,
) -> None:
    bench = sqlite_bench
    bench.tasks.add([task("/damaged", delay=-60)], time.time())
    assert isinstance(bench.store, SqliteStore)
    with bench.store.database.write() as connection:
        expression = "CAST(? AS TEXT)" if isinstance(value, bytes) else "?"
        connection.execute(f"UPDATE task SET {column} = {expression}", (value,))
    bench.start()
    bench.add(task("/good"))
    wait_until(lambda: "/good" in bench.app.paths())
    wait_until(lambda: "cannot be read" in caplog.text)
    bench.add(task("/good2"))
    wait_until(lambda: "/good2" in bench.app.paths())
    assert caplog.text.count("cannot be read") == 1
    assert "Traceback" not in caplog.text


def test_task_runs_at_once_when_a_person_says_so(
    bench: Bench, wait_until: Wait
) -> None:
    queues = parse_queues("queue:\n- name: default\n  rate: 0\n")
    bench.start(queues)
    bench.add(task("/far", delay=3600), task("/other", delay=3600))
    assert bench.runner is not None
    assert bench.runner.run_now("default", "nfar")
    wait_until(lambda: bench.tasks.statistics("default", time.time()).tasks == 1)
    assert bench.app.paths() == ["/far"]
    assert not bench.runner.run_now("default", "nfar")
    assert not bench.runner.run_now("default", "absent")


def test_runner_that_was_not_started_runs_single_tasks(
    bench: Bench, wait_until: Wait
) -> None:
    bench.runner = TaskRunner(bench.tasks, QueueConfig(), bench.app, time)
    bench.app.status = lambda request: 500
    bench.add(task("/one"), task("/two"))
    assert bench.runner.run_now("default", "none")
    wait_until(lambda: bench.runner is not None and bench.runner.running == 0)
    assert bench.app.paths() == ["/one"]
    found = bench.tasks.find("default", "none")
    assert found is not None
    assert (found.task.retries, found.leased_until) == (1, 0.0)


def test_single_task_without_a_thread_is_given_back(bench: Bench) -> None:
    class NoThreads(Threads):
        def start(self, name: str, loop: Callable[[], None]) -> Kept:
            raise RuntimeError("can't start new thread")

    runner = TaskRunner(
        bench.tasks, QueueConfig(), bench.app, time, threads=NoThreads()
    )
    bench.add(task("/one"))
    with pytest.raises(RuntimeError, match="new thread"):
        runner.run_now("default", "none")
    assert runner.running == 0
    found = bench.tasks.find("default", "none")
    assert found is not None
    assert found.leased_until == 0.0
    assert runner.stop(1.0)


def test_paused_queue_waits_until_it_is_resumed(bench: Bench, wait_until: Wait) -> None:
    bench.tasks.pause("default", is_paused=True)
    queues = parse_queues("queue:\n- name: default\n- name: other\n")
    bench.start(queues)
    bench.add(task("/waits"), task("/runs", queue="other"))
    wait_until(lambda: bench.app.paths() == ["/runs"])
    assert bench.runner is not None
    bench.tasks.pause("default", is_paused=False)
    bench.runner.read_paused()
    wait_until(lambda: sorted(bench.app.paths()) == ["/runs", "/waits"])
    bench.tasks.pause("default", is_paused=True)
    bench.runner.read_paused()
    bench.add(task("/waits2"), task("/runs2", queue="other"))
    wait_until(lambda: "/runs2" in bench.app.paths())
    assert "/waits2" not in bench.app.paths()
