"""Nothing from outside begins a line of the log, or gives orders to a terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.programs import running
from tests.security.raw import ask_raw
from tests.servers import Servers

FORGED = "CRITICAL forged"
PATH = (
    f"/{{kind}}%0D%0A{FORGED.replace(' ', '%20')}%1B%5B31m%1b%5D0;owned%07"
    "%C2%9B31m%C2%85x"
)

APP_YAML = """\
runtime: python27
threadsafe: true
handlers:
- url: /.*
  script: noisy.app
"""

NOISY = """\
import logging


def app(environ, start_response):
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8")
    if path.startswith("/raise"):
        raise ValueError(path)
    logging.warning("the app says %s", path)
    logging.info(path)
    if path.startswith("/exit"):
        raise SystemExit(path)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"quiet"]
"""

WRAPPED = """\
import sys
import channelshim

channelshim.install(storage_path="data")
from paste.httpserver import serve


def app(environ, start_response):
    if environ["PATH_INFO"].startswith("/raise"):
        raise ValueError("on purpose")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"quiet"]

server = serve(channelshim.wrap(app), port="0", start_loop=False)
server.daemon_threads = True
print(f"listening at http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "app.yaml").write_text(APP_YAML)
    (folder / "noisy.py").write_text(NOISY)
    return folder


def assert_clean(log: str) -> None:
    assert FORGED in log, log
    for line in log.split("\n"):
        assert not line.startswith(FORGED), line
        assert not any(ord(each) < 32 and each != "\t" for each in line), line
        assert not any(127 <= ord(each) < 160 for each in line), line


def test_our_servers_log_is_clean(server: Servers, folder: Path) -> None:
    running = server(folder, "--log_level=debug")
    for kind in ("raise", "say", "exit", "_ah/channel/poll", "_ah/cron"):
        ask_raw(running.port, f"GET {PATH.format(kind=kind)} HTTP/1.1")
    assert running.stop() == 0
    assert_clean(running.output)


def test_our_lines_are_clean_in_the_log_of_another_server(folder: Path) -> None:
    (folder / "app.yaml").unlink()
    (folder / "program.py").write_text(WRAPPED)
    with running([sys.executable, "program.py"], folder) as program:
        port = int(program.wait_for_url().rpartition(":")[2])
        ask_raw(port, f"GET {PATH.format(kind='raise')} HTTP/1.1")
        program.wait_until(lambda: FORGED in program.output, "logging")
        assert_clean(program.output)
