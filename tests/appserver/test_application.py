"""One request's way, through the real handlers, without a socket."""

from __future__ import annotations

import os
import pathlib

import pytest
from webtest import TestApp

from channelshim.appserver.application import AppServer
from channelshim.appserver.exposure import Exposure
from channelshim.appserver.hosts import HostRule
from channelshim.appserver.login.development import DevelopmentLogin
from channelshim.appserver.scripts import AppImportError
from channelshim.appyaml.app import parse_app
from channelshim.contracts.dispatcher import InternalRequest
from channelshim.contracts.identity import user_id_of
from channelshim.protocol.cookies import CookieSigner
from tests.service_needs import load_server

YAML = """
runtime: python27
api_version: 1
threadsafe: {threadsafe}
handlers:
- url: /files
  static_dir: files
- url: /admin
  script: {module}.app
  login: admin
- url: /private
  script: {module}.app
  login: required
- url: /api
  script: {module}.app
  login: required
  auth_fail_action: unauthorized
- url: /only
  script: {module}.app
- url: /_ah/.*
  script: {module}.app
"""

SOURCE = """
import os

def app(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/only' and environ.get('QUERY_STRING') == 'raise':
        raise ValueError('on purpose')
    if environ.get('QUERY_STRING') == 'status':
        start_response('oops', [])
    if environ.get('QUERY_STRING') == 'silent':
        return []
    if environ.get('QUERY_STRING') == 'json':
        import json
        json.loads('no JSON')
    if environ.get('QUERY_STRING') == 'server':
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [os.environ['SERVER_NAME'].encode()]
    start_response('200 OK', [('Content-Type', 'text/plain')])
    names = sorted(name for name in environ if name.startswith('HTTP_'))
    said = (path, os.environ['USER_EMAIL'], os.environ['USER_ID'],
            os.environ['USER_IS_ADMIN'], os.environ['REMOTE_ADDR'], ' '.join(names))
    if environ.get('QUERY_STRING') == 'stream':
        return (os.environ['USER_EMAIL'].encode() + b'.' for _ in range(3))
    return ['|'.join(said).encode('utf-8')]
"""

SIGNER = CookieSigner([b"s" * 32])


OPEN = Exposure(allows_dev_login=True)


def make_server(
    folder: pathlib.Path, *, threadsafe: bool = True, exposure: Exposure | None = None
) -> AppServer:
    """Return a server whose app says what it sees; each has a module of its own."""
    module = f"app_{abs(hash(folder))}"
    (folder / f"{module}.py").write_text(SOURCE)
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text("hello")
    text = YAML.format(module=module, threadsafe=str(threadsafe).lower())
    config = parse_app(text, read=lambda path: None)
    return load_server(
        folder, config, DevelopmentLogin(SIGNER), exposure=exposure or OPEN
    )


@pytest.fixture
def server(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> AppServer:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return make_server(tmp_path)


@pytest.fixture
def client(server: AppServer) -> TestApp:
    return TestApp(server, extra_environ={"REMOTE_ADDR": "192.0.2.1"})


def log_in(client: TestApp, email: str, *, is_admin: bool = False) -> None:
    admin = "&admin=True" if is_admin else ""
    client.get(f"/_ah/login?action=Login&email={email}{admin}&continue=/only")


def test_script_sees_the_user_of_the_cookie(client: TestApp) -> None:
    log_in(client, "Ann@example.com")
    said = client.get("/only").text.split("|")
    user_id = user_id_of("ann@example.com")
    assert said[1:5] == ["Ann@example.com", user_id, "0", "192.0.2.1"]


def test_streamed_answer_keeps_its_request(client: TestApp) -> None:
    log_in(client, "ann@example.com")
    assert client.get("/only?stream").text == "ann@example.com." * 3


def test_login_required_redirects_or_refuses(client: TestApp) -> None:
    answer = client.get("/private?x=1", status=302)
    assert answer.status == "302 Requires login"
    assert answer.location == (
        "http://localhost/_ah/login?continue=http%3A//localhost/private%3Fx%3D1"
    )
    client.get("/api", status=401)
    log_in(client, "ann@example.com")
    client.get("/private", status=200)
    page = client.get("/admin", status=401)
    page.mustcontain("ann@example.com", "/_ah/login?continue=http", "somebody else")
    log_in(client, "ann@example.com", is_admin=True)
    client.get("/admin", status=200)


@pytest.mark.parametrize(
    "header",
    [
        "X-AppEngine-User-Email",
        "x_appengine_user_email",
        "X-Appengine-User_Is-Admin",
        "X-AppEngine-Fake-Is-Admin",
        "X-AppEngine-QueueName",
        "X-AppEngine-Cron",
        "X-AppEngine-Remote-Addr",
        "X-AppEngine-User-IP",
        "X-AppEngine-Current-Namespace",
        "Proxy",
    ],
)
def test_outside_header_is_gone(client: TestApp, header: str) -> None:
    answer = client.get("/only", headers={header: "1"})
    own = "HTTP_HOST HTTP_X_APPENGINE_COUNTRY"
    assert answer.text.split("|")[5] == own
    assert answer.text.split("|")[1:5] == ["", "", "0", "192.0.2.1"]
    client.get("/admin", headers={header: "1"}, status=302)


@pytest.mark.parametrize(
    "path",
    [
        "/_ah/channel/connected/",
        "/_ah/channel/disconnected/",
        "/_ah/channel/disconnected",
        "/_ah//channel/disconnected/",
        "//_ah/channel/disconnected/",
        "/_ah/channel/%64isconnected/",
        "/_ah/channel/%2564isconnected/",
        "/x/../_ah/channel/disconnected/",
        "/_ah/CHANNEL/disconnected/",
        "/_ah/channel/disconnected;a/",
        "/_ah/queue/deferred",
        "/_ah/start",
        "/_ah/stop",
        "/_ah/warmup",
        "/_ah/background",
        "/_ah/cloudtask/sweep",
        "/_ah/mail/a@b.c",
    ],
)
def test_platform_address_is_refused_to_outsiders(client: TestApp, path: str) -> None:
    log_in(client, "ann@example.com", is_admin=True)
    assert "Only the platform" in client.post(path, status=403).text


def test_internal_request_reaches_admin_handlers_without_a_user(
    server: AppServer,
) -> None:
    answer = server.dispatch(
        InternalRequest("POST", "/admin", remote_address="0.1.0.10")
    )
    assert answer.status == 200
    assert answer.body == (b"/admin|||0|0.1.0.10|HTTP_HOST HTTP_X_APPENGINE_COUNTRY")


def test_internal_request_to_the_presence_address_arrives(server: AppServer) -> None:
    request = InternalRequest("POST", "/_ah/channel/disconnected/", b"from=x")
    assert server.dispatch(request).status == 200


def test_internal_request_survives_a_raising_handler(server: AppServer) -> None:
    assert server.dispatch(InternalRequest("GET", "/only?raise")).status == 500


def test_traceback_is_shown_on_loopback_only(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    showing = Exposure(show_tracebacks=True)
    client = TestApp(
        make_server(tmp_path, exposure=showing),
        extra_environ={"REMOTE_ADDR": "192.0.2.1"},
    )
    assert "on purpose" not in client.get("/only?raise", status=500).text
    here = {"REMOTE_ADDR": "127.0.0.1"}
    shown = client.get("/only?raise", status=500, extra_environ=here)
    assert "ValueError: on purpose" in shown.text
    # The app's frames alone, and the error before them.
    assert f"{os.sep}channelshim{os.sep}appserver" not in shown.text
    assert shown.text.index("<strong>ValueError") < shown.text.index("in app")


def test_page_of_a_500_has_the_apps_frames_first(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    server = make_server(tmp_path, exposure=Exposure(show_tracebacks=True))
    here = {"REMOTE_ADDR": "127.0.0.1"}
    shown = TestApp(server, extra_environ=here).get("/only?json", status=500).text
    assert "<strong>json.decoder.JSONDecodeError" in shown
    own, _, whole = shown.partition("<details>")
    assert "json.loads" in own
    assert "decoder.py" not in own
    assert "decoder.py" in whole


@pytest.mark.parametrize(
    ("query", "sentence", "has_frames"),
    [
        ("status", "'oops' is no status line", True),
        ("silent", "the app did not call start_response", False),
    ],
)
def test_answer_that_cannot_be_sent_shows_no_frames_of_ours(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    query: str,
    sentence: str,
    *,
    has_frames: bool,
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    server = make_server(tmp_path, exposure=Exposure(show_tracebacks=True))
    client = TestApp(server, extra_environ={"REMOTE_ADDR": "127.0.0.1"})
    shown = client.get(f"/only?{query}", status=500).text
    for text in (shown.replace("&#39;", "'"), caplog.text):
        assert sentence in text
        assert f"{os.sep}channelshim{os.sep}" not in text
        assert ("in app" in text) is has_frames
    assert ("start_response(" in shown) is has_frames


def test_browsers_get_pages_and_others_text(client: TestApp) -> None:
    log_in(client, "<b>@example.com")
    hostile = "/<script>alert(1)</script>"
    for path, status in ((hostile, 404), ("/files/none", 404), ("/admin", 401)):
        page = client.get(path, headers={"Accept": "text/html"}, status=status)
        assert page.content_type == "text/html"
        assert "data:image/svg+xml" in page.text
        assert "<script" not in page.text
        assert "<b>@" not in page.text
    for path in (hostile, "/files/none"):
        assert client.get(path, status=404).content_type == "text/plain"
    client.reset()
    page = client.get("/api", headers={"Accept": "text/html"}, status=401)
    assert "/_ah/login?continue=" in page.text
    assert client.get("/api", status=401).content_type == "text/plain"


@pytest.mark.parametrize(("name", "seen"), [("", "127.0.0.1"), ("box", "box")])
def test_app_sees_the_host_that_was_asked_for(
    tmp_path: pathlib.Path, name: str, seen: str
) -> None:
    app = TestApp(make_server(tmp_path, exposure=Exposure(server_name=name)))
    answer = app.get("/only?server", extra_environ={"SERVER_NAME": "127.0.0.1"})
    assert answer.text == seen


def test_foreign_host_is_refused(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    exposure = Exposure(hosts=HostRule(frozenset({"intranet.example"})))
    client = TestApp(
        make_server(tmp_path, exposure=exposure),
        extra_environ={"REMOTE_ADDR": "192.0.2.1"},
    )
    for host in ("localhost:8080", "127.0.0.1", "[::1]:80", "intranet.example:1"):
        client.get("/only", headers={"Host": host})
    for host in ("evil.example", "localhost.evil.example", "a b", "127.0.0.1.x"):
        client.get("/only", headers={"Host": host}, status=400)


def test_path_that_is_too_long_is_not_looked_at(client: TestApp) -> None:
    client.get("/" + "x" * 8191, status=404)
    for path in ("/" + "x" * 8192, "/" + "%2F" * 8192, "/_ah/queue/" + "/;" * 8192):
        assert "8,192 characters" in client.get(path, status=414).text


def test_no_handler_is_a_404_that_names_those_tried(client: TestApp) -> None:
    here = {"REMOTE_ADDR": "127.0.0.1"}
    answer = client.get("/onlyx", status=404, extra_environ=here)
    assert "/only  (" in answer.text
    assert "/private" in answer.text
    assert "/private" not in client.get("/onlyx", status=404).text


def test_app_that_is_not_threadsafe_runs_one_request_at_a_time(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    server = make_server(tmp_path, threadsafe=False)
    client = TestApp(server, extra_environ={"REMOTE_ADDR": "192.0.2.1"})
    for _ in range(2):
        client.get("/only?raise", status=500)
        client.get("/only?stream")
        client.get("/only")
    assert server._serial is not None
    assert not server._serial.locked()


def test_import_error_names_file_and_line_of_the_app(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken_app.py").write_text("import os\n\nos.nothing\n")
    text = "runtime: python27\nhandlers:\n- url: /.*\n  script: broken_app.app\n"
    config = parse_app(text, read=lambda path: None)
    with pytest.raises(AppImportError) as caught:
        load_server(tmp_path, config)
    assert caught.value.path == str(tmp_path / "broken_app.py")
    assert caught.value.line == 3
    assert "os.nothing" in caught.value.report
    assert "importlib" not in caught.value.report
