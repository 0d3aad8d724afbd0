"""A second call in one process works, or is refused with one sentence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lanes import ROOT, timeout_factor
from tests.programs import running
from tests.visitor import Visitor

YAML = """\
runtime: python27
threadsafe: true
handlers:
- url: /.*
  script: main.app
"""

MAIN = """\
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [{word!r}.encode()]
"""

PREAMBLE = """\
import io, os, sys, threading, signal
import channelshim
from channelshim.errors import ConfigurationError

def one(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"one " + environ["PATH_INFO"].encode()]

def two(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"two " + environ["PATH_INFO"].encode()]

def ask(app, path="/"):
    from wsgiref.util import setup_testing_defaults
    environ = {"PATH_INFO": path, "HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1"}
    setup_testing_defaults(environ)
    statuses = []
    body = b"".join(app(environ, lambda status, headers, *_: statuses.append(status)))
    return statuses[0][:3] + " " + body.decode()

def refused(call, *args, **settings):
    try:
        call(*args, **settings)
    except ConfigurationError as error:
        print("refused:", error)
    else:
        print("not refused")

def serve(target, *paths, **settings):
    \"\"\"Serve, ask for the paths, and stop.\"\"\"
    import urllib.request
    from channelshim.composition import doors
    def say(line):
        if "is running at" in line:
            url = line.split()[-1]
            threading.Thread(target=visit, args=(url,)).start()
    def visit(url):
        for path in paths:
            with urllib.request.urlopen(url.rstrip("/") + path) as answer:
                print(answer.read().decode())
        os.kill(os.getpid(), signal.SIGINT)
    doors.say = say
    channelshim.serve(target, **settings)
"""


def lines_of(folder: Path, program: str) -> list[str]:
    """Return what a program prints; its errors too, which must be no traceback."""
    for name in ("A", "B"):
        (folder / name).mkdir()
        (folder / name / "app.yaml").write_text(YAML)
        (folder / name / "main.py").write_text(MAIN.format(word=f"app {name}"))
    (folder / "program.py").write_text(PREAMBLE + program)
    run = subprocess.run(
        [sys.executable, "program.py"],
        cwd=folder,
        env={
            "PYTHONPATH": str(ROOT),
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "CHANNELSHIM_STORAGE_PATH": str(folder / "store"),
            "CHANNELSHIM_PORT": "0",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60 * timeout_factor(),
        check=False,
    )
    assert "Traceback" not in run.stdout, run.stdout
    assert run.returncode == 0, run.stdout
    return run.stdout.splitlines()


WORKS = {
    "two applications": (
        """
a, b = channelshim.wrap(one), channelshim.wrap(two)
print(ask(b), ask(a), ask(b), sep="\\n")
""",
        ["200 two /", "200 one /", "200 two /"],
    ),
    "wrapped twice": (
        """
a = channelshim.wrap(one)
print(channelshim.wrap(a) is a, ask(channelshim.wrap(a)), sep="\\n")
""",
        ["True", "200 one /"],
    ),
    "wrapped around what is wrapped": (
        """
inner = channelshim.wrap(one)
def between(environ, start_response):
    return inner(environ, start_response)
outer = channelshim.wrap(between)
print(ask(outer))
from channelshim.composition.installation import current
print(len(current().open().sites._dispatchers))
""",
        ["200 one /", "2"],
    ),
    "application twice": (
        """
folder = os.path.abspath("A")
a, b = channelshim.application(folder), channelshim.application(folder)
print(ask(a), ask(b), sep="\\n")
""",
        ["200 app A", "200 app A"],
    ),
    "install, then application": (
        """
channelshim.install("A")
print(ask(channelshim.application("A")))
""",
        ["200 app A"],
    ),
    "the same settings again, or none": (
        """
channelshim.install(grace_seconds=3)
channelshim.install(grace_seconds=3.0)
channelshim.install(grace_seconds=None)
print(ask(channelshim.wrap(one)))
""",
        ["200 one /"],
    ),
    "serve after serve": (
        """
serve("A", "/")
serve("A", "/")
""",
        ["app A", "app A"],
    ),
    "serve what is wrapped": (
        """
serve(channelshim.wrap(one), "/a")
""",
        ["one /a"],
    ),
    "serve a whole application": (
        """
whole = channelshim.application("A")
serve(whole, "/")
""",
        ["app A"],
    ),
}

OTHER = "in a process of its own"

REFUSED = {
    "wrap(None)": ("refused(channelshim.wrap, None)", "import it first"),
    "wrap('main:app')": ("refused(channelshim.wrap, 'main:app')", "import it first"),
    "serve(None)": ("refused(channelshim.serve, None)", "import it first"),
    "install, serve another": (
        "channelshim.install('A'); refused(channelshim.serve, 'B')",
        OTHER,
    ),
    "application, another": (
        "channelshim.application('A'); refused(channelshim.application, '../B')",
        OTHER,
    ),
    "application, install another": (
        "channelshim.application('A'); refused(channelshim.install, '../B')",
        OTHER,
    ),
    "served, serve another": (
        "serve('A'); refused(channelshim.serve, 'B')",
        OTHER,
    ),
    "served, wrap elsewhere": ("serve('A'); refused(channelshim.wrap, one)", OTHER),
    "changed settings": (
        "channelshim.install(grace_seconds=3);"
        " refused(channelshim.wrap, one, grace_seconds=4)",
        "grace_seconds can't change",
    ),
    "serve beside another server": (
        "ask(channelshim.wrap(one)); refused(channelshim.serve, two)",
        OTHER,
    ),
}


@pytest.mark.parametrize("case", WORKS)
def test_second_call_works(case: str, tmp_path: Path) -> None:
    program, expected = WORKS[case]
    assert lines_of(tmp_path, program) == expected


@pytest.mark.parametrize("case", REFUSED)
def test_second_call_is_refused_with_one_sentence(case: str, tmp_path: Path) -> None:
    program, words = REFUSED[case]
    (line,) = lines_of(tmp_path, program)
    assert line.startswith("refused: ")
    assert words in line


# --- Two applications, one platform ---------------------------------------------------

TWO = """
import json
from urllib.parse import parse_qs
import channelshim
channelshim.install(storage_path="data", grace_seconds=0.3)
from google.appengine.api import channel, taskqueue

heard = []

def site(name, own):
    def app(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/heard":
            body = json.dumps(heard)
        elif path == "/token":
            body = channel.create_channel("ann")
        elif path == "/task":
            taskqueue.add(url="/work/" + environ["QUERY_STRING"])
            body = "added"
        elif path.startswith(own):
            heard.append(name + " " + path)
            body = ""
        else:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"nothing"]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [body.encode()]
    return app

first = channelshim.wrap(site("first", "/work/both"))
second = channelshim.wrap(site("second", ("/work", "/_ah/channel/")))

def either(environ, start_response):
    # As a program mounts them; the first is asked nothing.
    return second(environ, start_response)

from paste.httpserver import serve
server = serve(either, host="127.0.0.1", port="0", start_loop=False)
server.daemon_threads = True
print(f"listening at http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
"""


def test_platform_asks_the_first_that_knows_the_address(
    tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    (tmp_path / "program.py").write_text(TWO)
    with running([sys.executable, "program.py"], tmp_path) as program:
        visitor = Visitor(program.wait_for_url())
        visitor.ask("/task?both")
        visitor.ask("/task?second")
        token = visitor.ask("/token").text
        visitor.ask(f"/_ah/channel/poll?token={token}")
        expected = {
            "first /work/both",
            "second /work/second",
            "second /_ah/channel/connected/",
        }
        wait_until(lambda: all(each in visitor.ask("/heard").text for each in expected))
        assert "second /work/both" not in visitor.ask("/heard").text


# --- A program that wraps its own application -----------------------------------------

WRAPPING = """\
import channelshim
channelshim.install(storage_path="data")

def plain(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"main " + environ["PATH_INFO"].encode()]

app = channelshim.wrap(plain)

if __name__ == "__main__":
    from paste.httpserver import serve
    server = serve(app, host="127.0.0.1", port="0", start_loop=False)
    server.daemon_threads = True
    print(f"listening at http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
"""

TWO_SCRIPTS = """\
runtime: python27
threadsafe: true
handlers:
- url: /other.*
  script: other.app
- url: /.*
  script: main.app
"""

PROGRAMS = {
    "run as a program": [sys.executable, "main.py"],
    "imported by gunicorn": [
        *[sys.executable, "-m", "gunicorn", "--threads=4", "--bind=127.0.0.1:0"],
        "main:app",
    ],
    "served by us": [
        *[sys.executable, "-m", "channelshim", "serve", ".", "--port=0"],
        "--storage_path=data",
    ],
}


@pytest.mark.parametrize("command", PROGRAMS)
def test_program_that_wraps_its_own_application(tmp_path: Path, command: str) -> None:
    (tmp_path / "app.yaml").write_text(TWO_SCRIPTS)
    (tmp_path / "main.py").write_text(WRAPPING)
    (tmp_path / "other.py").write_text(MAIN.format(word="other"))
    with running(PROGRAMS[command], tmp_path) as program:
        visitor = Visitor(program.wait_for_url())
        assert visitor.ask("/other").text == "other"
        assert visitor.ask("/page").text == "main /page"


def test_wrapped_application_that_no_script_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text(TWO_SCRIPTS)
    (tmp_path / "main.py").write_text(MAIN.format(word="main"))
    (tmp_path / "other.py").write_text(MAIN.format(word="other"))
    program = WRAPPING.replace('b"main ', 'b"third ')
    (tmp_path / "third.py").write_text(program)
    with running([sys.executable, "third.py"], tmp_path) as started:
        answer = Visitor(started.wait_for_url()).ask("/page")
        assert answer.status == 503
        assert "names 2 scripts (other.app, main.app)" in started.output
