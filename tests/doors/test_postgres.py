"""`--store=postgresql://…`: several servers on one store, and what is refused."""

from __future__ import annotations

from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.doors.test_refusals import refusal
from tests.doors.test_stop import get
from tests.servers import Server, Servers
from tests.store.backends import give_back_schema, shared_server, take_schema

APP_YAML = """\
runtime: python27
threadsafe: true
handlers:
- url: /.*
  script: code.app
"""

CODE = """\
import webapp2
from google.appengine.api import memcache, taskqueue
from google.appengine.ext import ndb


class Note(ndb.Model):
    text = ndb.StringProperty()


class Put(webapp2.RequestHandler):
    def get(self):
        Note(text=self.request.get("text")).put()
        memcache.set("last", self.request.get("text"))
        taskqueue.add(url="/task", params={"text": self.request.get("text")})


class Task(webapp2.RequestHandler):
    def post(self):
        Note(text="task " + self.request.get("text")).put()


class List(webapp2.RequestHandler):
    def get(self):
        notes = sorted(note.text for note in Note.query())
        self.response.write(",".join([*notes, str(memcache.get("last"))]))


app = webapp2.WSGIApplication([("/put", Put), ("/task", Task), ("/list", List)])
"""

pytestmark = pytest.mark.postgres


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "app.yaml").write_text(APP_YAML)
    (folder / "code.py").write_text(CODE)
    return folder


@pytest.fixture
def options():
    schema = take_schema()
    yield f"--store={shared_server().url()}", f"--store_schema={schema}"
    give_back_schema(schema)


def is_well(server: Server) -> bool:
    try:
        return get(server.url + "_ah/health") == ""
    except HTTPError:
        return False


def test_two_servers_share_a_store(server: Servers, app, options, wait_until) -> None:
    one, two = server(app, *options), server(app, *options)
    assert one.prints("Its data is in postgresql://")
    # It found itself alone; the second one says what the two do not share.
    assert "channels are not shared" not in one.output
    wait_until(lambda: "other servers have this store too (1)" in two.output)
    # Without the channels each is well: a load balancer leaves neither out.
    wait_until(lambda: is_well(two))
    get(one.url + "put?text=a")
    get(two.url + "put?text=b")
    for each in (one, two):
        wait_until(lambda each=each: get(each.url + "list") == "a,b,task a,task b,b")
    assert one.stop() == 0
    third = server(app, *options)
    assert get(third.url + "list") == "a,b,task a,task b,b"


def test_password_on_the_command_line_is_refused(app) -> None:
    url = "postgresql://ann:geheim@localhost/db"
    sentence = refusal(str(app), "--port=0", "--store", url)
    assert "CHANNELSHIM_STORE" in sentence
    assert "--store_file" in sentence
    assert "geheim" not in sentence


def test_wrong_server_is_one_sentence(app, tmp_path) -> None:
    arguments = [str(app), "--port=0", f"--storage_path={tmp_path}/s"]
    closed = refusal(*arguments, "--store=postgresql://ann@127.0.0.1:1/db")
    assert "postgresql://ann@127.0.0.1:1/db" in closed
    assert "refused" in closed


def test_url_comes_from_a_file_and_its_password_is_not_shown(
    server: Servers, app, options, tmp_path
) -> None:
    path = tmp_path / "url"
    url = options[0].partition("=")[2].replace("channelshim@", "channelshim:geheim@")
    path.write_text(url + "\n")
    running = server(app, f"--store_file={path}", options[1], "--log_level=debug")
    get(running.url + "put?text=a")
    assert running.stop() == 0
    assert "geheim" not in running.output
    assert running.prints("Its data is in postgresql://channelshim@/")


def test_variable_names_the_store(server: Servers, app, options) -> None:
    url = options[0].partition("=")[2]
    running = server(app, options[1], env={"CHANNELSHIM_STORE": url})
    get(running.url + "put?text=a")
    assert get(running.url + "list").startswith("a,")
