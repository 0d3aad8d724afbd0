"""What the platform does by itself for an app: tasks, cron jobs, start and stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from channelshim import limits
from channelshim.appyaml.config import AppConfig
from channelshim.appyaml.queues import QueueConfig
from channelshim.contracts.clock import Clock
from channelshim.contracts.dispatcher import Dispatcher, InternalRequest
from channelshim.contracts.jobs import CronResult
from channelshim.contracts.status import Status
from channelshim.contracts.tasks import Tasks
from channelshim.jobs.tasks import TaskRunner
from channelshim.kernel.deadlines import Deadlines
from channelshim.kernel.threads import Kept, Threads
from channelshim.runtime.notices import NOTICES
from channelshim.services.executions import Executions

if TYPE_CHECKING:
    from channelshim.appyaml.cron import CronConfig
    from channelshim.contracts.cron import CronClaims
    from channelshim.jobs.cron import CronRuns, CronScheduler

_logger: Final = logging.getLogger("channelshim.jobs")


class Jobs:
    """Tasks, cron jobs and the life of an instance, of one app.

    Args:
        tasks: the store's, of push queues.
        queues: queue.yaml.
        cron: cron.yaml.
        clock: says now.
        executions: counts the tasks that begin.
        threads: keeps the threads running; None for one of its own.
        deadlines: has the app's code hear of its deadline; None for one of its own.
        deadline_seconds: of a task and of a cron job; 0 for none.
        claims: says which of several servers runs a cron job; None for this one.
        has_company: whether other servers add tasks to the same store.
    """

    def __init__(
        self,
        tasks: Tasks,
        queues: QueueConfig,
        cron: CronConfig,
        clock: Clock,
        executions: Executions,
        threads: Threads | None = None,
        deadlines: Deadlines | None = None,
        deadline_seconds: float = limits.TASK_DEADLINE_SECONDS,
        claims: CronClaims | None = None,
        *,
        has_company: bool = False,
    ) -> None:
        self._has_company = has_company
        self._threads = threads or Threads()
        self._deadlines = deadlines or Deadlines()
        self._deadline_seconds = deadline_seconds
        self._tasks = tasks
        self._executions = executions
        self._clock = clock
        self._queues = queues
        self._cron = cron
        self._claims = claims
        self._runner: TaskRunner | None = None
        self._scheduler: CronScheduler | None = None
        self._cron_runs: CronRuns | None = None
        self._dispatcher: Dispatcher | None = None
        # They tell instances of their end.
        self._last_requests: list[InternalRequest] = []
        # Of the requests that tell the app of its end.
        self._last_words: list[Kept] = []

    def report_to(self, status: Status) -> None:
        """Register tasks that wait, run and do not end, and the runs of cron jobs."""
        status.counter("jobs.tasks_waiting", self._count_waiting)
        status.counter("jobs.tasks_running", self._count_running)
        status.check("jobs.tasks", self._describe_late, is_vital=False)
        # Not "job", which every number has of Prometheus.
        status.table("jobs.cron_runs", "url", self._count_cron_runs)
        status.table("jobs.cron_failures", "url", self._count_cron_failures)

    def _count_cron_runs(self) -> dict[str, float]:
        return {} if self._cron_runs is None else self._cron_runs.count_ended()

    def _count_cron_failures(self) -> dict[str, float]:
        return {} if self._cron_runs is None else self._cron_runs.count_failed()

    def _count_waiting(self) -> int:
        now = self._clock.time()
        names = [queue.name for queue in self._queues.queues if not queue.is_pull]
        found = [self._tasks.statistics(name, now) for name in names]
        return sum(each.tasks - each.in_hand for each in found)

    def _count_running(self) -> int:
        return self._runner.running if self._runner is not None else 0

    def _describe_late(self) -> str:
        late = self._runner.late if self._runner is not None else 0
        seconds = self._deadline_seconds
        sentence = f"tasks that have not ended for {seconds:g} s: {late}"
        return sentence if late else ""

    def start(
        self,
        dispatcher: Dispatcher,
        config: AppConfig | None,
        *,
        runs_cron: bool,
        runs_tasks: bool = True,
        modules: Sequence[AppConfig] = (),
        tells_instances: bool = True,
    ) -> None:
        """Begin to run tasks, and cron jobs if asked; tell the app of its start.

        Args:
            dispatcher: makes the requests.
            config: app.yaml, or None.
            runs_cron: off in the old server.
            runs_tasks: False leaves them in the store.
            modules: the app.yaml of further modules.
            tells_instances: False where whoever keeps the app's processes tells each.
        """
        for warning in (*self._queues.warnings, *self._cron.warnings):
            NOTICES.warn(_logger, str(warning))
        # Not started, it runs single tasks that somebody asks for.
        self._runner = TaskRunner(
            self._tasks,
            self._queues,
            dispatcher,
            self._clock,
            started=self._executions.count,
            threads=self._threads,
            deadlines=self._deadlines,
            deadline_seconds=self._deadline_seconds,
            has_company=self._has_company,
        )
        if runs_tasks:
            self._runner.start()
        if self._cron.jobs:
            self._begin_cron(dispatcher, runs_cron=runs_cron)
        if config is None or not tells_instances:
            return
        self._dispatcher = dispatcher
        self._last_requests = list(last_requests((config, *modules)))
        for request in first_requests((config, *modules)):
            self._tell_instance(request)

    def _begin_cron(self, dispatcher: Dispatcher, *, runs_cron: bool) -> None:
        from channelshim.jobs.cron import CronRuns, CronScheduler

        self._cron_runs = CronRuns(
            self._cron,
            dispatcher,
            self._clock,
            self._deadlines,
            self._deadline_seconds,
        )
        if not runs_cron:
            sentence = "cron.yaml is not run; --cron=yes runs it"
            NOTICES.warn(_logger, sentence, logging.INFO)
            return
        self._scheduler = CronScheduler(
            self._cron,
            dispatcher,
            self._clock,
            self._threads,
            self._deadlines,
            self._deadline_seconds,
            self._cron_runs,
            self._claims,
        )
        self._scheduler.start()

    def _tell_instance(self, request: InternalRequest) -> Kept:
        """Make a request of an instance's life, whatever it answers."""
        return self._threads.start(request.path, partial(self._dispatch_once, request))

    def _dispatch_once(self, request: InternalRequest) -> None:
        assert self._dispatcher is not None
        try:
            self._dispatcher.dispatch(request)
        except BaseException:
            # The app hears of it once, and not again after a failure.
            _logger.exception("%s failed", request.path)

    def begin_stop(self) -> None:
        """Start nothing more, and tell an instance that stays of its end.

        Any thread; waits for nothing. Idempotent.
        """
        requests, self._last_requests = self._last_requests, []
        self._last_words += [self._tell_instance(request) for request in requests]
        if self._scheduler is not None:
            self._scheduler.begin_stop()
        if self._runner is not None:
            self._runner.begin_stop()

    def stop(self, timeout_seconds: float) -> None:
        """Start nothing more and wait for what is in hand; the rest runs again.

        So long for all together.
        """
        deadline = time.monotonic() + timeout_seconds
        self.begin_stop()
        for last_word in self._last_words:
            last_word.join(max(0.0, deadline - time.monotonic()))
        if self._scheduler is not None:
            self._scheduler.stop(max(0.0, deadline - time.monotonic()))
        left = max(0.0, deadline - time.monotonic())
        if self._runner is not None and not self._runner.stop(left):
            _logger.warning(
                "tasks were interrupted; they run again after the next start"
            )

    def wake(self) -> None:
        """Look for tasks now: some were added. Any thread."""
        if self._runner is not None:
            self._runner.wake()

    def run_task(self, queue: str, name: str) -> bool:
        """See contracts.jobs.JobControls."""
        return self._runner is not None and self._runner.run_now(queue, name)

    def pause(self, queue: str, *, is_paused: bool) -> None:
        """See contracts.jobs.JobControls."""
        self._tasks.pause(queue, is_paused=is_paused)
        if self._runner is not None:
            self._runner.read_paused()

    def paused(self) -> Collection[str]:
        """See contracts.jobs.JobControls."""
        return self._tasks.paused()

    def run_cron(self, number: int) -> bool:
        """See contracts.jobs.JobControls."""
        runs = self._cron_runs
        return runs is not None and runs.begin(number, self._threads.start)

    def cron_results(self) -> Mapping[int, CronResult]:
        """See contracts.jobs.JobControls."""
        return {} if self._cron_runs is None else self._cron_runs.results()


def first_requests(modules: Iterable[AppConfig]) -> Iterator[InternalRequest]:
    """Yield what an instance of these modules is told at its start."""
    for each in modules:
        if each.has_instances:
            yield _of_instance(limits.PATH_START, each)
        if "warmup" in each.inbound_services:
            yield _of_instance(limits.PATH_WARMUP, each)


def last_requests(modules: Iterable[AppConfig]) -> Iterator[InternalRequest]:
    """Yield what an instance of these modules is told of its end."""
    for each in modules:
        if each.has_instances:
            yield _of_instance(limits.PATH_STOP, each)


def _of_instance(path: str, module: AppConfig) -> InternalRequest:
    return InternalRequest(
        "GET",
        path,
        remote_address=limits.INSTANCE_REMOTE_ADDRESS,
        target=module.module,
    )
