"""docs/how-to/import-into-your-app.md: its samples, run as they stand there."""

import json
import re
import shlex
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import Program, running
from tests.visitor import Visitor

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "how-to" / "import-into-your-app.md"
SAMPLES = dict(
    re.findall(
        r"^<!-- sample: ([^\n]+?) -->\n```\w+\n(.*?)^```$",
        PAGE.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
)
GUNICORN = SAMPLES["command"].replace("localhost:8080", "localhost:0").strip()
COMMANDS = {
    "plain.py": [sys.executable, "plain.py"],
    "handlers.py": [sys.executable, "handlers.py"],
    "flasky.py": [sys.executable, "flasky.py"],
    "pushing.py": [sys.executable, "pushing.py"],
    "gunicorn": [sys.executable, "-m", *shlex.split(GUNICORN)],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with every sample in it; the port is any free one."""
    for name, text in SAMPLES.items():
        (tmp_path / name).write_text(text.replace("8080", "0"), encoding="utf-8")
    plain = (tmp_path / "plain.py").read_text(encoding="utf-8")
    above = plain[: plain.index("app = channelshim.wrap(hello)")]
    (tmp_path / "pushing.py").write_text(above + SAMPLES["pushing"], encoding="utf-8")
    return tmp_path


@pytest.fixture(params=COMMANDS)
def program(request: pytest.FixtureRequest, folder: Path) -> Iterator[Program]:
    """Return a sample that serves."""
    with running(COMMANDS[request.param], folder, {"CHANNELSHIM_PORT": "0"}) as started:
        yield started


def test_page_has_a_sample_of_each_kind() -> None:
    programs = ["plain.py", "handlers.py", "flasky.py"]
    whole = ["whole.py", "whole commands", "chat.wsgi"]
    assert list(SAMPLES) == ["page.html", *programs, *whole, "command", "pushing"]


def test_sample_sends_what_is_said_to_the_channel_of_its_user(program: Program) -> None:
    ann, bob = Visitor(program.wait_for_url()), Visitor(program.wait_for_url())
    assert urllib.parse.urlsplit(ann.ask("/").url).path == "/_ah/login"
    ann.log_in("ann@example.com")
    bob.log_in("bob@example.com")
    anns, bobs = open_channel(ann), open_channel(bob)

    ann.ask("/say", "Grüße 👋".encode())
    bob.ask("/say", b"hello")

    assert poll(ann, anns) == ["Grüße 👋"]
    assert poll(bob, bobs) == ["hello"]


def test_webapp2_sample_hears_who_comes(folder: Path) -> None:
    with running(COMMANDS["handlers.py"], folder) as program:
        ann = Visitor(program.wait_for_url())
        ann.log_in("ann@example.com")
        token = open_channel(ann)
        ann.ask("/say", b"hello")

        poll(ann, token)

        program.wait_until(
            lambda: "connected 137124870312556742271" in program.output, "connected"
        )


def test_nobody_outside_can_report_presence(program: Program) -> None:
    visitor = Visitor(program.wait_for_url())

    answer = visitor.ask("/_ah/channel/connected/", b"from=somebody")

    assert answer.status == 403


def open_channel(visitor: Visitor) -> str:
    """Return the token in the visitor's page."""
    found = re.search(r"Channel\('([^']+)'\)", visitor.ask("/").text)
    assert found
    return found[1]


def poll(visitor: Visitor, token: str) -> list[str]:
    """Return the messages that wait for a token."""
    query = urllib.parse.urlencode({"token": token, "wait": "10"})
    messages: list[str] = []
    number = ""
    while not messages:
        answer = json.loads(visitor.ask(f"/_ah/channel/poll?{query}{number}").text)
        number = f"&after={answer['id']}"
        messages = answer["messages"]
    return messages


APP = ROOT / "tests" / "doors" / "apps" / "whole"
WHOLE = [
    [sys.executable, "-m", *shlex.split(line)]
    for line in SAMPLES["whole commands"].replace("8080", "0").splitlines()
]
# A thread pool of gunicorn's that is just being used may hold up its own stop.
WHOLE[0].append("--graceful-timeout=1")
WHOLE[1][2] = "waitress"


@pytest.mark.parametrize("command", WHOLE, ids=lambda command: command[2])
def test_whole_app_is_served_by_the_command(folder: Path, command: list[str]) -> None:
    text = SAMPLES["whole.py"].replace("/srv/chat", str(APP))
    (folder / "whole.py").write_text(text, encoding="utf-8")
    with running(command, folder, {"CHANNELSHIM_STORAGE_PATH": "data"}) as program:
        visitor = Visitor(program.wait_for_url())
        assert visitor.ask("/files/a.txt").text == "the file a"
        assert visitor.ask("/api").status == 401


def test_script_of_mod_wsgi_is_an_application(tmp_path: Path) -> None:
    text = SAMPLES["chat.wsgi"].replace("/srv/chat", str(APP))
    (tmp_path / "chat.wsgi").write_text(text.replace("/var/lib/chat", "data"))
    # As mod_wsgi does: the file is run under a name of its own, and asked.
    program = """
import runpy
from wsgiref.util import setup_testing_defaults
application = runpy.run_path("chat.wsgi", run_name="_mod_wsgi_1")["application"]
environ = {"PATH_INFO": "/files/a.txt"}
setup_testing_defaults(environ)
print(b"".join(application(environ, lambda *_: None)).decode())
"""
    (tmp_path / "ask.py").write_text(program)
    with running([sys.executable, "ask.py"], tmp_path) as started:
        assert started.wait_for_end() == 0, started.output
        assert started.output.strip().endswith("the file a")
