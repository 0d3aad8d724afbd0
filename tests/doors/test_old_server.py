"""What the old server did around an app: variables, hooks, index.yaml, Python 3."""

from __future__ import annotations

import datetime
import http.client
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import await_condition
from tests.contract.sites import Original, Site
from tests.lanes import ROOT, timeout_factor
from tests.servers import Servers

HEAD = "application: shop\nversion: v7\nruntime: python27\nthreadsafe: true\n"
YAML = (
    HEAD.replace("true", "false")
    + "handlers:\n- url: /cgi\n  script: form.py\n- url: /.*\n  script: main.app\n"
)

VARIABLES = """\
import json, os, sys, threading
import webapp2
from google.appengine.api import memcache, taskqueue


def texts(variables):
    return dict((name, value) for name, value in dict(variables).items()
                if isinstance(value, basestring))


AT_IMPORT = texts(os.environ)


class Page(webapp2.RequestHandler):
    def get(self):
        in_thread = {}
        thread = threading.Thread(target=lambda: in_thread.update(os.environ))
        thread.start()
        thread.join()
        self.response.write(json.dumps({
            "import": AT_IMPORT,
            "os": texts(os.environ),
            "wsgi": texts(self.request.environ),
            "thread": texts(in_thread),
            "country": self.request.headers.get("X-AppEngine-Country"),
        }))

    post = get


class Add(webapp2.RequestHandler):
    def get(self):
        taskqueue.add(url="/task", params={"a": "b"})
        self.response.write("null")


class Task(webapp2.RequestHandler):
    def post(self):
        seen = memcache.get("seen") or []
        memcache.set("seen", seen + [texts(os.environ)])
        if not seen:
            self.error(503)

    def get(self):
        self.response.write(json.dumps(memcache.get("seen") or []))


app = webapp2.WSGIApplication([("/add", Add), ("/task", Task), ("/.*", Page)])
"""

FORM = """\
import json, os, sys
print 'Content-Type: application/json'
print
texts = dict((n, v) for n, v in dict(os.environ).items() if isinstance(v, basestring))
print json.dumps({"os": texts, "argv": len(sys.argv), "file": __file__})
"""

PAGE = ROOT / "docs" / "reference" / "request-environment.md"


def documented() -> set[str]:
    """Return the variables that the page's table names."""
    first = re.findall(r"^\| (.+?) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    return {name for cell in first for name in re.findall(r"`(\w+)`", cell)}


OWN = {"GAE_ENV", "GAE_RUNTIME", "CHANNELSHIM_UPLOADED_BLOBS", "REMOTE_PORT"}
OWN |= {"REQUEST_SCHEME", "GATEWAY_INTERFACE", "CONTENT_LENGTH"}
OWN |= {"HTTP_ACCEPT_ENCODING", "HTTP_USER_AGENT"}
"""What only our server says: some of it because the original took it away."""

QUIRKS = {"CONTENT_TYPE", "wsgi.url_scheme", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"}
"""What only the original said."""

EACH_TIME = {"REQUEST_ID_HASH", "REQUEST_LOG_ID", "INSTANCE_ID", "CURRENT_VERSION_ID"}
EACH_TIME |= {"SERVER_SOFTWARE", "HTTP_HOST", "SERVER_PORT", "PATH_TRANSLATED"}
EACH_TIME |= {"DEFAULT_VERSION_HOSTNAME", "HTTP_COOKIE", "HTTP_X_APPENGINE_TASKETA"}
EACH_TIME |= {"HTTP_X_APPENGINE_TASKNAME", "USER_ID", "CONTENT_TYPE"}
"""What is another in each process, or each request."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "app.yaml").write_text(YAML)
    (folder / "main.py").write_text(VARIABLES)
    (folder / "form.py").write_text(FORM)
    return folder


@pytest.fixture(scope="module")
def ours(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    server = servers(app)
    yield Site("shim", server.port, lambda: server.output)
    servers.stop()


def test_request_knows_what_it_knew(ours: Site, app: Path) -> None:
    first, second = ours.ask("/x%20y?a=b").json, ours.ask("/x").json
    seen = first["os"]
    assert seen == first["thread"]
    assert {key: first["wsgi"].get(key) for key in seen if key in first["wsgi"]} == {
        key: value for key, value in seen.items() if key in first["wsgi"]
    }
    for name in ("APPLICATION_ID", "CURRENT_VERSION_ID", "USER_EMAIL"):
        assert first["wsgi"][name] == seen[name]
    assert first["country"] == seen["HTTP_X_APPENGINE_COUNTRY"] == "ZZ"
    assert seen["DATACENTER"] == "us1"
    assert (seen["PATH_INFO"], seen["REQUEST_URI"]) == ("/x y", "/x%20y")
    assert (seen["SERVER_NAME"], seen["SERVER_PORT"]) == ("localhost", str(ours.port))
    assert seen["PATH_TRANSLATED"] == str(app / "main.py")
    assert re.fullmatch(r"v7\.\d{18}", seen["CURRENT_VERSION_ID"])
    assert re.fullmatch(r"[0-9A-F]{8}", seen["REQUEST_ID_HASH"])
    assert re.fullmatch(r"[0-9a-f]{20,}", seen["REQUEST_LOG_ID"])
    for name in ("REQUEST_ID_HASH", "REQUEST_LOG_ID"):
        assert seen[name] != second["os"][name]
    for name in ("INSTANCE_ID", "CURRENT_VERSION_ID"):
        assert seen[name] == second["os"][name]


def test_page_names_what_a_request_has(ours: Site) -> None:
    seen = ours.ask("/form", form={"a": "b"}).json["os"]
    said = set(seen) - set(os.environ) - {"CHANNELSHIM_UPLOADED_BLOBS", "REMOTE_PORT"}
    said = {name for name in said if not re.match("CHANNELSHIM_|PYTHON", name)}
    headers = {name for name in said if name.startswith("HTTP_")}
    assert said - headers <= documented()
    of_python3 = {"GAE_APPLICATION", "GAE_INSTANCE", "GAE_SERVICE", "GAE_VERSION"}
    of_python3 |= {"GOOGLE_CLOUD_PROJECT"}
    assert documented() - set(seen) == of_python3


def test_import_knows_host_and_port(ours: Site) -> None:
    seen = ours.ask("/").json["import"]
    assert seen["HTTP_HOST"] == f"localhost:{ours.port}"
    assert seen["DEFAULT_VERSION_HOSTNAME"] == f"localhost:{ours.port}"
    assert (seen["SERVER_NAME"], seen["SERVER_PORT"]) == ("localhost", str(ours.port))
    assert (seen["REQUEST_METHOD"], seen["QUERY_STRING"]) == ("GET", "")


def test_cgi_script_sees_no_flags_of_the_server(ours: Site, app: Path) -> None:
    seen = ours.ask("/cgi?a=b").json
    assert (seen["argv"], seen["file"]) == (1, str(app / "form.py"))
    assert seen["os"]["PATH_TRANSLATED"] == str(app / "form.py")
    assert seen["os"]["QUERY_STRING"] == "a=b"


def test_second_try_of_a_task_knows_the_first_answer(
    ours: Site, wait_until: Callable[..., Any]
) -> None:
    ours.ask("/add")
    first, second = wait_until(lambda: len(s := ours.ask("/task").json) > 1 and s)
    assert "HTTP_X_APPENGINE_TASKPREVIOUSRESPONSE" not in first
    assert second["HTTP_X_APPENGINE_TASKPREVIOUSRESPONSE"] == "503"


@pytest.mark.original
def test_variables_are_those_of_the_original(
    ours: Site,
    app: Path,
    tmp_path_factory: pytest.TempPathFactory,
    wait_until: Callable[..., Any],
) -> None:
    original = Original(app, tmp_path_factory.mktemp("storage"))
    theirs = Site("original", original.port, original.output)
    try:
        for path, where in (("/x%20y?a=b", "os"), ("/x", "wsgi"), ("/cgi?a=b", "os")):
            _compare(ours.ask(path).json[where], theirs.ask(path).json[where])
        answers = []
        for site in (ours, theirs):
            cookie = {"Cookie": site.log_in("ann@example.com", admin="True")}
            answer = site.ask("/form", form={"a": "b"}, headers=cookie)
            answers.append(answer.json["os"])
        _compare(*answers)
        imports = [site.ask("/x").json["import"] for site in (ours, theirs)]
        missing = set(imports[1]) - set(imports[0]) - QUIRKS - {"HTTP_USER_AGENT"}
        assert all(name == "TZ" or name.startswith("USER_") for name in missing)
        theirs.ask("/add")
        seen = wait_until(lambda: len(s := theirs.ask("/task").json) > 1 and s)
        if len(ours.ask("/task").json) < 2:
            ours.ask("/add")
        own = wait_until(lambda: len(s := ours.ask("/task").json) > 1 and s)
        for number in (0, 1):
            _compare(own[number], seen[number])
    finally:
        original.stop()


def _compare(own: dict[str, str], theirs: dict[str, str]) -> None:
    """Compare two environments, but for the shell's variables and quirks."""
    names = {name for name in own if name in theirs or re.match("HTTP_|USER_", name)}
    assert set(theirs) - set(own) - QUIRKS == set()
    headers = {name for name in theirs if name.startswith("HTTP_")}
    assert set(theirs) - headers - QUIRKS <= documented()
    assert names - set(theirs) - OWN == set()
    for name in set(theirs) - QUIRKS - EACH_TIME:
        assert own[name] == theirs[name], name


TENANTS = """\
import webapp2
from google.appengine.ext import ndb
from google.appengine.api import namespace_manager, memcache


class Secret(ndb.Model):
    text = ndb.StringProperty()


class Put(webapp2.RequestHandler):
    def get(self):
        Secret(id="s", text=str(self.request.get("t"))).put()
        memcache.set("k", str(self.request.get("t")))


class Get(webapp2.RequestHandler):
    def get(self):
        self.response.write("%s %s %s" % (
            namespace_manager.get_namespace(),
            [str(each.text) for each in Secret.query()], memcache.get("k")))


app = webapp2.WSGIApplication([("/put", Put), ("/.*", Get)])
"""

CONFIG = """\
import os

appstats_CALC_RPC_COSTS = True
appstats_MAX_STACK = 3
webapp_django_version = "1.2"


def namespace_manager_default_namespace_for_request():
    return os.environ.get("HTTP_X_TENANT") or None


def webapp_add_wsgi_middleware(app):
    from google.appengine.ext.appstats import recording
    return recording.appstats_wsgi_middleware(app)
"""


def get(port: int, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(
        "localhost", port, timeout=20 * timeout_factor()
    )
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request("GET", path, headers=sent)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


MAIN_ONLY = f"{HEAD}handlers:\n- url: /.*\n  script: main.app\n"


def test_tenants_have_the_namespace_of_the_hook(
    server: Servers, tmp_path: Path
) -> None:
    app = write(
        tmp_path, app__yaml=MAIN_ONLY, main__py=TENANTS, appengine_config__py=CONFIG
    )
    running = server(app)
    for tenant in ("a", "b", ""):
        assert get(running.port, f"/put?t=of-{tenant}", X_Tenant=tenant)[0] == 200
    for tenant in ("a", "b", ""):
        answer = get(running.port, "/", X_Tenant=tenant)
        assert answer == (200, f"{tenant} ['of-{tenant}'] of-{tenant}")
    lines = [line for line in running.output.splitlines() if "no effect" in line]
    assert len(lines) == 2
    assert running.prints("appstats_CALC_RPC_COSTS and 1 more has no effect here")
    assert running.prints("webapp_django_version has no effect here")


INDEXED = """\
import webapp2
from google.appengine.ext import ndb


class Note(ndb.Model):
    author, at = ndb.StringProperty(), ndb.IntegerProperty()


class Page(webapp2.RequestHandler):
    def get(self):
        Note.query(Note.author == "ann").order(-Note.at).fetch()


app = webapp2.WSGIApplication([("/.*", Page)])
"""


def test_index_yaml_writes_itself_and_reloads_nothing(
    server: Servers, tmp_path: Path
) -> None:
    app = write(tmp_path, app__yaml=MAIN_ONLY, main__py=INDEXED)
    running = server(app, env={"CHANNELSHIM_WRITE_INDEX_YAML": "yes"})
    assert get(running.port, "/")[0] == 200
    text = (app / "index.yaml").read_text()
    assert "# AUTOGENERATED" in text
    assert "- kind: Note" in text
    assert get(running.port, "/")[0] == 200
    assert "reloading" not in running.output
    assert running.prints("index.yaml has a definition more")


def test_index_yaml_is_left_alone_where_it_is_said(
    server: Servers, tmp_path: Path
) -> None:
    app = write(tmp_path, app__yaml=MAIN_ONLY, main__py=INDEXED)
    running = server(app, "--write_index_yaml=no")
    assert get(running.port, "/")[0] == 200
    assert not (app / "index.yaml").exists()


def test_script_that_is_not_here_does_not_open_its_address(
    server: Servers, tmp_path: Path
) -> None:
    admin = "$PYTHON_LIB/google/appengine/ext/admin"
    yaml = f"- url: /tools/.*\n  script: {admin}\n  login: admin\n- url: /.*\n"
    yaml = MAIN_ONLY.replace("- url: /.*\n", yaml)
    app = write(tmp_path, app__yaml=yaml, main__py=INDEXED)
    running = server(app)
    assert get(running.port, "/tools/x")[0] == 302
    cookie = Site("shim", running.port, lambda: running.output).log_in(
        "a@b.c", admin="True"
    )
    assert get(running.port, "/tools/x", Cookie=cookie)[0] == 404
    assert get(running.port, "/")[0] == 200


PYTHON3 = """\
import json
import os

from google.appengine.api import wrap_wsgi_app, users
from google.appengine.ext import deferred, ndb


class Done(ndb.Model):
    text = ndb.StringProperty()


def work(text):
    Done(id=text, text=text).put()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    if environ["PATH_INFO"] == "/defer":
        deferred.defer(work, "done")
    names = ("GAE_RUNTIME", "GAE_SERVICE", "GAE_VERSION", "GOOGLE_CLOUD_PROJECT")
    return [json.dumps({
        "path": environ["PATH_INFO"],
        "done": [each.text for each in Done.query()],
        "names": [os.environ.get(name) for name in names],
        "login": users.create_login_url("/"),
    }).encode()]


app = wrap_wsgi_app(app, use_deferred=True)
"""


def test_app_that_has_moved_to_python_3_runs(
    server: Servers, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    app = write(
        tmp_path,
        app__yaml="runtime: python312\napp_engine_apis: true\n"
        "entrypoint: gunicorn -b :$PORT shop:app\n",
        shop__py=PYTHON3,
    )
    running = server(app, "--application=shop")
    seen = json.loads(get(running.port, "/any/path")[1])
    assert (seen["path"], seen["done"]) == ("/any/path", [])
    assert seen["names"] == ["python312", "default", "1", "shop"]
    assert "/_ah/login" in seen["login"]
    get(running.port, "/defer")
    wait_until(lambda: json.loads(get(running.port, "/")[1])["done"] == ["done"])
    assert get(running.port, "/_ah/queue/deferred")[0] == 403


CLOCK = """\
import datetime, time
import webapp2


class Page(webapp2.RequestHandler):
    def get(self):
        now = datetime.datetime.now() - datetime.datetime.utcnow()
        self.response.write("%d %s %s" % (
            round(now.total_seconds() / 3600.0), time.tzname[0],
            datetime.datetime.fromtimestamp(0)))


app = webapp2.WSGIApplication([("/.*", Page)])
"""


def test_clock_of_the_app_is_utcs_and_that_of_the_log_is_local(
    server: Servers, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    app = write(tmp_path, app__yaml=MAIN_ONLY, main__py=CLOCK)
    running = server(app, env={"TZ": "Etc/GMT-9"})
    utc = (200, "0 UTC 1970-01-01 00:00:00")
    assert get(running.port, "/") == utc
    (app / "main.py").write_text(f"# changed\n{CLOCK}")
    wait_until(lambda: running.output.count("is running at") == 2)
    assert get(running.port, "/") == utc
    hour = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=9)))
    before = hour - datetime.timedelta(minutes=30)
    hours = {hour.strftime("%H:"), before.strftime("%H:")}
    found = re.findall(r"INFO\s+\S{10} (\d\d:)\d\d:\d\d,", running.output)
    assert found
    assert set(found) <= hours


def test_script_that_cannot_be_loaded_leaves_the_rest_and_is_told_once(
    server: Servers, tmp_path: Path
) -> None:
    yaml = MAIN_ONLY.replace("- url: /.*", "- url: /bad\n  script: bad.app\n- url: /.*")
    app = write(
        tmp_path, app__yaml=yaml, main__py=CLOCK, bad__py="x = 1\nimport nothing_here\n"
    )
    running = server(app)
    assert get(running.port, "/")[0] == 200
    for _ in range(3):
        status, page = get(running.port, "/bad")
        assert status == 500
        assert "No module named nothing_here" in page
        assert "channelshim/appserver" not in page
    await_condition(lambda: running.output.count("GET /bad failed: ") == 3)
    assert running.output.count("Traceback") == 1
