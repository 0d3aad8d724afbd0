"""deferred, from the app's call to the function that runs, through all rooms."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.appengine.api import apiproxy_stub_map
from webtest import TestApp

from channelshim.appserver.application import AppServer
from channelshim.appyaml.app import parse_app
from channelshim.appyaml.config import AppConfig
from channelshim.composition.clock import SystemClock
from channelshim.composition.reading import read_folder
from channelshim.jobs.jobs import Jobs
from channelshim.runtime.variables import Application
from channelshim.services.executions import Executions
from channelshim.store.sqlite.state import SqliteStore
from tests.service_needs import install_services, load_server, make_login

SOURCE = """
import os
from google.appengine.api import namespace_manager
from google.appengine.ext import deferred

ran = []

def work(word):
    ran.append((word, namespace_manager.get_namespace(), os.environ['REMOTE_ADDR'],
                os.environ['USER_EMAIL']))

def app(environ, start_response):
    namespace_manager.set_namespace('tenant')
    deferred.defer(work, 'done')
    start_response('200 OK', [])
    return [b'']
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppServer]:
    with deferring(tmp_path, monkeypatch, lambda *app: load_server(*app)) as server:
        yield server


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppServer]:
    """Return the server of a wrapped WSGI application without an app.yaml."""

    def wrapped(environ: Any, start_response: Any) -> Any:
        import deferring_app

        return deferring_app.app(environ, start_response)

    def wrap(app_dir: Path, config: AppConfig) -> AppServer:
        application = Application("test")
        return AppServer(app_dir, None, application, make_login(), wsgi_app=wrapped)

    with deferring(tmp_path, monkeypatch, wrap) as server:
        yield server


@contextlib.contextmanager
def deferring(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path, AppConfig], AppServer],
) -> Iterator[AppServer]:
    app_dir = tmp_path / "app"
    app_dir.mkdir()
    (app_dir / "deferring_app.py").write_text(SOURCE)
    (app_dir / "queue.yaml").write_text("queue:\n- name: default\n  rate: 100/s\n")
    monkeypatch.syspath_prepend(str(app_dir))
    monkeypatch.chdir(app_dir)
    monkeypatch.delitem(sys.modules, "deferring_app", raising=False)
    text = (
        "runtime: python27\nbuiltins:\n- deferred: on\n"
        "handlers:\n- url: /.*\n  script: deferring_app.app\n"
    )
    config = parse_app(text, read=lambda path: None)
    store = SqliteStore(tmp_path / "store", takes_lease=False)
    app = read_folder(app_dir, needs_app_yaml=False)
    clock = SystemClock()
    executions = Executions(clock)
    jobs = Jobs(store.tasks, app.queues, app.cron, clock, executions)
    before = apiproxy_stub_map.apiproxy
    install_services(
        tmp_path / "store",
        store,
        queues=app.queues,
        executions=executions,
        on_tasks_added=jobs.wake,
    )
    server = make(app_dir, config)
    jobs.start(server, config, runs_cron=False)
    yield server
    jobs.stop(10)
    apiproxy_stub_map.apiproxy = before


def test_deferred_works_around_a_plain_wsgi_app_too(
    plain: AppServer, wait_until: Callable[..., Any]
) -> None:
    import deferring_app

    deferring_app.ran.clear()
    client = TestApp(plain, extra_environ={"REMOTE_ADDR": "192.0.2.1"})
    client.get("/")
    wait_until(lambda: deferring_app.ran)
    client.post("/_ah/queue/deferred", b"", status=403)


def test_deferred_function_runs_in_its_namespace_without_a_user(
    server: AppServer, wait_until: Callable[..., Any]
) -> None:
    import deferring_app

    deferring_app.ran.clear()
    client = TestApp(server, extra_environ={"REMOTE_ADDR": "192.0.2.1"})
    client.get("/")
    wait_until(lambda: deferring_app.ran)
    assert deferring_app.ran == [("done", "tenant", "0.1.0.2", "")]


def test_tasks_that_ran_are_counted_in_the_statistics(
    server: AppServer, wait_until: Callable[..., Any]
) -> None:
    import deferring_app
    from google.appengine.api import taskqueue

    deferring_app.ran.clear()
    client = TestApp(server, extra_environ={"REMOTE_ADDR": "192.0.2.1"})
    client.get("/")
    client.get("/")
    wait_until(lambda: len(deferring_app.ran) == 2)
    wait_until(lambda: taskqueue.Queue().fetch_statistics().tasks == 0)
    found = taskqueue.Queue().fetch_statistics()
    assert (found.executed_last_minute, found.in_flight) == (2, 0)
    assert found.enforced_rate == 100.0
