"""An instance that stays is told of its start and its end, and its hook is called."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Servers

APP_YAML = """\
runtime: python27
threadsafe: true
{scaling}
handlers:
- url: /.*
  script: instance.app
  login: {login}
"""

INSTANCE = """\
import os
import sys
from google.appengine.api import memcache, runtime

def shut_down():
    said = 'hook of %s, %s' % (os.environ['APPLICATION_ID'], runtime.is_shutting_down())
    # In one piece: the server writes too.
    sys.stdout.write(said + '\\n')
    memcache.set('left', 'behind')

runtime.set_shutdown_hook(shut_down)

def app(environ, start_response):
    sys.stdout.write('asked %(PATH_INFO)s %(REMOTE_ADDR)s\\n' % environ)
    sys.stdout.flush()
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [(memcache.get('left') or 'nothing').encode('ascii')]
"""


def write_app(folder: Path, scaling: str, login: str = "admin") -> Path:
    folder.mkdir()
    (folder / "app.yaml").write_text(APP_YAML.format(scaling=scaling, login=login))
    (folder / "instance.py").write_text(INSTANCE)
    return folder


@pytest.mark.parametrize(
    "scaling", ["manual_scaling:\n  instances: 1", "basic_scaling:\n  max_instances: 2"]
)
def test_start_and_stop_are_requested(
    server: Servers, tmp_path: Path, wait_until: Callable[..., Any], scaling: str
) -> None:
    running = server(write_app(tmp_path / "app", scaling))
    wait_until(lambda: "asked /_ah/start 0.1.0.3" in running.output)
    assert running.stop() == 0
    hook, _, later = running.output.partition(", True\n")
    assert "hook of dev~app-" in hook
    assert "asked /_ah/stop 0.1.0.3" in later


def test_hook_may_use_the_services(server: Servers, tmp_path: Path) -> None:
    app = write_app(tmp_path / "app", "manual_scaling:\n  instances: 1", "optional")
    store = tmp_path / "store"
    assert server(app, storage_path=store).stop() == 0
    with urllib.request.urlopen(server(app, storage_path=store).url) as answer:
        assert answer.read() == b"behind"


def test_instances_that_come_and_go_hear_nothing(
    server: Servers, tmp_path: Path
) -> None:
    running = server(write_app(tmp_path / "app", "automatic_scaling:\n  x: 1"))
    assert running.stop() == 0
    assert "asked" not in running.output
    assert "hook" not in running.output
