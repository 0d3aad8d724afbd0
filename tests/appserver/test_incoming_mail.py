"""Mail comes to the app from the platform alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.appengine.api import apiproxy_stub_map
from webtest import TestApp

from channelshim import appengine
from channelshim.appserver.application import AppServer
from channelshim.appserver.login.development import DevelopmentLogin
from channelshim.appyaml.app import parse_app
from channelshim.compat import api_proxy
from channelshim.contracts.dispatcher import InternalRequest
from channelshim.protocol.cookies import CookieSigner
from channelshim.services.user import UserService
from tests.service_needs import load_server, make_login

APP = """
import webapp2
from google.appengine.ext.webapp.mail_handlers import InboundMailHandler

came = []

class Inbox(InboundMailHandler):
    def receive(self, message):
        bodies = [body.decode() for _, body in message.bodies('text/plain')]
        came.append((self.request.path, message.sender, message.subject, bodies,
                     [name for name, _ in getattr(message, 'attachments', [])]))

app = webapp2.WSGIApplication([Inbox.mapping()])
"""

YAML = """
runtime: python27
inbound_services:
- mail
handlers:
- url: /_ah/mail/.+
  script: inbox_app.app
  login: admin
"""

MAIL = """\
From: Ann <ann@example.com>
To: in@test.appspotmail.com
Subject: =?utf-8?b?aMOp?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

Z3LDvMOfZQ==
--b
Content-Type: text/plain; name=a.txt
Content-Disposition: attachment; filename=a.txt

attached
--b--
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppServer]:
    appengine.install()
    (tmp_path / "inbox_app.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = apiproxy_stub_map.apiproxy
    api_proxy.install({"user": lambda: UserService(make_login())})
    config = parse_app(YAML, read=lambda path: None)
    signer = CookieSigner([b"s" * 32])
    server = load_server(tmp_path, config, DevelopmentLogin(signer))
    yield server
    apiproxy_stub_map.apiproxy = before


def came() -> list[Any]:
    import inbox_app

    return list(inbox_app.came)


def test_mail_of_the_platform_reaches_its_handler(server: AppServer) -> None:
    path = "/_ah/mail/in@test.appspotmail.com"
    before = came()
    request = InternalRequest("POST", path, MAIL.encode(), "message/rfc822")
    assert server.dispatch(request).status == 200
    (mail,) = came()[len(before) :]
    assert mail == (path, "Ann <ann@example.com>", "hé", ["grüße"], ["a.txt"])


@pytest.mark.parametrize(
    "path",
    [
        "/_ah/mail/in@test.appspotmail.com",
        "/_ah/mail/",
        "/_ah/mail",
        "//_ah/mail/in@x",
        "/_AH/Mail/in@x",
        "/_ah/./mail/in@x",
        "/_ah/x/../mail/in@x",
        "/_ah%2Fmail/in@x",
        "/_ah%252Fmail/in@x",
        "/_ah/%6Dail/in@x",
        "/_ah\\mail/in@x",
        "/_ah/mail;x/in@x",
        "/_ah/bounce",
    ],
)
def test_nobody_else_brings_mail(server: AppServer, path: str) -> None:
    outside = TestApp(server, extra_environ={"REMOTE_ADDR": "127.0.0.1"})
    before = came()
    outside.get("/_ah/login?action=Login&email=a@b&admin=True&continue=/")
    environ = {"REMOTE_ADDR": "0.1.0.20", "HTTP_X_APPENGINE_USER_IS_ADMIN": "1"}
    said = outside.request(
        path, method="POST", body=MAIL.encode(), environ=environ, status="*"
    )
    assert said.status_int == 403
    assert came() == before
