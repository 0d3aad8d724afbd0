"""A program that a reloader runs twice: only the process that serves has the store."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from channelshim.store.sqlite.state import SqliteStore
from tests.doors.test_reload import page_of
from tests.programs import Program, running

PROGRAM = """\
import channelshim
channelshim.install(storage_path="data")

import flask
from google.appengine.api import users
from google.appengine.ext import ndb

class Visit(ndb.Model):
    count = ndb.IntegerProperty(default=0)

app = flask.Flask(__name__)

@app.get("/")
def page():
    visit = Visit.get_by_id("all") or Visit(id="all")
    visit.count += 1
    visit.put()
    return "first %d" % visit.count

app.wsgi_app = channelshim.wrap(app.wsgi_app)
LOGIN = users.create_login_url("/")

if __name__ == "__main__":
    app.run(host="localhost", port=0, debug=True)
"""

COMMANDS = {
    "app.run(debug=True)": [sys.executable, "flasky.py"],
    "flask run --debug": [
        *(sys.executable, "-m", "flask", "--app", "flasky", "run"),
        *("--debug", "--port=0"),
    ],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_flask_reloads_a_wrapped_app(tmp_path: Path, command: str) -> None:
    program = tmp_path / "flasky.py"
    program.write_text(PROGRAM)
    # Python files of one second and one size look alike to the cache of bytecode.
    variables = {"PYTHONDONTWRITEBYTECODE": "1"}
    with running(COMMANDS[command], tmp_path, variables) as started:
        url = started.wait_for_url()
        started.wait_until(lambda: page_of(url).startswith("first "), "answering")
        count = int(page_of(url).split()[1])
        program.write_text(PROGRAM.replace('"first ', '"second '))
        # Each process takes a port of its own, and says which.
        started.wait_until(
            lambda: page_of(last_url(started)).startswith("second "), "reloaded"
        )
        # The same store: it goes on counting.
        assert int(page_of(last_url(started)).split()[1]) > count
        assert "in use" not in started.output


WRAPPED = """\
import channelshim
channelshim.install(storage_path="data")
from google.appengine.api import memcache, users
from paste.httpserver import serve

def app(environ, start_response):
    memcache.set("a", "b")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [memcache.get("a").encode()]

wrapped = channelshim.wrap(app)
users.create_login_url("/")
try:
    memcache.get("a")
except channelshim.errors.StoreInUse as error:
    print("memcache:", error)
server = serve(wrapped, port="0", start_loop=False)
server.daemon_threads = True
print(f"listening at http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
"""


def test_a_store_in_use_is_reported_when_it_is_needed(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(WRAPPED)
    store = SqliteStore(tmp_path / "data")
    with running([sys.executable, "program.py"], tmp_path) as started:
        url = started.wait_for_url()
        assert f"in use by process {os.getpid()}" in started.output
        assert "cannot serve" in page_of(url)
        # It is free: no new start is needed.
        store.close()
        assert page_of(url) == "b"


def last_url(program: Program) -> str:
    return re.findall(r"http://[\w.]+:\d+", program.output)[-1]
