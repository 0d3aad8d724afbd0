"""What a running server says about itself: each room has a word, and it is true."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from channelshim.appserver.exposure import Exposure
from channelshim.composition import check_look
from channelshim.composition.front import Front
from channelshim.composition.instance import Instance
from channelshim.composition.plan import make_plan
from channelshim.composition.reading import empty_app
from channelshim.composition.serving import Serving
from channelshim.composition.setting_values import read_settings
from channelshim.composition.status import StatusRegistry
from channelshim.contracts.presence import Change
from channelshim.contracts.status import Histogram
from channelshim.contracts.tasks import Task
from channelshim.kernel.threads import Threads
from channelshim.server.binding import bind
from channelshim.server.bridge import WsgiBridge
from channelshim.server.executor import ThreadExecutor
from channelshim.server.workers import Workers
from channelshim.store.sqlite.database import FILE_NAME
from tests.hub.parts import Page
from tests.lanes import ROOT, timeout_factor
from tests.service_needs import make_login

PATIENCE_SECONDS = 10.0 * timeout_factor()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    given = {"storage_path": tmp_path / "store", "smtp_host": "127.0.0.1"}
    settings = read_settings(given, {})
    opened = Instance(make_plan(settings, empty_app(tmp_path)), make_login())
    yield opened
    opened.close()


# --- The registry ---------------------------------------------------------------------


def test_check_that_is_well_is_no_problem() -> None:
    status = StatusRegistry()
    status.check("a", lambda: "")
    status.check("b", lambda: "the disk is full")
    assert status.problems() == {"b": "the disk is full"}


def test_check_and_counter_that_fail_hide_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    status = StatusRegistry()
    status.check("a", lambda: str(1 // 0))
    status.check("b", lambda: "bad")
    status.counter("c", lambda: 1 // 0)
    status.counter("d", lambda: 2)
    assert status.problems()["b"] == "bad"
    assert "log" in status.problems()["a"]
    assert status.counters() == {"d": 2}
    assert "the counter c failed" in caplog.text


def test_name_that_is_registered_again_takes_the_place_of_the_first() -> None:
    status = StatusRegistry()
    status.counter("a", lambda: 1)
    status.counter("a", lambda: 2)
    assert status.counters() == {"a": 2}


def test_vital_problems_are_those_alone_for_which_requests_go_elsewhere() -> None:
    status = StatusRegistry()
    status.check("a", lambda: "late", is_vital=False)
    status.check("b", lambda: "gone")
    assert status.problems() == {"a": "late", "b": "gone"}
    assert status.vital_problems() == {"b": "gone"}
    status.check("b", lambda: "late", is_vital=False)
    assert status.vital_problems() == {}


def test_findings_ask_each_check_once() -> None:
    status = StatusRegistry()
    asked: list[str] = []

    def read(name: str, sentence: str) -> str:
        asked.append(name)
        return sentence

    status.check("a", partial(read, "a", "late"), is_vital=False)
    status.check("b", partial(read, "b", "gone"))
    status.check("c", partial(read, "c", ""))
    findings = status.findings()
    assert findings.problems == {"a": "late", "b": "gone"}
    assert findings.vital == {"b": "gone"}
    assert sorted(asked) == ["a", "b", "c"]


def test_check_that_hangs_is_a_problem_and_hides_no_other(
    monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., Any]
) -> None:
    threads = Threads()
    status = StatusRegistry(threads)
    may_end = threading.Event()
    asked: list[str] = []

    def hang() -> str:
        asked.append("hangs")
        assert may_end.wait(PATIENCE_SECONDS)
        return ""

    status.check("a", lambda: "late", is_vital=False)
    status.check("hangs", hang)
    monkeypatch.setattr(check_look, "PATIENCE_SECONDS", 0.05)
    wait_until(lambda: "hangs" in status.findings().problems)
    assert "hangs" in status.findings().vital
    monkeypatch.setattr(check_look, "PATIENCE_SECONDS", PATIENCE_SECONDS)
    for _ in range(20):
        found = status.findings()
        assert found.problems["a"] == "late"
        assert "has not answered" in found.vital["hangs"]
    # One thread is held, by one call.
    assert asked == ["hangs"]
    may_end.set()
    wait_until(lambda: status.findings().problems == {"a": "late"})
    wait_until(lambda: "checks" not in threads.running())


def test_a_look_that_has_not_begun_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_look, "PATIENCE_SECONDS", 0.0)
    look = check_look.CheckLook({"a": lambda: "", "b": lambda: "gone"})
    # Nor when another look has taken its place, and its thread begins at last.
    for what_comes in (look.leave, look.run, list):
        (found,) = look.problems().items()
        assert found[0] == "a"
        assert "has not answered" in found[1]
        what_comes()


def test_a_check_behind_one_that_is_slow_says_what_it_said_before(
    monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., Any]
) -> None:
    monkeypatch.setattr(check_look, "PATIENCE_SECONDS", 0.0)
    may_end = threading.Event()

    def be_slow() -> str:
        assert may_end.wait(PATIENCE_SECONDS)
        return "late"

    checks = {"slow": be_slow, "a": lambda: "", "b": lambda: "", "c": lambda: ""}
    before = {"a": "gone", "b": "", "of nobody": "gone"}
    look = check_look.CheckLook(checks, before=before)
    Threads().start("look", look.run)
    wait_until(lambda: look.asked == "slow")
    assert sorted(look.problems()) == ["a", "slow"]
    may_end.set()
    wait_until(lambda: look.problems() == {"slow": "late"})
    assert look.answers == {**before, "slow": "late", "a": "", "c": ""}


def test_without_a_thread_checks_are_asked_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(name: str, loop: object) -> None:
        raise RuntimeError("can't start new thread")

    threads = Threads()
    monkeypatch.setattr(threads, "start", refuse)
    status = StatusRegistry(threads)
    status.check("a", lambda: "late")
    assert status.problems() == {"a": "late"}


def test_tables_and_histograms_that_fail_hide_no_other() -> None:
    status = StatusRegistry()
    status.table("a", "job", lambda: {"x": 1 // 0})
    status.table("b", "job", lambda: {"x": 2})
    status.histogram("c", lambda: Histogram((1.0,), (3, 4), 1 // 0))
    status.histogram("d", lambda: Histogram((1.0,), (3, 4), 5.0))
    assert status.tables() == {"b": ("job", {"x": 2})}
    assert status.histograms() == {"d": Histogram((1.0,), (3, 4), 5.0)}


# --- Its rooms ------------------------------------------------------------------------


def names_in_docs() -> set[str]:
    page = (ROOT / "docs" / "explanation" / "design.md").read_text("utf-8")
    section = page.partition("## What a server says about itself")[2]
    rows = re.findall(r"^\| (`.*?) \|", section.partition("\n## ")[0], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([\w.]+)`", row)}


def nobody(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return []


def test_served_instance_has_every_documented_name(instance: Instance) -> None:
    listener = bind("127.0.0.1", 0)
    served = instance.serve(Exposure(), nobody)
    Serving(instance, served, [listener], lambda line: None)
    listener.close()
    status = instance.status
    names = {*status._checks, *status.counters(), *status.tables()}
    names.update(status.histograms())
    assert names == names_in_docs()
    assert instance.status.problems() == {}


def test_hub_and_broker_count_what_there_is(instance: Instance) -> None:
    async def run() -> None:
        front = Front(instance)
        front.start(asyncio.get_running_loop())
        number = instance.broker.expect("ann")
        for page in (Page("ann"), Page("ann")):
            front.hub.attach(page, number, None)
        instance.broker.publish("ann", "x" * 1000)
        front.hub.deliver()
        counters = instance.status.counters()
        front.stop()
        assert counters["hub.connections"] == 2
        assert counters["hub.client_ids"] == 1
        assert counters["broker.client_ids"] == 1
        assert counters["broker.window_bytes"] > 1000

    asyncio.run(run())


def test_presence_that_waits_is_counted(
    instance: Instance, wait_until: Callable[..., Any]
) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slow(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        begun.set()
        assert may_end.wait(PATIENCE_SECONDS)
        return nobody(environ, start_response)

    instance.serve(Exposure(), slow)
    front = Front(instance)
    reports = front._reports
    reports.tell("ann", Change.CONNECTED)
    assert begun.wait(PATIENCE_SECONDS)
    reports.tell("ann", Change.DISCONNECTED)
    wait_until(lambda: instance.status.counters()["presence.waiting"] == 1)
    may_end.set()
    wait_until(lambda: instance.status.counters()["presence.waiting"] == 0)
    reports.stop(PATIENCE_SECONDS)


def test_tasks_that_wait_are_counted(instance: Instance) -> None:
    now = time.time()
    tasks = [
        Task(queue="default", name=name, eta=now, method="GET", path="/")
        for name in ("a", "b")
    ]
    instance.store.tasks.add(tasks, now)
    counters = instance.status.counters()
    assert counters["jobs.tasks_waiting"] == 2
    assert counters["jobs.tasks_running"] == 0


def test_thread_that_failed_is_a_problem_and_counted(
    instance: Instance, wait_until: Callable[..., Any]
) -> None:
    calls = iter([ValueError("on purpose"), None])

    def loop() -> None:
        error = next(calls)
        if error is not None:
            raise error

    instance.threads.start("fragile", loop)
    wait_until(lambda: "fragile 1" in instance.status.problems().get("threads", ""))
    assert instance.status.counters()["threads.restarts"] == 1


def test_store_whose_file_is_gone_is_a_problem(instance: Instance) -> None:
    path = instance.plan.store_directory / FILE_NAME
    assert instance.status.counters()["store.bytes"] > 0
    moved = path.rename(path.with_suffix(".away"))
    assert str(path) in instance.status.problems()["store"]
    moved.rename(path)
    assert instance.status.problems() == {}


def test_bridge_counts_requests_that_wait_and_says_when_it_is_full() -> None:
    async def run() -> None:
        status = StatusRegistry()
        begun, may_end = threading.Event(), threading.Event()
        workers = Workers(1, maximum_waiting=2)
        WsgiBridge(ThreadExecutor(nobody, workers)).report_to(status)

        def job() -> None:
            begun.set()
            assert may_end.wait(PATIENCE_SECONDS)

        assert workers.submit(job)
        assert await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
        for number in range(2):
            assert status.problems() == {}
            assert status.counters()["server.requests_waiting"] == number
            assert workers.submit(job)
        assert not workers.submit(job)
        assert "2 requests wait" in status.problems()["server.workers"]
        may_end.set()

    asyncio.run(run())
