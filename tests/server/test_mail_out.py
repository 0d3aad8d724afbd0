"""A server's mail leaves through a real SMTP server, whatever befalls either."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from channelshim.store.sqlite.database import FILE_NAME
from tests.servers import Server, Servers
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.served

APP_YAML = """\
application: mailer
runtime: python27
threadsafe: true
handlers:
- url: /.*
  script: main.app
"""

APP = """\
import webapp2
from google.appengine.api import mail

class Send(webapp2.RequestHandler):
    def get(self):
        subject = self.request.get('subject')
        mail.send_mail('app@example.com', 'ann@example.com', subject, 'text')
        self.response.write('accepted')

app = webapp2.WSGIApplication([('/.*', Send)])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    app = tmp_path / "app"
    app.mkdir()
    (app / "app.yaml").write_text(APP_YAML)
    (app / "main.py").write_text(APP)
    return app


@pytest.fixture
def post() -> Iterator[SmtpServer]:
    server = SmtpServer(user="app:secret")
    yield server
    server.close()


def send(server: Server, subject: str) -> None:
    with urllib.request.urlopen(f"{server.url}?subject={subject}") as answer:
        assert answer.read() == b"accepted"


def subjects(post: SmtpServer) -> list[str]:
    return [str(each.message["Subject"]) for each in post.received]


def flags(port: int) -> tuple[str, ...]:
    return ("--smtp_host=127.0.0.1", f"--smtp_port={port}", "--smtp_user=app")


SECRET = {"CHANNELSHIM_SMTP_PASSWORD": "secret"}


def mail_page(server: Server) -> Any:
    found = re.search(r"Its console is at (\S+)/", server.output)
    assert found is not None
    with urllib.request.urlopen(f"{found[1]}/mail?format=json") as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize("workers", [0, 2])
def test_mail_leaves_and_the_console_shows_it(
    folder: Path,
    server: Servers,
    post: SmtpServer,
    wait_until: Callable[..., Any],
    workers: int,
) -> None:
    more = (f"--workers={workers}", "--automatic_restart=no")
    running = server(folder, *flags(post.port), *more, env=SECRET)
    wait_until(lambda: "Its mail leaves through 127.0.0.1:" in running.output)
    send(running, "hello")
    wait_until(lambda: subjects(post) == ["hello"])
    assert post.received[0].user == "app"

    def states() -> list[str]:
        return [row["state"] for row in mail_page(running)["mails"]["rows"]]

    wait_until(lambda: states() == ["sent"])
    assert "secret" not in running.output


def test_mail_waits_while_the_mail_server_is_down_and_over_a_kill(
    folder: Path,
    server: Servers,
    wait_until: Callable[..., Any],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    running = server(folder, *flags(port), "--automatic_restart=no", env=SECRET)
    for number in range(3):
        send(running, f"mail-{number}")
    wait_until(lambda: "mails wait for 127.0.0.1:" in running.output)
    rows = mail_page(running)["mails"]["rows"]
    assert {row["state"] for row in rows} == {"waiting"}
    assert "mails wait" in mail_page(running)["trouble"]
    running.stop(signal.SIGKILL)
    post = SmtpServer(user="app:secret")
    try:
        again = server(
            folder,
            *flags(post.port),
            storage_path=running.storage_path,
            env=SECRET,
        )
        wait_until(lambda: sorted(subjects(post)) == ["mail-0", "mail-1", "mail-2"])
        again.stop()
    finally:
        post.close()


def test_mail_that_was_handed_over_in_the_moment_of_a_kill_leaves_again(
    folder: Path,
    server: Servers,
    post: SmtpServer,
    wait_until: Callable[..., Any],
) -> None:
    # The mail server takes the mail, and its answer comes too late.
    post.orders.waits_after_data = True
    running = server(folder, *flags(post.port), env=SECRET)
    send(running, "twice")
    wait_until(lambda: subjects(post) == ["twice"])
    running.stop(signal.SIGKILL)
    post.orders.waits_after_data = False
    server(folder, *flags(post.port), storage_path=running.storage_path, env=SECRET)
    wait_until(lambda: subjects(post) == ["twice", "twice"])
    first, second = (each.message["Message-ID"] for each in post.received)
    assert first == second


def test_without_a_mail_server_one_line_says_that_mail_is_kept(
    folder: Path, server: Servers, wait_until: Callable[..., Any]
) -> None:
    running = server(folder)
    wait_until(lambda: "Its mail is kept and not sent" in running.output)
    send(running, "kept")
    (kept,) = (running.storage_path / "mail").iterdir()
    assert b"Subject: kept" in kept.read_bytes()
    with closing(sqlite3.connect(running.storage_path / FILE_NAME)) as connection:
        assert connection.execute("SELECT count(*) FROM mail").fetchone() == (0,)
