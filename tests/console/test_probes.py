"""Probes at the console's port: who is answered, and what is said."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from webtest import TestApp

from channelshim.composition import check_look
from channelshim.composition.probes import AdminPort
from channelshim.contracts.tasks import Task
from channelshim.server.binding import bind
from tests.console.site import HERE, Site
from tests.lanes import ROOT

TOKEN = "s3cret-" * 6

FAR = {"REMOTE_ADDR": "192.0.2.1", "HTTP_HOST": "monitor.example"}

BEARER = {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}


def port_of(site: Site, address: str = "127.0.0.1") -> TestApp:
    listener = bind(address, 0)
    try:
        port = AdminPort(site.client.app, site.instance, site.front, listener)
    finally:
        listener.close()
    return TestApp(port, extra_environ=HERE)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


@pytest.fixture
def guarded(tmp_path: Path, token_file: Path) -> Iterator[Site]:
    """A site whose probes have a token."""
    opened = Site(tmp_path, metrics_token_file=token_file)
    yield opened
    opened.close()


def numbers(text: str) -> dict[tuple[str, ...], float]:
    """Return every number by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# --- Who is answered ------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/metrics", "/_ah/health"])
@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 200),
        ({"HTTP_HOST": "evil.example"}, 400),
        ({"REMOTE_ADDR": "192.0.2.1"}, 403),
        ({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 403),
    ],
)
def test_only_this_machine_is_answered(
    site: Site, path: str, changed: dict[str, str], status: int
) -> None:
    answer = port_of(site).get(path, status=status, extra_environ={**HERE, **changed})
    assert "WWW-Authenticate" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


def test_probes_only_read(site: Site) -> None:
    port = port_of(site)
    port.post("/metrics", status=405)
    head = port.head("/_ah/health")
    assert (head.status_int, head.body) == (200, b"")


def test_all_else_is_the_consoles(site: Site) -> None:
    port = port_of(site)
    assert "<h1" in port.get("/").text
    port.get("/metrics/more", status=404)


@pytest.mark.parametrize("path", ["/metrics", "/_ah/health"])
def test_the_token_opens_the_probes_from_anywhere(guarded: Site, path: str) -> None:
    port = port_of(guarded)
    port.get(path, status=200, extra_environ={**FAR, **BEARER})
    for wrong in (TOKEN[:-1], f"{TOKEN}x", "é", ""):
        sent = {**HERE, "HTTP_AUTHORIZATION": f"Bearer {wrong}"}
        answer = port.get(path, status=401, extra_environ=sent)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert TOKEN not in answer.text
    port.get(path, status=400, extra_environ=FAR)
    # This machine needs none, as for the console.
    port.get(path, status=200)


def test_the_token_opens_nothing_else(guarded: Site) -> None:
    port_of(guarded).get("/", status=400, extra_environ={**FAR, **BEARER})


@pytest.mark.parametrize("path", ["/metrics", "/_ah/health"])
def test_beyond_this_machine_a_login_or_the_token_is_asked(
    guarded: Site, path: str
) -> None:
    port = port_of(guarded, "0.0.0.0")
    far = {**FAR, "HTTP_HOST": "192.0.2.7:8000"}
    assert port.get(path, status=401, extra_environ=far).headers["WWW-Authenticate"]
    port.get(path, status=200, extra_environ={**far, **BEARER})


# --- Health ---------------------------------------------------------------------------


def test_health_says_what_is_wrong_and_whether_that_is_vital(site: Site) -> None:
    port, status = port_of(site), site.instance.status
    well = port.get("/_ah/health").json
    assert (well["status"], well["problems"], well["failing"]) == ("ok", {}, [])
    assert well["uptime_seconds"] >= 0
    status.check("jobs.tasks", lambda: "late", is_vital=False)
    degraded = port.get("/_ah/health").json
    assert degraded["status"] == "degraded"
    assert degraded["problems"] == {"jobs.tasks": "late"}
    status.check("store", lambda: "gone")
    failing = port.get("/_ah/health", status=503).json
    assert failing["status"] == "failing"
    assert failing["failing"] == ["store"]
    assert failing["problems"] == {"jobs.tasks": "late", "store": "gone"}


# --- Metrics --------------------------------------------------------------------------


def test_metrics_have_what_the_rooms_say(
    tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    # Nobody runs the tasks before they are counted.
    site = Site(tmp_path, enable_task_running=False)
    try:
        look_at_metrics(site, wait_until)
    finally:
        site.close()


def look_at_metrics(site: Site, wait_until: Callable[..., Any]) -> None:
    now = time.time()
    site.instance.store.tasks.add(
        [
            Task(queue="default", name=name, eta=now - 100, method="GET", path="/")
            for name in ("a", "b")
        ],
        now,
    )
    site.attach("ann")
    site.instance.broker.publish("ann", "x" * 1000)
    wait_until(lambda: site.front.overview.counts().kept_bytes > 1000)
    status = site.instance.status
    status.check("jobs.tasks", lambda: "late", is_vital=False)
    status.table("jobs.cron_runs", "url", lambda: {"/a": 3, '/"b"\n': 0})
    status.counter("transports.connections.open", lambda: 7)
    found = numbers(port_of(site).get("/metrics").text)
    assert found["channelshim_healthy",] == 1
    assert found["channelshim_problem", "jobs.tasks"] == 1
    assert found["channelshim_hub_connections",] == 1
    assert found["channelshim_window_bytes",] > 1000
    assert found["channelshim_channels_known",] == 1
    assert found["channelshim_hub_written_total",] >= 0
    assert found["channelshim_connections", "open"] == 7
    assert found["channelshim_jobs_cron_runs_total", "/a"] == 3
    assert found["channelshim_jobs_cron_runs_total", '/"b"\n'] == 0
    assert found["channelshim_queue_tasks", "default"] == 2
    assert found["channelshim_queue_oldest_task_seconds", "default"] >= 100
    writes = found["channelshim_store_write_seconds_count",]
    assert writes >= 1
    assert found["channelshim_store_write_seconds_bucket", "+Inf"] == writes
    assert found["channelshim_store_write_seconds_sum",] > 0
    assert found["channelshim_store_bytes",] > 0


def test_numbers_that_cannot_be_read_hide_no_others(site: Site) -> None:
    site.instance.store.close()
    found = numbers(port_of(site).get("/metrics").text)
    assert found["channelshim_healthy",] == 0
    assert found["channelshim_problem", "store"] == 1
    assert not any(name.startswith("channelshim_queue") for name, *_ in found)


def test_check_that_hangs_does_not_hold_the_numbers(
    site: Site, wait_until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_look, "PATIENCE_SECONDS", 0.05)
    may_end = threading.Event()
    site.instance.status.check("store", lambda: str(may_end.wait() and ""))
    port = port_of(site)

    def has_said_so() -> bool:
        found = numbers(port.get("/metrics").text)
        return found.get(("channelshim_problem", "store")) == 1

    wait_until(has_said_so)
    assert port.get("/_ah/health", status=503).json["failing"] == ["store"]
    may_end.set()
    wait_until(lambda: not has_said_so())


def test_open_metrics_are_answered_to_whoever_takes_them(site: Site) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = port_of(site).get("/metrics", headers=accept)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


@pytest.mark.parametrize("kind", ["text/plain", "application/openmetrics-text"])
@pytest.mark.parametrize("version", ["1.x", "x", "1..0", "-1", "9" * 5000, "1.0.0-b"])
def test_odd_version_of_the_format_is_answered(
    site: Site, kind: str, version: str
) -> None:
    accept = {"Accept": f"{kind};version={version}"}
    assert "channelshim_info" in port_of(site).get("/metrics", headers=accept).text


def test_every_number_of_the_dashboard_is_there(tmp_path: Path) -> None:
    # Mail has numbers where it is sent.
    site = Site(tmp_path, smtp_host="127.0.0.1")
    text = port_of(site).get("/metrics").text
    site.close()
    dashboard = (ROOT / "docs" / "how-to" / "grafana.json").read_text("utf-8")
    asked = set(re.findall(r"channelshim_\w+", dashboard))
    # Of our own server, and of app processes; no such thing runs here.
    served = ("channelshim_server_", "channelshim_transports_")
    assert len(asked) > 12
    known = {sample for sample, *_ in numbers(text)}
    for family in text_string_to_metric_families(text):
        # Of those without a sample yet.
        known.update({family.name, f"{family.name}_total"})
    missing = asked - known
    assert {name for name in missing if not name.startswith(served)} == set()


PROGRAM = """
import sys
sys.modules["prometheus_client"] = None
from channelshim.console.probes import Probes, ProbeSources
started = []
class Checks:
    def refusal(self, environ):
        return None
probes = Probes(None, Checks(), "")
body = probes({"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics"},
              lambda status, headers: started.append(status))
print(started[0], b"".join(body).decode(), end="")
print("channelshim.console.page" in sys.modules, "jinja2" in sys.modules)
"""


def test_without_prometheus_client_one_sentence_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout == (
        "501 Not Implemented The metrics need prometheus-client: pip install "
        "'channelshim[metrics]', and start the server again.\nFalse False\n"
    )
