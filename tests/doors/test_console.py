"""Where the console listens, and that the app notices nothing of it."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from channelshim.composition import console_door
from channelshim.composition.settings import Settings
from channelshim.errors import ConfigurationError
from tests.console.site import APP
from tests.lanes import ROOT, timeout_factor
from tests.servers import Server, Servers
from tests.service_needs import make_login

WaitUntil = Callable[..., Any]

SERVE = [sys.executable, "-m", "channelshim", "serve"]

_CONSOLE = re.compile(r"Its console is at (http://\S+/)")


def console_of(running: Server, wait_until: WaitUntil) -> str:
    """Return the address of a server's console, which it prints."""
    found = wait_until(lambda: _CONSOLE.search(running.output))
    address: str = found[1]
    return address


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30 * timeout_factor()) as answer:
        text: str = answer.read().decode("utf-8")
        return text


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


# --- Binding --------------------------------------------------------------------------


def test_default_port_moves_on_when_it_is_taken(
    taken: int, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(admin_host="127.0.0.1", admin_port=taken)
    listener = console_door.listen(settings, make_login(), None, is_reload=False)
    assert listener is not None
    port = listener.getsockname()[1]
    assert port > taken
    (record,) = caplog.records
    assert f"port {taken} of 127.0.0.1 is taken" in record.getMessage()
    assert f"port {port}" in record.getMessage()
    listener.close()


def test_no_free_port_is_no_reason_not_to_start(
    taken: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_door, "PORTS_TRIED", 1)
    settings = Settings(admin_host="127.0.0.1", admin_port=taken)
    assert console_door.listen(settings, make_login(), None, is_reload=False) is None
    assert "--admin_port" in caplog.text


def test_console_can_be_turned_off() -> None:
    settings = Settings(console=False)
    assert console_door.listen(settings, make_login(), None, is_reload=False) is None


def test_unknown_host_is_refused() -> None:
    settings = Settings(admin_host="no.such.host.invalid")
    with pytest.raises(ConfigurationError, match="--admin_host localhost"):
        console_door.listen(settings, make_login(), None, is_reload=False)


class ProvenLogin:
    """As far as it is asked."""

    asks_no_proof = False


def test_beyond_this_machine_a_login_must_ask_for_proof() -> None:
    settings = Settings(admin_host="0.0.0.0", port=0)
    with pytest.raises(ConfigurationError, match="asks for no password"):
        console_door.listen(settings, make_login(), None, is_reload=False)
    proven: Any = ProvenLogin()
    listener = console_door.listen(settings, proven, None, is_reload=False)
    assert listener is not None
    listener.close()


def refused(*arguments: str) -> str:
    """Start a server that does not start, and return what it says."""
    done = subprocess.run(
        [*SERVE, str(APP), "--port=0", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60 * timeout_factor(),
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_port_that_was_given_and_is_taken_ends_the_start(
    taken: int, tmp_path: Path
) -> None:
    place = f"--storage_path={tmp_path}"
    (line,) = refused(
        place, "--admin_host=127.0.0.1", f"--admin_port={taken}"
    ).splitlines()
    assert f"port {taken} of 127.0.0.1 is taken" in line
    assert "--admin_port" in line
    (line,) = refused(place, "--admin_host=0.0.0.0").splitlines()
    assert "--console=no" in line


# --- A running server -----------------------------------------------------------------


def test_console_answers_and_like_all_that_is_late_is_imported_when_first_asked(
    server: Servers, wait_until: WaitUntil
) -> None:
    running = server(APP)
    console = console_of(running, wait_until)
    assert get(running.url + "imported") == ""
    assert "steered" in get(console)
    assert "channelshim.console.overview" in get(running.url + "imported")
    # Addresses of the console are none of the app's, and the other way round.
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(console + "imported")
    # Channels of the console are its own.
    token = get(running.url + "token?id=ann")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(f"{console}_ah/channel/poll?token={token}&wait=0")
    facts = get(console + "channels?format=json")
    assert '"ann"' in facts


def test_logs_and_errors_of_the_app_are_shown(
    server: Servers, wait_until: WaitUntil
) -> None:
    running = server(APP)
    console = console_of(running, wait_until)
    with pytest.raises(urllib.error.HTTPError, match="500"):
        get(running.url + "fail?text=before+anybody+looked")
    assert "before anybody looked" in get(console + "errors")
    get(console + "logs")
    get(running.url + "log?text=seen")
    wait_until(lambda: "GET /log?text=seen" in get(console + "logs?format=json"))
    page = get(console + "logs?text=a+line+of+the+app")
    assert "a line of the app: seen" in page
    assert "/log?text=seen" in page


IMPATIENT = """
from channelshim.console import interactive
interactive.PAGE_SECONDS = 0.5
"""


def test_python_is_run_where_it_is_asked_for(
    server: Servers,
    tmp_path: Path,
    wait_until: WaitUntil,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # CPython 3.11 loops for ever in a thread that is traced while another one is about
    # to raise what was set from without.
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "sitecustomize.py").write_text(IMPATIENT)
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    running = server(APP, "--console_code", env={"PYTHONPATH": paths})
    page = console_of(running, wait_until) + "interactive"
    token = re.search(r'name="token" value="(\w+)"', get(page))
    assert token is not None

    def send(action: str, program: str = "") -> dict[str, Any]:
        fields = {"token": token[1], "action": action, "program": program}
        body = urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(page + "?format=json", body)
        with urllib.request.urlopen(request, timeout=30 * timeout_factor()) as answer:
            facts: dict[str, Any] = json.load(answer)
            return facts

    def output() -> str:
        text: str = json.loads(get(page + "?format=json"))["output"] or ""
        return text

    gate = tmp_path / "gate"
    send(
        "run",
        "class Thing(ndb.Model): n = ndb.IntegerProperty()\n"
        "key = Thing(n=7).put()\nmemcache.set('a', 1)\nkey.get().n, memcache.get('a')"
        f"\nimport os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)"
        "\nkey.get().n, memcache.get('a')",
    )
    gate.touch()
    wait_until(lambda: output() == "(7, 1)\n")
    assert send("run", "print('begun')\nwhile True: pass")["is_running"]
    wait_until(lambda: send("end")["message"] == "The program has ended.")
    assert output().startswith("begun\n")
    assert "DeadlineExceededError" in output()


def test_console_stays_over_a_reload_and_shows_an_app_that_does_not_start(
    server: Servers, tmp_path: Path, wait_until: WaitUntil
) -> None:
    folder = tmp_path / "app"
    shutil.copytree(APP, folder)
    running = server(folder)
    console = console_of(running, wait_until)
    assert "does not start" not in get(console)
    code = folder / "main.py"
    original = code.read_text()

    def page() -> str:
        try:
            return get(console)
        except (OSError, http.client.HTTPException):
            return ""

    code.write_text(original + "\nimport nothing_of_this_name\n")
    wait_until(lambda: "does not start" in page(), 20)
    code.write_text(original)
    wait_until(lambda: page() and "does not start" not in page(), 20)


def test_stop_waits_for_no_page_of_the_console(
    server: Servers, wait_until: WaitUntil
) -> None:
    running = server(APP)
    host = console_of(running, wait_until).split("/")[2]
    connection = http.client.HTTPConnection(host, timeout=30 * timeout_factor())
    connection.request("GET", "/")
    connection.getresponse().read()
    assert running.stop(signal.SIGTERM) == 0
    assert "still running" not in running.output
    connection.close()
