"""What app.yaml says holds under each door and each server."""

from __future__ import annotations

import http.client
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.lanes import timeout_factor
from tests.programs import running
from tests.servers import Servers

APP = Path(__file__).parent / "apps" / "whole"
SERVING = Path(__file__).parent / "serving.py"

DOORS = {
    "application": """\
import channelshim
app = channelshim.application({folder!r})
""",
    "wrap": """\
import channelshim
channelshim.install({folder!r})
import main
app = channelshim.wrap(main.app)
""",
}

COMMANDS = {
    "gunicorn": [
        *[sys.executable, "-m", "gunicorn", "--worker-class=gthread", "--threads=8"],
        *["--workers=1", "--bind=127.0.0.1:0", "--graceful-timeout=1", "door:app"],
    ],
    "waitress": [sys.executable, SERVING.name, "waitress", "door"],
    "Paste": [sys.executable, SERVING.name, "paste", "door"],
}

SETTINGS = {
    "CHANNELSHIM_ENFORCE_SECURE": "yes",
    "CHANNELSHIM_TRUSTED_PROXIES": "127.0.0.1",
}

SERVED = ["serve", *(f"{door} {server}" for door in DOORS for server in COMMANDS)]


@dataclass(frozen=True)
class Answer:
    """What came back, without following it."""

    status: int
    text: str
    headers: http.client.HTTPMessage


class Site:
    """The app under some door and server.

    Args:
        port: where it listens.
    """

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self._port = port

    def ask(self, path: str, **headers: str) -> Answer:
        """GET path; a header's dashes are underscores here."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._port, timeout=30 * timeout_factor()
        )
        connection.request("GET", path, headers=sent)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8")
        connection.close()
        return Answer(answer.status, text, answer.headers)

    def log_in(self, *, is_admin: bool = False) -> str:
        """Return a cookie."""
        admin = "&admin=True" if is_admin else ""
        path = f"/_ah/login?action=Login&email=ann@example.com&continue=/{admin}"
        return str(self.ask(path).headers["Set-Cookie"]).partition(";")[0]


@pytest.fixture(scope="module", params=SERVED)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("elsewhere")
    variables = {**SETTINGS, "CHANNELSHIM_STORAGE_PATH": str(folder / "store")}
    if request.param == "serve":
        servers = Servers(lambda: folder / "store")
        server = servers(APP, "--automatic_restart=no", env=SETTINGS)
        yield Site(server.port)
        servers.stop()
        return
    door, server_name = request.param.split()
    shutil.copy(SERVING, folder)
    (folder / "door.py").write_text(DOORS[door].format(folder=str(APP)))
    with running(COMMANDS[server_name], folder, variables) as program:
        yield Site(int(program.wait_for_url().rpartition(":")[2]))


def test_script_is_run_with_lib_and_variables(site: Site) -> None:
    answer = site.ask("/some/page")
    assert answer.status == 200
    assert re.match(r"main /some/page vendored hello seven\.\d{18} ", answer.text)
    assert answer.headers["X-Middleware"] == "here"


def test_other_scripts_are_run_too(site: Site) -> None:
    assert site.ask("/included").text == "other /included"
    assert site.ask("/cgi").text == "cgi /cgi\n"


def test_paths_without_a_handler_are_404(site: Site) -> None:
    assert site.ask("/nowhere").status == 404


def test_static_files_are_served(site: Site) -> None:
    answer = site.ask("/files/a.txt")
    assert (answer.status, answer.text) == (200, "the file a")
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    one = site.ask("/one")
    assert one.text == "the file a"
    assert one.headers["Content-Type"] == "text/x-one"
    assert one.headers["Cache-Control"] == "public, max-age=300"
    assert one.headers["X-Handler"] == "one"
    assert site.ask("/files/b.secret").status == 404
    assert site.ask("/files/../main.py").status == 404


def test_login_is_enforced(site: Site) -> None:
    here = quote(f"http://{site.host}/private", safe="/")
    answer = site.ask("/private")
    assert answer.status == 302
    place = f"http://{site.host}/_ah/login?continue={here}"
    assert answer.headers["Location"] == place
    assert site.ask("/api").status == 401
    assert site.ask("/admin").status == 302
    cookie = site.log_in()
    assert site.ask("/private", Cookie=cookie).text.startswith("main /private")
    assert site.ask("/api", Cookie=cookie).text.startswith("main /api")
    assert site.ask("/admin", Cookie=cookie).status == 401
    admin = site.log_in(is_admin=True)
    assert site.ask("/admin", Cookie=admin).text == "other /admin"


def test_login_of_somebody_elsewhere_is_refused(site: Site) -> None:
    cookie = site.log_in(is_admin=True)
    there = {"X_Forwarded_For": "203.0.113.5"}
    assert site.ask("/_ah/login", **there).status == 403
    assert site.ask("/admin", Cookie=cookie, **there).status == 302


def test_secure_is_obeyed(site: Site) -> None:
    answer = site.ask("/secure")
    assert answer.status == 302
    assert answer.headers["Location"] == f"https://{site.host}/secure"
    assert site.ask("/secure", X_Forwarded_Proto="https").status == 200


def test_failing_script_shows_the_error_handlers_page(site: Site) -> None:
    # This machine would be shown the traceback by our own server.
    answer = site.ask("/fail", X_Forwarded_For="203.0.113.5")
    assert answer.status == 500
    assert answer.text == "<p>Our own error page.</p>\n"


def test_instance_is_told_of_its_start(
    site: Site, wait_until: Callable[..., Any]
) -> None:
    wait_until(lambda: "/_ah/start" in site.ask("/some").text)
    wait_until(lambda: "/_ah/warmup" in site.ask("/some").text)


def test_platforms_paths_are_closed(site: Site) -> None:
    assert site.ask("/_ah/queue/deferred").status == 403
    assert site.ask("/_ah/start").status == 403


def test_channels_are_there(site: Site) -> None:
    assert "goog" in site.ask("/_ah/channel/jsapi").text
    assert site.ask("/_ah/channel/poll?token=x").status == 401
