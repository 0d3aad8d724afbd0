"""No file of an app answers an import of ours, whatever it is called."""

from __future__ import annotations

import json
import shutil
import sys
import sysconfig
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from channelshim.composition.place import STORE_ENTRIES
from tests.doors.test_reload import page_of
from tests.doors.test_stop import get
from tests.lanes import timeout_factor
from tests.lines import connect
from tests.programs import running
from tests.servers import Server, Servers
from tests.visitor import Visitor

APP = Path(__file__).parent / "apps" / "all_services"

DECOY = """\
with open(__file__ + ".imported", "w") as file:
    file.write(__name__)
raise ImportError(__name__ + " of the app was imported")
"""


def names_of_others() -> set[str]:
    """Return the names of all modules that anybody but an app may mean.

    Without those of C modules, which no app takes, and without Django's: an app that
    has a folder of that name brings its own.
    """
    installed = {
        path.name.partition(".")[0]
        for path in Path(sysconfig.get_paths()["purelib"]).iterdir()
        if path.suffix in ("", ".py", ".so")
    }
    names = {*sys.stdlib_module_names, *installed} - {"channelshim", "django", "google"}
    return {name for name in names if name.isidentifier() and name[0] != "_"}


def assert_store_is_known(started: Server) -> None:
    """Check that a store's folder holds only what no static handler serves."""
    names = [path.name for path in started.storage_path.iterdir()]
    assert "blobs" in names
    assert [name for name in names if not name.startswith(STORE_ENTRIES)] == []


def use_everything(started: Server, boundary: str = "xyz") -> None:
    """Touch every service and every kind of answer."""
    url = started.url
    for name in json.loads(get(url)):
        assert get(f"{url}call/{name}").startswith("ok "), get(f"{url}call/{name}")
    visitor = Visitor(url.rstrip("/"))
    visitor.log_in("ann@example.com")
    upload = visitor.ask("/uploaded").text
    body = (
        f"--{boundary}\r\nContent-Disposition: form-data; name=f; filename=a.txt\r\n"
        f"Content-Type: text/plain\r\n\r\nhello\r\n--{boundary}--\r\n"
    )
    kind = f"multipart/form-data; boundary={boundary}"
    visitor.ask(urllib.parse.urlsplit(upload).path, body.encode(), Content_Type=kind)
    token = get(url + "call/channel").split("'")[1]
    address = f"ws://localhost:{started.port}/_ah/channel/socket?token={token}"
    with connect(address) as line:
        line.recv()
        # No browser sends one: it is read by a library that is imported for it.
        assert line.ping().wait(30 * timeout_factor())
    get(f"{url}_ah/channel/poll?token={token}&wait=0")
    get(url + "_ah/channel/jsapi")
    get(url + "static/a.txt")
    page_of(url + "raise")


@pytest.mark.parametrize("python27", ["yes", "no"])
def test_no_file_of_the_app_answers_an_import_of_ours(
    server: Servers, tmp_path: Path, wait_until: Callable[..., Any], python27: str
) -> None:
    folder = tmp_path / "app"
    shutil.copytree(APP, folder)
    # To its own imports an app's file answers first, as it did at Google.
    own = {"json", "os", "sys", "traceback", "webapp2"} if python27 == "yes" else set()
    for name in names_of_others() - own:
        (folder / f"{name}.py").write_text(DECOY)
    flags = ("--cron", "--log_level=debug", f"--python27={python27}")
    started = server(folder, *flags)
    use_everything(started)
    (folder / "page.html").write_text("changed")
    wait_until(lambda: "reloading" in started.output)
    wait_until(lambda: started.output.count("is running at") == 2)
    use_everything(started)
    assert_store_is_known(started)
    assert started.stop() == 0
    assert sorted(path.stem for path in folder.glob("*.imported")) == []


def test_nor_where_the_command_is_started_in_the_folder(tmp_path: Path) -> None:
    """`python -m` puts the current folder before everything else."""
    (tmp_path / "app.yaml").write_text(
        "runtime: python27\nhandlers:\n- url: /.*\n  script: main.app\n"
    )
    (tmp_path / "main.py").write_text(
        "import webapp2\nimport own\napp = webapp2.WSGIApplication([])\n"
    )
    (tmp_path / "own.py").write_text("")
    # Those of real apps; Python itself imports `runpy` and `typing` before us.
    for name in "click dataclasses html http ipaddress paste platform queue".split():
        (tmp_path / f"{name}.py").write_text(DECOY)
    for name in ("secrets", "yaml"):
        (tmp_path / f"{name}.py").write_text(DECOY)
    command = [sys.executable, "-m", "channelshim", "serve", ".", "--port=0"]
    with running([*command, "--storage_path=data"], tmp_path) as program:
        program.wait_for_url()
    assert [path.name for path in tmp_path.glob("*.imported")] == []
