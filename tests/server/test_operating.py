"""A real server, as whoever operates it sees it."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.test_beside import run
from tests.lanes import ROOT
from tests.servers import Server, Servers

APP_YAML = """\
application: operated
runtime: python27
threadsafe: true
handlers:
- url: /static
  static_dir: static
- url: /.*
  script: main.app
"""

APP = """\
import logging
import threading
import webapp2
from google.appengine.api import channel

class Page(webapp2.RequestHandler):
    def get(self):
        logging.warning('by the handler')
        thread = threading.Thread(target=logging.warning, args=('by its thread',))
        thread.start()
        thread.join()
        self.response.write(self.request.headers.get('X-Request-Id'))

class Fails(webapp2.RequestHandler):
    def get(self):
        raise ValueError('on purpose')

class Token(webapp2.RequestHandler):
    def get(self):
        self.response.write(channel.create_channel(self.request.get('id')))

app = webapp2.WSGIApplication(
    [('/fails', Fails), ('/token', Token), ('/.*', Page)])
"""

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("operated")
    (folder / "app.yaml").write_text(APP_YAML)
    (folder / "main.py").write_text(APP)
    (folder / "static").mkdir()
    (folder / "static" / "a.txt").write_text("a file")
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    flags = ("--log_format=json", "--automatic_restart=no", "--logins_per_minute=3")
    more = ("--connects_per_minute=2", "--trusted_proxies=127.0.0.1")
    yield servers(folder, *flags, *more, "--allow_dev_login")
    servers.stop()


def ask(
    server: Server, path: str, headers: dict[str, str] | None = None
) -> tuple[int, str, Message]:
    url = server.url.rstrip("/") + path
    request = urllib.request.Request(url, headers=headers or {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


def lines(server: Server) -> list[dict[str, Any]]:
    """Return the lines of its log; every one is an object."""
    found = [line for line in server.output.splitlines() if line.startswith("{")]
    return [json.loads(line) for line in found]


def lines_of(server: Server, request_id: str) -> list[dict[str, Any]]:
    return [line for line in lines(server) if line.get("request_id") == request_id]


def test_every_line_of_a_request_has_its_id(
    running: Server, wait_until: Callable[..., Any]
) -> None:
    headers = {"X-Request-Id": "from-a-proxy", "traceparent": TRACE}
    assert ask(running, "/page", headers)[:2] == (200, "from-a-proxy")
    wait_until(lambda: len(lines_of(running, "from-a-proxy")) == 3)
    found = lines_of(running, "from-a-proxy")
    assert {line["trace_id"] for line in found} == {TRACE.split("-")[1]}
    messages = [line["message"] for line in found]
    assert messages[:2] == ["by the handler", "by its thread"]
    assert found[2]["logger"] == "channelshim.access"
    assert (found[2]["target"], found[2]["status"]) == ("/page", 200)


def test_a_request_without_an_id_gets_one(
    running: Server, wait_until: Callable[..., Any]
) -> None:
    for sent in ({}, {"X-Request-Id": 'x"y'}):
        request_id = ask(running, "/page", sent)[1]
        assert re.fullmatch("[0-9a-f]{32}", request_id)
        wait_until(lambda name=request_id: len(lines_of(running, name)) == 3)


def test_a_failure_and_a_file_have_their_id(
    running: Server, wait_until: Callable[..., Any]
) -> None:
    assert ask(running, "/fails", {"X-Request-Id": "fails-1"})[0] == 500

    def failed(logger: str) -> list[dict[str, Any]]:
        found = lines_of(running, "fails-1")
        return [line for line in found if line["logger"] == logger]

    wait_until(lambda: failed("channelshim.access"))
    assert failed("channelshim.access")[0]["status"] == 500
    tracebacks = [line.get("traceback", "") for line in lines_of(running, "fails-1")]
    assert any("ValueError: on purpose" in each for each in tracebacks)
    # The second is answered without the app server.
    for number in range(3):
        request_id = f"file-{number}"
        ask(running, "/static/a.txt", {"X-Request-Id": request_id})
        wait_until(lambda name=request_id: len(lines_of(running, name)) == 1)


def test_logins_of_one_address_are_limited(running: Server) -> None:
    def login(address: str) -> int:
        return ask(running, "/_ah/login", {"X-Forwarded-For": address})[0]

    statuses = [login("192.0.2.9") for _ in range(5)]
    assert statuses[3:] == [429, 429]
    assert 429 not in statuses[:3]
    assert login("192.0.2.10") != 429
    headers = ask(running, "/_ah/login", {"X-Forwarded-For": "192.0.2.9"})[2]
    assert 1 <= int(headers["Retry-After"]) <= 20


UPGRADE = {
    "Sec-WebSocket-Version": "13",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def status_of(
    server: Server, path: str, headers: dict[str, str], *forwarded: str
) -> int:
    """Return the status of a request with so many lines of X-Forwarded-For."""
    connection = http.client.HTTPConnection("localhost", server.port)
    try:
        connection.putrequest("GET", path)
        for name, value in headers.items():
            connection.putheader(name, value)
        for line in forwarded:
            connection.putheader("X-Forwarded-For", line)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "headers", "status", "client"),
    [("poll", {}, 401, "192.0.2.20"), ("socket", UPGRADE, 101, "192.0.2.21")],
)
def test_forwarded_addresses_in_several_lines_are_one_header(
    running: Server, path: str, headers: dict[str, str], status: int, client: str
) -> None:
    def connect(*lines: str) -> int:
        asked = f"/_ah/channel/{path}?token=x"
        return status_of(running, asked, headers, *lines)

    # What a client writes itself comes first, and each proxy may add a line.
    assert connect("198.51.100.1", client) == status
    assert connect("198.51.100.2", f"198.51.100.3, {client}") == status
    assert connect("198.51.100.4", client, "127.0.0.1") == 429


def test_connects_of_one_address_are_limited(running: Server) -> None:
    def connect(address: str, query: str = "token=x") -> int:
        headers = {"X-Forwarded-For": address}
        return ask(running, f"/_ah/channel/poll?{query}", headers)[0]

    def upgrade(address: str) -> int:
        return status_of(running, "/_ah/channel/socket?token=x", UPGRADE, address)

    assert [connect("192.0.2.7") for _ in range(3)] == [401, 401, 429]
    assert connect("192.0.2.7", "token=x&after=3") == 429
    # A page that goes on is not counted, and one that says so at its begin is.
    token = ask(running, "/token?id=ann")[1]
    assert connect("192.0.2.17", f"token={token}&wait=0") == 200
    assert connect("192.0.2.18", "token=x") == 401
    assert connect("192.0.2.18", "token=x&after=0") == 401
    for _ in range(3):
        assert connect("192.0.2.18", f"token={token}&after=0&wait=0") == 200
    other = ask(running, "/token?id=bob")[1]
    assert connect("192.0.2.18", f"token={other}&after=0&wait=0") == 429
    assert [upgrade("192.0.2.8") for _ in range(3)] == [101, 101, 429]
    assert upgrade("127.0.0.1") == 101


def console(server: Server, path: str) -> tuple[int, str]:
    """Ask at the console's port."""
    found = re.search(r"Its console is at (\S+)/", server.output)
    assert found is not None
    with urllib.request.urlopen(found[1] + path) as answer:
        return answer.status, answer.read().decode()


def numbers(server: Server) -> dict[tuple[str, ...], float]:
    status, text = console(server, "/metrics")
    assert status == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_numbers_grow_with_what_is_asked(
    running: Server, wait_until: Callable[..., Any]
) -> None:
    wait_until(lambda: "Its console is at" in running.output)
    before = numbers(running)
    for _ in range(3):
        assert ask(running, "/page")[0] == 200
    assert ask(running, "/fails")[0] == 500
    after = numbers(running)

    def grown(*name: str) -> float:
        return after[name] - before[name]

    assert grown("channelshim_server_answers_total", "2xx") == 3
    assert grown("channelshim_server_answers_total", "5xx") == 1
    assert grown("channelshim_server_errors_total") == 1
    assert grown("channelshim_server_duration_seconds_count") == 4
    assert grown("channelshim_server_duration_seconds_sum") > 0
    assert after["channelshim_transports_readers_cut_total",] == 0
    assert after["process_resident_memory_bytes",] > 0
    dashboard = (ROOT / "docs" / "how-to" / "grafana.json").read_text("utf-8")
    asked = set(re.findall(r"channelshim_(?:server|transports|hub)_\w+", dashboard))
    assert asked <= {name for name, *_ in after}


def test_health_is_bare_for_all_and_told_in_detail_at_the_consoles_port(
    running: Server, wait_until: Callable[..., Any]
) -> None:
    wait_until(lambda: "Its console is at" in running.output)
    status, body, headers = ask(running, "/_ah/health")
    assert (status, body) == (200, "")
    assert headers["Cache-Control"] == "no-store"
    status, body = console(running, "/_ah/health")
    assert (status, json.loads(body)["status"]) == (200, "ok")
    assert ask(running, "/metrics")[1] != console(running, "/metrics")[1]


def test_log_goes_to_a_file_that_is_rotated_while_it_runs(
    server: Servers,
    tmp_path: Path,
    wait_until: Callable[..., Any],
) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "app.yaml").write_text(APP_YAML)
    (folder / "main.py").write_text(APP)
    log = tmp_path / "log"
    flags = (f"--log_file={log}", "--workers=2", "--automatic_restart=no")
    started = server(folder, *flags)
    ask(started, "/before")
    wait_until(lambda: 'GET /before" 200' in log.read_text())
    assert "by the handler" in log.read_text()
    log.rename(tmp_path / "log.1")

    def has_moved_on() -> bool:
        ask(started, "/after")
        return log.exists() and {"/after", "by the handler"} <= set(
            re.findall("/after|by the handler", log.read_text())
        )

    wait_until(has_moved_on)
    asked = (tmp_path / "log.1").read_text().count("GET /after")
    asked += log.read_text().count("GET /after")
    # Nothing of it is at the terminal, but what is for whoever starts it.
    assert "GET /" not in started.output
    assert started.prints("is running at")
    assert asked >= 1


def test_start_that_fails_is_told_at_the_terminal_and_in_the_log_file(
    running: Server, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    words = ("serve", str(running.app_dir), f"--port={running.port}")
    done = run(*words, f"--log_file={log}", data=tmp_path / "data")
    assert done.returncode == 1
    assert f"{running.port}" in done.stderr
    assert f"{running.port}" in log.read_text()
