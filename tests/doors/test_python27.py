"""An app of Python 2.7 through the whole server: WSGI, CGI, zips, errors."""

from __future__ import annotations

import html
import os
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.doors.test_reload import page_of
from tests.doors.test_stop import get
from tests.lanes import timeout_factor
from tests.servers import Servers

MAIN = """\
# -*- coding: utf-8 -*-
import unicodedata
import webapp2
import helper
import queue
import zipped.inner


class Page(webapp2.RequestHandler):
    def get(self):
        print >>self.response, u'\\xfc %d' % (7 / 2), helper.name(), queue.WHOSE,
        print >>self.response, zipped.inner.WHOSE


class Fails(webapp2.RequestHandler):
    def get(self):
        helper.fail()


class Meets(webapp2.RequestHandler):
    def get(self):
        self.response.write(unicodedata.normalize('NFC', '\\xff'))


app = webapp2.WSGIApplication(
    [('/', Page), ('/fails', Fails), ('/meets', Meets)], debug=True)


def bare(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    body = environ['wsgi.input'].read()
    return [environ['PATH_INFO'], ' ', repr(body), chr(255)]
"""

HELPER = """\
import ported
def name():
    return 'helper' + `1` + ported.name()
def fail():
    import late
"""

CGI = """\
import os, sys
if 'import' in os.environ['QUERY_STRING']:
    import helper
    helper.fail()
print 'Content-Type: text/plain'
print
print 3 / 2, os.environ['PATH_INFO'], repr(sys.stdin.read()),
import cgi
print cgi.FieldStorage().getfirst('a', ''),
"""

APP_YAML = """\
runtime: python27
handlers:
- url: /cgi.*
  script: script.py
- url: /bare.*
  script: main.bare
- url: /.*
  script: main.app
"""


def write_app(folder: Path, app_yaml: str = APP_YAML) -> Path:
    """Write the app, its libraries in lib/ and in a zip."""
    (folder / "lib").mkdir(parents=True)
    files = {
        "app.yaml": app_yaml,
        "appengine_config.py": "import sys\nsys.path.insert(0, 'libs.zip')\n",
        "main.py": MAIN,
        "helper.py": HELPER,
        "late.py": "raise ValueError, 'on purpose'\n",
        "queue.py": "WHOSE = 'ours' if 3 / 2 == 1 else 'Python 3'\n",
        "script.py": CGI,
        "lib/ported.py": "# channelshim: python3\ndef name(): return str(3 / 2)\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    with zipfile.ZipFile(folder / "libs.zip", "w") as archive:
        archive.writestr("zipped/__init__.py", "print 'loaded'\n")
        archive.writestr("zipped/inner.py", "WHOSE = `u'zip'`.strip('u')\n")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_app(tmp_path / "app")


def test_the_whole_app_is_translated(server: Servers, folder: Path) -> None:
    started = server(folder)
    assert get(started.url) == "ü 3 helper11.5 ours 'zip'\n"
    assert get(started.url + "cgi/%C3%BC?a=%C3%A4") == "1 /cgi/ü '' ä"
    with urllib.request.urlopen(started.url + "bare/%C3%BC", b"\xfe") as answer:
        assert answer.read() == "/bare/ü '\\xfe'".encode() + b"\xff"


def test_an_error_shows_the_app_s_lines_and_none_of_the_translator(
    server: Servers, folder: Path
) -> None:
    started = server(folder)
    for page, lines in (
        ("fails", ("import late", "raise ValueError, 'on purpose'")),
        ("cgi?import", ("helper.fail()", "raise ValueError, 'on purpose'")),
    ):
        text = html.unescape(page_of(started.url + page))
        assert "ValueError: on purpose" in text
        for line in lines:
            assert line in text
        assert "python27" not in text
    assert "channelshim/python27" not in started.output


def test_text_that_meets_bytes_is_told_what_to_write(
    server: Servers, folder: Path
) -> None:
    started = server(folder)
    text = page_of(started.url + "meets")
    line = ["normalize" in each for each in MAIN.splitlines()].index(True)
    assert f"main.py, line {line + 1}: text meets bytes here: write .decode(" in text
    assert started.prints("write .decode('utf-8') behind the bytes")


def test_python3_that_is_read_as_python27_is_told_what_to_write(
    server: Servers, folder: Path
) -> None:
    only_main = "runtime: python27\nhandlers:\n- url: /.*\n  script: main.app\n"
    (folder / "app.yaml").write_text(only_main)
    (folder / "main.py").write_text("from urllib.parse import quote\napp = quote\n")
    sentence = r"no urllib\.parse: if it is Python 3, write \"# channelshim: python3\""
    with pytest.raises(AssertionError, match=sentence):
        server(folder)
    (folder / "main.py").write_text("import nowhere\n")
    with pytest.raises(AssertionError) as caught:
        server(folder)
    assert "read as Python 2.7" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("--python27=no", "helper.py"), ("--python3_files=he*.py", "helper.py")],
)
def test_it_can_be_turned_off(
    server: Servers, folder: Path, setting: str, expected: str
) -> None:
    only_main = "runtime: python27\nhandlers:\n- url: /.*\n  script: main.app\n"
    (folder / "app.yaml").write_text(only_main)
    with pytest.raises(AssertionError, match=expected):
        server(folder, setting)


def test_it_can_be_turned_on(server: Servers, tmp_path: Path) -> None:
    app_yaml = APP_YAML.replace("runtime: python27", "runtime: python39")
    folder = write_app(tmp_path / "app", app_yaml)
    assert get(server(folder, "--python27").url).startswith("ü 3 ")


def test_translated_code_is_kept_where_a_setting_says(
    server: Servers, folder: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "code"
    server(folder, f"--python27_cache={cache}").stop()
    kept = {path.name for path in cache.rglob("*") if path.is_file()}
    assert len(kept) >= 6
    assert get(server(folder, f"--python27_cache={cache}").url).startswith("ü 3 ")
    assert {path.name for path in cache.rglob("*") if path.is_file()} == kept


@pytest.mark.parametrize("name", ["helper.py", "queue.py", "libs.zip", "script.py"])
def test_a_change_of_a_translated_file_is_served(
    server: Servers, folder: Path, name: str, wait_until: Callable[..., Any]
) -> None:
    started = server(folder)
    get(started.url + "cgi")
    path = folder / name
    if name == "libs.zip":
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("more.py", "")
    else:
        path.write_text(path.read_text() + "\n")
    wait_until(lambda: f"{name} has changed: reloading." in started.output, 20)
    wait_until(lambda: page_of(started.url).startswith("ü 3 "), 20)


PROGRAM = """\
import channelshim, sys
from webtest import TestApp
{program}
client = TestApp(app, extra_environ={{"REMOTE_ADDR": "127.0.0.1"}})
print(bytes(client.get("/").body))
"""


@pytest.mark.parametrize(
    "program",
    [
        "app = channelshim.application('app')",
        "channelshim.install('app')\n"
        "sys.path[:0] = ['app', 'app/lib', 'app/libs.zip']\n"
        "import main\napp = channelshim.wrap(main.app)",
        "channelshim.install('app', python27=True)\n"
        "sys.path[:0] = ['app', 'app/lib', 'app/libs.zip']\n"
        "import main\napp = channelshim.wrap(main.bare)",
    ],
)
def test_every_door_translates(folder: Path, tmp_path: Path, program: str) -> None:
    if "main.bare" in program:
        (folder / "app.yaml").write_text("runtime: python39\nhandlers: []\n")
    output = run_program(PROGRAM.format(program=program), folder)
    if "main.bare" in program:
        assert output == "loaded\nb\"/ ''\\xff\"\n"
    else:
        assert output == "loaded\nb\"\\xc3\\xbc 3 helper11.5 ours 'zip'\\n\"\n"


def run_program(program: str, folder: Path) -> str:
    """Run a program of Python 3 in a folder and return its output."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder.parent,
        env={**os.environ, "CHANNELSHIM_STORAGE_PATH": str(folder.parent / "store")},
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=60 * timeout_factor(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_form_of_a_cgi_script_in_python3_is_the_request_s(
    server: Servers, tmp_path: Path
) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "app.yaml").write_text(
        "runtime: python39\nhandlers:\n- url: /.*\n  script: form.py\n"
    )
    (folder / "form.py").write_text(
        "import cgi\nprint('Content-Type: text/plain')\nprint()\n"
        "print(cgi.FieldStorage().getfirst('a'), end='')\n"
    )
    started = server(folder)
    assert get(started.url + "?a=b%20c") == "b c"
    assert get(started.url + "?a=d") == "d"
