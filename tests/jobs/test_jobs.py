"""What an app does besides answering is read from its folder and started."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from channelshim.appyaml.config import AppConfig
from channelshim.composition.clock import SystemClock
from channelshim.composition.reading import read_folder
from channelshim.contracts.dispatcher import InternalRequest, InternalResponse
from channelshim.errors import ConfigurationError
from channelshim.jobs.jobs import Jobs
from channelshim.services.executions import Executions
from channelshim.store.sqlite.state import SqliteStore


class App:
    """A Dispatcher that notes what is asked of it."""

    def __init__(self) -> None:
        self.seen: list[InternalRequest] = []

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        self.seen.append(request)
        return InternalResponse(200, (), b"")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "app"
    made.mkdir()
    return made


@pytest.fixture
def make(folder: Path, tmp_path: Path) -> Iterator[Callable[[], Jobs]]:
    store = SqliteStore(tmp_path / "store", takes_lease=False)
    made: list[Jobs] = []

    def make_jobs() -> Jobs:
        app = read_folder(folder, needs_app_yaml=False)
        clock = SystemClock()
        executions = Executions(clock)
        made.append(Jobs(store.tasks, app.queues, app.cron, clock, executions))
        return made[-1]

    yield make_jobs
    for jobs in made:
        jobs.stop(10)
    store.close()


def test_app_is_warmed_up_when_it_asks(
    make: Callable[[], Jobs], wait_until: Callable[..., Any]
) -> None:
    app = App()
    config = AppConfig(inbound_services=("warmup",))
    make().start(app, config, runs_cron=False)
    wait_until(lambda: [seen.path for seen in app.seen] == ["/_ah/warmup"])


def test_instance_that_stays_hears_of_its_start_and_its_end(
    make: Callable[[], Jobs], wait_until: Callable[..., Any]
) -> None:
    app = App()
    jobs = make()
    jobs.start(app, AppConfig(has_instances=True), runs_cron=False)
    wait_until(lambda: [seen.path for seen in app.seen] == ["/_ah/start"])
    jobs.stop(10)
    jobs.stop(10)
    assert [seen.path for seen in app.seen] == ["/_ah/start", "/_ah/stop"]
    assert {seen.remote_address for seen in app.seen} == {"0.1.0.3"}


def test_what_has_no_effect_is_said(
    folder: Path, make: Callable[[], Jobs], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (folder / "dispatch.yaml").write_text("dispatch: []")
    (folder / "queue.yaml").write_text("queue:\n- name: a\n  colour: red\n")
    (folder / "cron.yaml").write_text("cron:\n- url: /x\n  schedule: every day\n")
    make().start(App(), None, runs_cron=False)
    assert "dispatch.yaml counts when the command names it" in caplog.text
    assert "queue: colour is not known" in caplog.text
    assert "cron.yaml is not run; --cron=yes runs it" in caplog.text


def test_next_runs_of_cron_are_told(
    folder: Path, make: Callable[[], Jobs], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (folder / "cron.yaml").write_text("cron:\n- url: /x\n  schedule: every day 09:00\n")
    make().start(App(), None, runs_cron=True)
    assert "/x (every day 09:00) runs next at" in caplog.text


def test_broken_file_is_one_sentence(folder: Path, make: Callable[[], Jobs]) -> None:
    path = folder / "queue.yaml"
    path.write_text("queue: [\n")
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert str(path) in str(caught.value)
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        make()


def test_tasks_stay_in_the_store_when_none_shall_run(
    make: Callable[[], Jobs], folder: Path
) -> None:
    jobs = make()
    app = App()
    jobs.start(app, None, runs_cron=False, runs_tasks=False)
    jobs.wake()
    jobs.stop(10)
    assert app.seen == []
