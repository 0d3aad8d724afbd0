"""A killed server loses no task: each runs after the next start, at least once."""

from __future__ import annotations

import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Servers

SOURCE = """
import os, time
from google.appengine.api import taskqueue
from google.appengine.ext import deferred, ndb

RAN = os.environ['RAN_FILE']

class Thing(ndb.Model):
    pass

def note(word):
    with open(RAN, 'a') as file:
        file.write(word + '\\n')

def slow(word):
    note('began-' + word)
    while not os.path.exists(RAN + '.go'):
        time.sleep(0.01)
    note(word)

@ndb.transactional
def add_with_entity():
    Thing().put()
    deferred.defer(note, 'transactional', _transactional=True)

def app(environ, start_response):
    start_response('200 OK', [])
    path = environ['PATH_INFO']
    if path == '/slow':
        for number in range(3):
            deferred.defer(slow, 'slow-%d' % number)
        deferred.defer(note, 'later', _countdown=1)
    elif path == '/quick':
        deferred.defer(note, 'quick')
        taskqueue.add(url='/task', params={'word': 'posted'})
        add_with_entity()
    elif path == '/task':
        length = int(environ['CONTENT_LENGTH'])
        note(environ['wsgi.input'].read(length).decode() + ' ' +
             environ['HTTP_X_APPENGINE_QUEUENAME'] + ' ' + environ['REMOTE_ADDR'])
    return [b'']
"""

ONCE = """
def once_app(environ, start_response, usual=app):
    if environ['PATH_INFO'] == '/once':
        options = taskqueue.TaskRetryOptions(task_retry_limit=0)
        deferred.defer(note, 'once', _countdown=1, _retry_options=options)
    return usual(environ, start_response)

app = once_app
"""

YAML = """
runtime: python27
builtins:
- deferred: on
handlers:
- url: /task
  script: surviving_app.app
  login: admin
- url: /.*
  script: surviving_app.app
"""


def test_tasks_run_and_survive_kill_9(
    server: Servers, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    app_dir = tmp_path / "app"
    app_dir.mkdir()
    (app_dir / "app.yaml").write_text(YAML)
    (app_dir / "surviving_app.py").write_text(SOURCE)
    ran_file = tmp_path / "ran"
    ran_file.touch()

    def ran() -> list[str]:
        return ran_file.read_text().split("\n")[:-1]

    options: dict[str, Any] = {
        "storage_path": tmp_path / "store",
        "env": {"RAN_FILE": str(ran_file)},
    }
    first = server(app_dir, "--automatic_restart=no", **options)
    urllib.request.urlopen(first.url + "quick").read()
    wait_until(lambda: len(ran()) == 3)
    assert sorted(ran()) == ["quick", "transactional", "word=posted default 0.1.0.2"]
    urllib.request.urlopen(first.url + "slow").read()
    wait_until(lambda: len(ran()) == 6)
    first.stop(signal.SIGKILL)
    Path(f"{ran_file}.go").touch()
    server(app_dir, "--automatic_restart=no", **options)
    wait_until(lambda: {"slow-0", "slow-1", "slow-2", "later"} <= set(ran()), 20)
    finished = [word for word in ran() if re.fullmatch(r"slow-\d", word)]
    assert len(finished) == len(set(finished))


def test_task_waits_while_the_app_is_broken(
    server: Servers, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    app_dir = tmp_path / "app"
    app_dir.mkdir()
    (app_dir / "app.yaml").write_text(YAML)
    script = app_dir / "surviving_app.py"
    script.write_text(SOURCE + ONCE)
    ran_file = tmp_path / "ran"
    ran_file.touch()
    running = server(app_dir, env={"RAN_FILE": str(ran_file)})
    urllib.request.urlopen(running.url + "once").read()
    due = time.monotonic() + 1
    script.write_text("this is no Python\n")
    wait_until(lambda: "SyntaxError" in running.output, 20)
    # It is due, and would be given up at its first failure, as this request fails.
    wait_until(lambda: time.monotonic() > due)
    with pytest.raises(urllib.error.HTTPError, match="500"):
        urllib.request.urlopen(running.url)
    script.write_text(SOURCE + ONCE)
    wait_until(lambda: ran_file.read_text() == "once\n", 20)
