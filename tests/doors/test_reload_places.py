"""A reload finds the app, the data and the command again, however they were named."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from channelshim.composition.reloading import MAXIMUM_CATCH_UPS
from tests.doors.test_reload import page_of
from tests.programs import Program, running

APP_YAML = """\
application: places
runtime: python27
threadsafe: true
handlers:
- url: /.*
  script: main.app
"""

CODE = """\
import webapp2
from google.appengine.ext import ndb

class Number(ndb.Model):
    value = ndb.IntegerProperty()

class Page(webapp2.RequestHandler):
    def get(self):
        if self.request.path == "/put":
            Number(id=1, value=7).put()
        found = Number.get_by_id(1)
        self.response.write("first %s" % (found and found.value))

app = webapp2.WSGIApplication([("/.*", Page)])
"""

SCRIPT = """\
from channelshim.cli.main import dev_appserver
dev_appserver()
"""

FLAGS = ("--port=0", "--storage_path=data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with an app and a command in it."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.yaml").write_text(APP_YAML)
    (tmp_path / "app" / "main.py").write_text(CODE)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dev_appserver.py").write_text(SCRIPT)
    return tmp_path


def stores_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.sqlite3"))


def wait_for(program: Program, text: str) -> None:
    url = program.url + "/"
    program.wait_until(lambda: text in page_of(url), f"showing {text!r}")


@pytest.mark.parametrize(
    "command",
    [
        (sys.executable, "-m", "channelshim", "serve", "app"),
        (sys.executable, "-m", "channelshim", "serve", "app/app.yaml"),
        (sys.executable, "bin/dev_appserver.py", "FOLDER/app"),
        ("RELATIVE", "bin/dev_appserver.py", "app"),
    ],
    ids=" ".join,
)
def test_relative_names_mean_the_same_after_a_reload(
    folder: Path, command: tuple[str, ...]
) -> None:
    relative = os.path.relpath(sys.executable, folder)
    words = [word.replace("FOLDER", str(folder)) for word in command]
    words = [relative if word == "RELATIVE" else word for word in words]
    with running([*words, *FLAGS], folder) as program:
        url = program.wait_for_url()
        assert page_of(url + "/put") == "first 7"
        (folder / "app" / "main.py").write_text(CODE.replace("first", "second"))
        wait_for(program, "second 7")
        # And once more, from what the first reload has started.
        (folder / "app" / "main.py").write_text(CODE.replace("first", "third"))
        wait_for(program, "third 7")
        assert len(stores_below(folder)) == 1
        assert stores_below(folder / "data") == ["channelshim.sqlite3"]
        assert "main.py has changed: reloading." in program.output


def test_id_and_data_stay_whatever_app_yaml_says_by_now(folder: Path) -> None:
    home = folder / "home"
    variables = {"HOME": str(home), "XDG_DATA_HOME": str(home)}
    command = [sys.executable, "-m", "channelshim", "serve", "app", "--port=0"]
    file = folder / "app" / "app.yaml"
    with running([*command, "--clear_datastore"], folder, variables) as program:
        url = program.wait_for_url() + "/"
        assert page_of(url + "put") == "first 7"
        (store,) = stores_below(folder)
        # Another id, then none, since nobody can read it; then the first again.
        file.write_text(APP_YAML.replace("places", "elsewhere"))
        wait_for(program, "first 7")
        program.wait_until(lambda: "it stays places" in program.output, "warned")
        assert page_of(url) == "first 7"
        file.write_text(APP_YAML + "handlers: [\n")
        wait_for(program, "app.yaml, line")
        assert stores_below(folder) == [store]
        file.unlink()
        wait_for(program, "there is no app.yaml")
        file.write_text(APP_YAML)
        wait_for(program, "first 7")
        assert stores_below(folder) == [store]
        assert program.output.count("app is running") == program.output.count(
            "is running at"
        )


def test_quick_changes_one_after_another_are_all_seen(folder: Path) -> None:
    command = [sys.executable, "-m", "channelshim", "serve", "app"]
    with running([*command, *FLAGS], folder) as program:
        url = program.wait_for_url() + "/"
        assert page_of(url + "put") == "first 7"
        for number in range(MAXIMUM_CATCH_UPS + 3):
            # As soon as the last one is seen: before files are watched again.
            word = f"save{number}"
            (folder / "app" / "main.py").write_text(CODE.replace("first", word))
            wait_for(program, f"{word} 7")


def test_a_command_whose_folder_has_gone_says_so(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    gone = tmp_path_factory.mktemp("gone")
    command = [sys.executable, "-m", "channelshim", "serve", str(folder / "app")]
    with running([*command, "--port=0"], gone) as program:
        program.wait_for_url()
        gone.rmdir()
        (folder / "app" / "main.py").write_text(CODE.replace("first", "second"))
        assert program.wait_for_end() == 1
        assert "cannot restart" in program.output
        assert "Traceback" not in program.output
