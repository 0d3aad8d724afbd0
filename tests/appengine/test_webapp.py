"""The first framework: ext.webapp, its util and template, and ext.vendor."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from webtest import TestApp

from channelshim import appengine
from channelshim.appserver.application import AppServer
from channelshim.appserver.login.development import DevelopmentLogin
from channelshim.appyaml.app import parse_app
from channelshim.compat import api_proxy
from channelshim.protocol.cookies import CookieSigner
from channelshim.runtime.variables import Application
from channelshim.services.datastore_v3.values import values_of_body
from channelshim.services.user import UserService
from channelshim.store.sqlite.state import SqliteStore
from tests.service_needs import install_services, load_server, make_login

CLASSIC = """
from google.appengine.ext import webapp
from google.appengine.ext.webapp.util import login_required, run_wsgi_app

class Page(webapp.RequestHandler):
    def get(self):
        self.response.out.write('hello ' + self.request.get('name'))

    def post(self):
        self.error(403)

class Private(webapp.RequestHandler):
    @login_required
    def get(self):
        self.response.out.write('secret')

application = webapp.WSGIApplication([('/', Page), ('/private', Private)], debug=True)

def main():
    run_wsgi_app(application)

if __name__ == '__main__':
    main()
"""

MIDDLEWARE = """
def webapp_add_wsgi_middleware(app):
    def wrapped(environ, start_response):
        def start(status, headers, *rest):
            return start_response(status, headers + [('X-Wrapped', 'yes')], *rest)
        return app(environ, start)
    return wrapped
"""


@pytest.fixture(autouse=True)
def legacy_imports() -> None:
    appengine.install()
    api_proxy.install({"user": lambda: UserService(make_login())})


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestApp:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "appengine_config", raising=False)
    (tmp_path / "classic.py").write_text(CLASSIC)
    (tmp_path / "appengine_config.py").write_text(MIDDLEWARE)
    config = parse_app(
        "runtime: python\nhandlers:\n- url: /.*\n  script: classic.py\n",
        read=lambda path: None,
    )
    signer = CookieSigner([b"s" * 32])
    server = load_server(tmp_path, config, DevelopmentLogin(signer))
    return TestApp(server, extra_environ={"REMOTE_ADDR": "127.0.0.1"})


def test_classic_app_runs_as_cgi_with_its_middleware(client: TestApp) -> None:
    for _ in range(2):
        answer = client.get("/?name=Ann")
        assert answer.text == "hello Ann"
        assert answer.headers["X-Wrapped"] == "yes"
    client.post("/", status=403)
    client.get("/nowhere", status=404)


def test_login_required_sends_visitors_to_the_login_page(client: TestApp) -> None:
    answer = client.get("/private", status=302)
    assert "/_ah/login?continue=http%3A//localhost" in answer.location
    client.get("/_ah/login?action=Login&email=a@b&continue=/")
    assert client.get("/private").text == "secret"


def test_blob_is_served_whole_or_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google.appengine.api import apiproxy_stub_map

    store = SqliteStore(tmp_path, values_of_body, takes_lease=False)
    install_services(tmp_path, store)
    handlers = importlib.import_module("google.appengine.ext.webapp.blobstore_handlers")
    webapp = importlib.import_module("google.appengine.ext.webapp")
    data = bytes(range(256)) * 1000

    class Serve(handlers.BlobstoreDownloadHandler):  # type: ignore[misc, name-defined]
        def get(self, key: str) -> None:
            if key == "make":
                stub = apiproxy_stub_map.apiproxy.GetStub("blobstore")
                stub.CreateBlob("blob", data)
            elif key == "part":
                self.send_blob("blob", "image/png", save_as="ü.png", start=5, end=7)
            elif key == "tail":
                self.send_blob("blob", start=-2)
            else:
                self.send_blob(key)

    class Upload(handlers.BlobstoreUploadHandler):  # type: ignore[misc, name-defined]
        def post(self) -> None:
            self.response.write(str(len(self.get_uploads("file"))))

    application = webapp.WSGIApplication([("/upload", Upload), ("/(.*)", Serve)])
    server = AppServer(
        None,
        None,
        Application("test"),
        make_login(),
        wsgi_app=application,
    )
    client = TestApp(server, extra_environ={"REMOTE_ADDR": "192.0.2.1"})
    client.get("/make")
    assert client.get("/blob").body == data
    part = client.get("/part", status=206)
    assert part.body == b"\5\6\7"
    assert part.content_type == "image/png"
    assert part.headers["Content-Range"] == f"bytes 5-7/{len(data)}"
    assert part.headers["Content-Disposition"].endswith("UTF-8''%C3%BC.png")
    assert client.get("/tail", status=206).body == b"\xfe\xff"
    client.get("/nothing", status=404)
    assert client.post("/upload").text == "0"


def test_mail_handler_takes_a_message() -> None:
    handlers = importlib.import_module("google.appengine.ext.webapp.mail_handlers")
    webapp = importlib.import_module("google.appengine.ext.webapp")
    taken: list[str] = []

    class Inbox(handlers.InboundMailHandler):  # type: ignore[misc, name-defined]
        def receive(self, mail_message: object) -> None:
            taken.append(mail_message.subject)  # type: ignore[attr-defined]

    client = TestApp(webapp.WSGIApplication([Inbox.mapping()]))
    client.post("/_ah/mail/a@b.c", b"From: x@y.z\nTo: a@b.c\nSubject: hello\n\nbody")
    assert taken == ["hello"]


def webapp_template() -> ModuleType:
    pytest.importorskip("django", reason="needs the extra channelshim[django]")
    return importlib.import_module("google.appengine.ext.webapp.template")


def test_template_renders_djangos_language(tmp_path: Path) -> None:
    template = webapp_template()
    (tmp_path / "part.html").write_text("[{{ word }}]")
    page = tmp_path / "page.html"
    page.write_text(
        "{% for n in numbers %}{{ n }}{% if not forloop.last %},{% endif %}{% endfor %}"
        "{% include 'part.html' %}{{ html }}{{ html|safe }}"
        "{% ifequal word 'x' %}same{% else %}other{% endifequal %}"
        "{% ifnotequal word 'x' %}different{% endifnotequal %}"
    )
    values = {"numbers": [1, 2], "word": "x", "html": "<b>"}
    assert template.render(str(page), values) == "1,2[x]&lt;b&gt;<b>same"
    values["word"] = "y"
    assert template.render(str(page), values).endswith("otherdifferent")


def test_changed_template_is_read_again(tmp_path: Path) -> None:
    template = webapp_template()
    page = tmp_path / "page.html"
    page.write_text("one")
    assert template.render(str(page), {}) == "one"
    page.write_text("two")
    os.utime(page, (1, 1))
    assert template.render(str(page), {}) == "two"
    assert template.render(str(page), {}, debug=True) == "two"


def test_template_is_an_attribute_of_webapp(tmp_path: Path) -> None:
    webapp_template()
    webapp = importlib.import_module("google.appengine.ext.webapp")
    assert callable(webapp.template.render)
    assert callable(webapp.util.run_wsgi_app)
    with pytest.raises(AttributeError):
        _ = webapp.nothing


def test_own_filters_are_known_to_templates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = webapp_template()
    (tmp_path / "own_filters_of_test.py").write_text(
        "from google.appengine.ext.webapp import template\n"
        "register = template.create_template_register()\n"
        "@register.filter\n"
        "def shout(text):\n    return text.upper()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    template.register_template_library("own_filters_of_test")
    (tmp_path / "page.html").write_text("{{ word|shout }}")
    assert template.render(str(tmp_path / "page.html"), {"word": "a"}) == "A"


def test_vendor_puts_a_folder_behind_the_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = importlib.import_module("google.appengine.ext.vendor")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["app", "other"])
    (tmp_path / "lib").mkdir()
    vendor.add("lib")
    assert sys.path == ["app", str(tmp_path / "lib"), "other"]
    vendor.add("lib")
    assert sys.path == ["app", str(tmp_path / "lib"), "other"]
    with pytest.raises(ValueError, match="nowhere"):
        vendor.add("nowhere")
