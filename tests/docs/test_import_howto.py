"""docs/how-to/import-into-your-app.md: its samples, run as they stand there."""

import json
import re
import shlex
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from channelshim.cli.project import write_tutorial_app
from tests.programs import Program, running
from tests.visitor import Visitor

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "how-to" / "import-into-your-app.md"
MAIN_JS = ROOT / "static" / "main.js"
SAMPLES: dict[str, str] = dict(
    re.findall(
        r"^<!-- sample: ([^\n]+?) -->\n```\w+\n(.*?)^```$",
        PAGE.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
)


def command(name: str) -> list[str]:
    """Return a sample's command on any free port, by this interpreter."""
    module, *arguments = shlex.split(SAMPLES[name].replace(":8080", ":0"))
    module = {"waitress-serve": "waitress"}.get(module, module)
    return [sys.executable, "-m", module, *arguments]


COMMANDS = {
    "plain.py": [sys.executable, "plain.py"],
    "handlers.py": [sys.executable, "handlers.py"],
    "flasky.py": [sys.executable, "flasky.py"],
    "pushing.py": [sys.executable, "pushing.py"],
    "gunicorn": command("command"),
}
WHOLE_APP = {
    "gunicorn": command("gunicorn-application"),
    "waitress": command("waitress"),
    "paste": [sys.executable, "paste_sample.py"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with every sample in it; the port is any free one."""
    for name, text in SAMPLES.items():
        # A file called paste.py would answer the import of Paste.
        file = "paste_sample.py" if name == "paste" else name
        (tmp_path / file).write_text(text.replace("8080", "0"), encoding="utf-8")
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
    whole_app = ["wsgi.py", "gunicorn-application", "waitress", "paste"]
    assert list(SAMPLES) == [
        "page.html",
        *programs,
        *whole_app,
        "command",
        "pushing",
    ]


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


@pytest.mark.parametrize("server", WHOLE_APP)
def test_whole_app_is_served_with_its_app_yaml(folder: Path, server: str) -> None:
    write_tutorial_app(folder / "chat")
    with running(WHOLE_APP[server], folder) as program:
        ann = Visitor(program.wait_for_url())
        assert urllib.parse.urlsplit(ann.ask("/").url).path == "/_ah/login"
        ann.log_in("ann@example.com")
        token = open_channel(ann)

        ann.ask("/chat", "Grüße 👋".encode())

        assert poll(ann, token) == ["ann@example.com: Grüße 👋"]
        assert ann.ask("/static/main.js").text == MAIN_JS.read_text(encoding="utf-8")
    assert (folder / "data" / "channelshim.sqlite3").exists()


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


def test_script_of_mod_wsgi_is_an_application(folder: Path) -> None:
    write_tutorial_app(folder / "chat")
    # As mod_wsgi does: the file is run under a name of its own, and asked.
    program = """
import runpy
from wsgiref.util import setup_testing_defaults
application = runpy.run_path("wsgi.py", run_name="_mod_wsgi_1")["application"]
environ = {"PATH_INFO": "/static/main.js"}
setup_testing_defaults(environ)
print(b"".join(application(environ, lambda *_: None)).decode())
"""
    (folder / "ask.py").write_text(program)
    with running([sys.executable, "ask.py"], folder) as started:
        assert started.wait_for_end() == 0, started.output
        assert MAIN_JS.read_text("utf-8").strip() in started.output
