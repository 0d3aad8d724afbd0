"""`channelshim shell` and `channelshim mail`, with and without a running server."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from channelshim.composition import control
from channelshim.errors import ConfigurationError
from channelshim.kernel.threads import Threads
from tests.conftest import await_condition
from tests.lanes import timeout_factor
from tests.servers import Server, Servers

APP_YAML = """\
application: notes
runtime: python27
handlers:
- url: /.*
  script: main.app
"""

APP = """\
import webapp2
from google.appengine.ext import ndb
from google.appengine.ext.webapp import mail_handlers

class Note(ndb.Model):
    text = ndb.StringProperty()

class Mail(mail_handlers.InboundMailHandler):
    def receive(self, message):
        Note(text='%s for %s' % (message.subject, message.to)).put()

class All(webapp2.RequestHandler):
    def get(self):
        self.response.write('|'.join(sorted(note.text for note in Note.query())))

class Fails(webapp2.RequestHandler):
    def post(self):
        raise ValueError

app = webapp2.WSGIApplication([
    ('/_ah/mail/fails@x', Fails), Mail.mapping(), ('/', All)])
"""

MAIL = b"From: a@x.example\nTo: Bob <bob@app.example>, c@d\nSubject: hello\n\ntext\n"

PROGRAM = """\
from main import Note
Note(text='%s').put()

@ndb.transactional
def in_transaction():
    Note(text='in a transaction').put()
    taskqueue.add(url='/x', countdown=1000, transactional=True)

in_transaction()
memcache.set('key', 'kept')
print(Note.query().count(), memcache.get('key'))
channel.send_message('ann', 'from the shell')
try:
    taskqueue.Queue('missing').add(taskqueue.Task(url='/x'))
except taskqueue.UnknownQueueError as error:
    print(type(error).__name__)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    app = tmp_path / "app"
    app.mkdir()
    (app / "app.yaml").write_text(APP_YAML)
    (app / "main.py").write_text(APP)
    return app


def run(
    *words: str, data: Path, text: str | bytes | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "channelshim", *words, f"--storage_path={data}"]
    return subprocess.run(
        command,
        input=text.decode() if isinstance(text, bytes) else text,
        stdin=subprocess.DEVNULL if text is None else None,
        capture_output=True,
        text=True,
        check=False,
        cwd=data.parent,
        timeout=60 * timeout_factor(),
    )


def page(server: Server) -> str:
    with urllib.request.urlopen(f"http://localhost:{server.port}/") as answer:
        text: str = answer.read().decode()
    return text


@pytest.mark.served
def test_a_shell_has_the_apps_data_with_and_without_a_server(
    folder: Path, server: Servers, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    alone = run("shell", str(folder), "-c", PROGRAM % "alone", data=data)
    assert (alone.returncode, alone.stderr) == (0, "")
    assert alone.stdout == "2 kept\nUnknownQueueError\n"
    started = server(folder, storage_path=data)
    beside = run("shell", str(folder), data=data, text=PROGRAM % "beside")
    assert (beside.returncode, beside.stderr) == (0, "")
    assert beside.stdout == "4 kept\nUnknownQueueError\n"
    shown = page(started)
    assert shown == "alone|beside|in a transaction|in a transaction"


def test_a_program_that_raises_shows_its_own_lines(
    folder: Path, tmp_path: Path
) -> None:
    done = run("shell", str(folder), "-c", "1\n1/0", data=tmp_path / "data")
    assert done.returncode == 1
    assert 'File "<shell>", line 2' in done.stderr
    assert "channelshim" not in done.stderr
    done = run("shell", str(folder), "-c", "print 1", data=tmp_path / "data")
    assert done.returncode == 1
    assert "SyntaxError" in done.stderr


def test_a_shell_needs_an_app(tmp_path: Path) -> None:
    done = run("shell", str(tmp_path), "-c", "1", data=tmp_path / "data")
    assert done.returncode == 1
    assert "there is no app.yaml" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.served
def test_mail_reaches_the_app_with_and_without_a_server(
    folder: Path, server: Servers, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    file = tmp_path / "mail.eml"
    file.write_bytes(MAIL)
    done = run("mail", str(folder), str(file), data=data)
    assert done.stdout == "the app has taken the mail for bob@app.example\n"
    started = server(folder, storage_path=data)
    done = run("mail", str(folder), "-", "--to=d@e.example", data=data, text=MAIL)
    assert done.stdout == "the app has taken the mail for d@e.example\n"
    line = "hello for Bob <bob@app.example>, c@d"
    assert page(started) == f"{line}|{line}"
    done = run("mail", str(folder), str(file), "--to=fails@x", data=data)
    assert done.returncode == 1
    assert "the app answered 500 to the mail for fails@x" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("mail", "sentence"),
    [
        (b"Subject: x\n\n", "the mail has no To address: say whom it is for"),
        (b"To: nobody\n\n", "the mail has no To address"),
        (b"To: a@b\n\n", "the app has no handler for /_ah/mail/a@b: app.yaml needs"),
    ],
)
def test_mail_that_cannot_be_delivered_is_one_sentence(
    folder: Path, tmp_path: Path, mail: bytes, sentence: str
) -> None:
    (folder / "app.yaml").write_text(APP_YAML.replace("/.*", "/x"))
    done = run("mail", str(folder), "-", data=tmp_path / "data", text=mail)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def echo(facts: control.Facts, body: bytes) -> tuple[control.Facts, bytes]:
    if body == b"raise":
        raise ValueError("no")
    if body.startswith(b"twice"):
        body *= 2
    return {"had": sorted(facts)}, body


@pytest.mark.parametrize("depth", [1, 12])
def test_a_question_is_answered_and_its_errors_told(tmp_path: Path, depth: int) -> None:
    folder = tmp_path.joinpath(*["a rather long name" for _ in range(depth)])
    folder.mkdir(parents=True)
    assert control.connect(folder) is None
    threads = Threads()
    served = control.ControlServer(folder, threads, {"echo": echo})
    served.start()
    mode = (folder / control.NAME).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    asking = [control.connect(folder) for _ in range(3)]
    for each in asking:
        assert each is not None
        assert each.ask("echo", b"\0x", more=1) == ({"had": ["ask", "more"]}, b"\0x")
        with pytest.raises(ConfigurationError, match="ValueError: no"):
            each.ask("echo", b"raise")
        with pytest.raises(ConfigurationError, match="cannot answer 'other'"):
            each.ask("other")
    assert threads.restarts() == {}
    served.close()
    assert not (folder / control.NAME).exists()
    assert control.connect(folder) is None
    for each in asking:
        assert each is not None
        each.close()


def test_the_socket_of_a_killed_server_is_replaced(tmp_path: Path) -> None:
    (tmp_path / control.NAME).write_bytes(b"")
    assert control.connect(tmp_path) is None
    served = control.ControlServer(tmp_path, Threads(), {"echo": echo})
    served.start()
    found = control.connect(tmp_path)
    assert found is not None
    found.ask("echo")
    found.close()
    served.close()


def test_second_server_of_a_folder_leaves_the_socket_to_the_first(
    tmp_path: Path,
) -> None:
    def answer(number: int) -> control.Answer:
        return lambda facts, body: ({"number": number}, b"")

    first, second = (
        control.ControlServer(tmp_path, Threads(), {"who": answer(number)})
        for number in (1, 2)
    )
    first.start()
    second.start()
    for _ in range(2):
        found = control.connect(tmp_path)
        assert found is not None
        assert found.ask("who")[0] == {"number": 1}
        found.close()
        # Once more, as each does every few seconds.
        second.start()
        first.start()
    first.close()
    second.start()
    found = control.connect(tmp_path)
    assert found is not None
    assert found.ask("who")[0] == {"number": 2}
    found.close()
    # One that is closed stays so.
    second.close()
    second.start()
    assert control.connect(tmp_path) is None


def test_a_socket_that_cannot_be_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / control.NAME
    in_the_way.mkdir()
    first, second = (
        control.ControlServer(tmp_path, Threads(), {"echo": echo}) for _ in range(2)
    )
    # As each does every few seconds.
    for _ in range(3):
        first.start()
    assert caplog.text.count("cannot reach this server") == 1
    in_the_way.rmdir()
    # Neither keeps the other from it.
    second.start()
    connected(tmp_path).close()
    second.close()
    first.start()
    connected(tmp_path).close()
    first.close()


def test_a_socket_without_a_thread_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: Threads, name: str, loop: object) -> None:
        raise RuntimeError("can't start new thread")

    server = control.ControlServer(tmp_path, Threads(), {"echo": echo})
    with monkeypatch.context() as patch:
        patch.setattr(Threads, "start", refuse)
        server.start()
    assert "can't start new thread" in caplog.text
    assert control.connect(tmp_path) is None
    server.start()
    connected(tmp_path).close()
    server.close()


def test_another_users_socket_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = control.ControlServer(tmp_path, Threads(), {"echo": echo})
    served.start()
    somebody_else = os.geteuid() + 1
    monkeypatch.setattr(control, "_trusted_users", lambda folder: {somebody_else})
    with pytest.raises(ConfigurationError, match="is another user's"):
        control.connect(tmp_path)
    served.close()


def test_what_is_no_question_ends_the_command_alone(tmp_path: Path) -> None:
    served = control.ControlServer(tmp_path, threads := Threads(), {"echo": echo})
    served.start()
    from multiprocessing.connection import Client

    for frame in (b"{", b"[]", b"\xff", b"null"):
        with control._address(tmp_path) as address:
            client = Client(address, family="AF_UNIX")
        with client:
            client.send_bytes(frame)
            with pytest.raises((EOFError, OSError)):
                client.recv_bytes()
    found = control.connect(tmp_path)
    assert found is not None
    found.ask("echo")
    found.close()
    assert threads.restarts() == {}
    served.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, Threads]]:
    threads = Threads()
    served = control.ControlServer(tmp_path, threads, {"echo": echo})
    served.start()
    yield tmp_path, threads
    served.close()


def connected(folder: Path) -> control.Control:
    found = control.connect(folder)
    assert found is not None
    return found


def test_idle_shells_keep_no_other_command_waiting(
    served: tuple[Path, Threads],
) -> None:
    folder, _ = served
    with ExitStack() as stack:
        for _ in range(20):
            stack.callback(connected(folder).close)
        asking = connected(folder)
        stack.callback(asking.close)
        assert asking.ask("echo", b"x")[1] == b"x"


def test_a_command_too_many_is_told_so(
    served: tuple[Path, Threads], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, threads = served
    monkeypatch.setattr(control, "COMMANDS", 2)
    with ExitStack() as stack:
        first, second = (connected(folder) for _ in range(2))
        for each in (first, second):
            stack.callback(each.close)
            each.ask("echo")
        for body in (b"", bytes(4 << 20)):
            third = connected(folder)
            stack.callback(third.close)
            with pytest.raises(ConfigurationError, match="too many commands"):
                third.ask("echo", body)
        first.close()

        def is_served() -> bool:
            try:
                connected(folder).ask("echo")
            except ConfigurationError:
                return False
            return True

        await_condition(is_served)
    await_condition(lambda: threads.running() == {"commands": 1})
    assert threads.restarts() == {}


def test_a_question_or_answer_that_is_too_long_is_one_sentence(
    served: tuple[Path, Threads], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "FRAME_BYTES", 1000)
    asking = connected(served[0])
    with pytest.raises(ConfigurationError, match=r"the answer has 1,600 bytes, and 1,"):
        asking.ask("echo", b"twice" * 160)
    with pytest.raises(ConfigurationError, match=r"the question has 1,001 bytes"):
        asking.ask("echo", bytes(1001))
    # Both leave the connection as it was.
    assert asking.ask("echo", b"x")[1] == b"x"
    asking.close()


def test_a_command_without_a_thread_is_told_so(
    served: tuple[Path, Threads], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, threads = served

    def start(name: str, loop: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threads, "start", start)
    asking = connected(folder)
    with pytest.raises(ConfigurationError, match="can't start new thread: run the"):
        asking.ask("echo")
    asking.close()
