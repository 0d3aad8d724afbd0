"""deferred, from the app's call to the function that runs, through all rooms."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.appengine.api import apiproxy_stub_map
from webtest import TestApp

from channelshim.appserver.application import AppServer
from channelshim.appserver.work import Work
from channelshim.appyaml.app import parse_app
from channelshim.protocol.cookies import CookieSigner
from channelshim.runtime.variables import Application
from channelshim.services import proxy
from channelshim.store.sqlite.state import SqliteStore

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
    app_dir = tmp_path / "app"
    app_dir.mkdir()
    (app_dir / "deferring_app.py").write_text(SOURCE)
    (app_dir / "queue.yaml").write_text("queue:\n- name: default\n  rate: 100/s\n")
    monkeypatch.syspath_prepend(str(app_dir))
    monkeypatch.chdir(app_dir)
    text = (
        "runtime: python27\nbuiltins:\n- deferred: on\n"
        "handlers:\n- url: /.*\n  script: deferring_app.app\n"
    )
    config = parse_app(text, read=lambda path: None)
    store = SqliteStore(tmp_path / "store", takes_lease=False)
    work = Work(app_dir, tmp_path / "store", store, time)
    before = apiproxy_stub_map.apiproxy
    proxy.install(work.factories())
    server = AppServer(app_dir, config, Application("test"), CookieSigner([b"s" * 32]))
    server.load()
    work.start(server, config, runs_cron=False)
    yield server
    work.stop(10)
    apiproxy_stub_map.apiproxy = before


def test_deferred_works_around_a_plain_wsgi_app_too(
    server: AppServer, wait_until: Callable[..., Any]
) -> None:
    import deferring_app

    server.wsgi_app = deferring_app.app
    deferring_app.ran.clear()
    client = TestApp(server, extra_environ={"REMOTE_ADDR": "192.0.2.1"})
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
