"""A second way to log in, as small as can be: nothing knows which one there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from webtest import TestApp

from channelshim.appserver.application import AppServer
from channelshim.appserver.loading import settle
from channelshim.appserver.scripts import Scripts
from channelshim.appyaml.app import parse_app
from channelshim.compat import api_proxy
from channelshim.contracts.identity import Login, User, user_id_of
from channelshim.runtime.variables import Application
from tests.service_needs import install_services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

YAML = """
runtime: python27
api_version: 1
threadsafe: true
handlers:
- url: /private
  script: main.app
  login: required
- url: /.*
  script: main.app
"""


class HeaderLogin:
    """Believes a header, as behind a proxy that has checked who asks.

    Args:
        asks_no_proof: whether the header is anybody's to send.
    """

    paths = frozenset({"/sso/in", "/sso/out"})

    def __init__(self, *, asks_no_proof: bool = False) -> None:
        self.asks_no_proof = asks_no_proof

    def user(self, environ: WSGIEnvironment) -> User | None:
        email = environ.get("HTTP_X_EMAIL")
        return User(email, False, user_id_of(email)) if email else None

    def login_url(self, destination: str) -> str:
        return f"/sso/in?to={quote(destination, safe='')}"

    def logout_url(self, destination: str) -> str:
        return f"/sso/out?to={quote(destination, safe='')}"

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"the page of " + environ["PATH_INFO"].encode()]


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    from google.appengine.api import users

    start_response("200 OK", [("Content-Type", "text/plain")])
    urls = [users.create_login_url("/a"), users.create_logout_url("/b")]
    return ["\n".join([str(users.get_current_user()), *urls]).encode()]


def make_client(folder: Path, login: Login) -> TestApp:
    install_services(folder, login=login)
    config = parse_app(YAML, read=lambda path: None)
    scripts = Scripts(folder, app)
    settle(scripts, config)
    server = AppServer(folder, config, Application("t"), login, scripts=scripts)
    remote = {"REMOTE_ADDR": "203.0.113.5", "HTTP_HOST": "chat.example.com"}
    return TestApp(server, extra_environ=remote)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestApp]:
    yield make_client(tmp_path, HeaderLogin())
    api_proxy.uninstall()


def test_its_pages_are_at_its_paths_and_no_others(client: TestApp) -> None:
    assert client.get("/sso/in").text == "the page of /sso/in"
    assert client.get("/sso/out").text == "the page of /sso/out"
    # Those of the development login are the app's.
    assert client.get("/_ah/login").text.startswith("None\n")


def test_its_users_are_believed_from_everywhere(client: TestApp) -> None:
    answer = client.get("/private", headers={"X-Email": "ann@example.com"})
    assert answer.text.startswith("ann@example.com\n")


def test_users_service_leads_to_its_pages(client: TestApp) -> None:
    _, login, logout = client.get("/").text.splitlines()
    assert login == "/sso/in?to=http%3A%2F%2Fchat.example.com%2Fa"
    assert logout == "/sso/out?to=http%3A%2F%2Fchat.example.com%2Fb"


def test_login_required_leads_to_its_page(client: TestApp) -> None:
    answer = client.get("/private?a=b", status=302)
    here = quote("http://chat.example.com/private?a=b", safe="")
    assert answer.headers["Location"] == f"http://chat.example.com/sso/in?to={here}"


def test_without_proof_it_is_for_this_machine(tmp_path: Path) -> None:
    client = make_client(tmp_path, HeaderLogin(asks_no_proof=True))
    email = {"X-Email": "ann@example.com"}
    try:
        client.get("/sso/in", status=403)
        assert client.get("/", headers=email).text.startswith("None\n")
        local = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost"}
        answer = client.get("/", headers=email, extra_environ=local)
        assert answer.text.startswith("ann@example.com\n")
    finally:
        api_proxy.uninstall()
