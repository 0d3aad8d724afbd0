"""Cron jobs and tasks of several servers on one store."""

from __future__ import annotations

import threading
import time
from collections import Counter
from itertools import pairwise

import pytest

from channelshim.appyaml.cron import parse_cron
from channelshim.appyaml.queues import parse_queues
from channelshim.contracts.dispatcher import InternalResponse
from channelshim.contracts.tasks import Task
from channelshim.errors import StorageError
from channelshim.jobs import cron
from channelshim.jobs.cron import CronScheduler
from channelshim.jobs.tasks import TaskRunner

pytestmark = pytest.mark.postgres

SERVERS = 3


class App:
    """A Dispatcher that notes what is asked of it, and how much at once."""

    def __init__(self, seconds=0.0):
        self.seen = []
        self.most_at_once = 0
        self._seconds = seconds
        self._running = 0
        self._lock = threading.Lock()

    def dispatch(self, request):
        with self._lock:
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)
        time.sleep(self._seconds)
        with self._lock:
            self.seen.append(request.path)
            self._running -= 1
        return InternalResponse(200, (), b"")


class FastClock:
    """A clock of which a minute passes in a fifth of a second."""

    def time(self):
        return 1_425_290_400 + time.monotonic() * 300

    def monotonic(self):
        return time.monotonic()


class Claims:
    """A store's claims, noted; each refuses now and then, as a store does."""

    def __init__(self, runs):
        self._runs = runs
        self._calls = 0
        self.won = []

    def claim(self, job, moment, gap_seconds=0.0):
        self._calls += 1
        if self._calls % 7 == 0:
            raise StorageError("away for a moment")
        other = self._runs.claim(job, moment, gap_seconds)
        if other is None:
            self.won.append((job, moment))
        return other


@pytest.mark.parametrize("end", ["", " synchronized"])
def test_job_runs_once_for_each_moment_on_any_number_of_servers(
    open_shared, wait_until, monkeypatch, end
):
    monkeypatch.setattr(cron, "_LONGEST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(cron, "_AFTER_ERROR_SECONDS", 0.01)
    config = parse_cron(f"cron:\n- url: /job\n  schedule: every 1 minutes{end}\n")
    app, clock = App(), FastClock()
    claims = [Claims(open_shared(server=str(n)).cron) for n in range(SERVERS)]
    schedulers = [CronScheduler(config, app, clock, claims=each) for each in claims]
    for scheduler in schedulers:
        scheduler.start()
    wait_until(lambda: len(app.seen) >= 8)
    for scheduler in schedulers:
        scheduler.stop(10)
    moments = sorted(moment for each in claims for _, moment in each.won)
    assert len(app.seen) == len(moments)
    assert all(later - earlier > 59.9 for earlier, later in pairwise(moments))


def test_queue_keeps_to_its_rules_over_all_servers(open_shared, wait_until):
    queues = parse_queues(
        "queue:\n- name: default\n  rate: 500/s\n  bucket_size: 100\n"
        "  max_concurrent_requests: 2\n"
    )
    app = App(0.02)
    stores = [open_shared(server=str(number)) for number in range(SERVERS)]
    runners = [TaskRunner(each.tasks, queues, app, time) for each in stores]
    names = [f"t{number}" for number in range(30)]
    stores[0].tasks.add(
        [Task("default", name, 1.0, "POST", f"/{name}") for name in names], time.time()
    )
    for runner in runners:
        runner.start()
    wait_until(lambda: len(app.seen) >= len(names), 60)
    for runner in runners:
        assert runner.stop(10)
    assert Counter(app.seen) == Counter(f"/{name}" for name in names)
    assert app.most_at_once == 2
    assert stores[0].tasks.statistics("default", time.time()).tasks == 0
