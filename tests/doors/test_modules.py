"""Several modules of one folder, served by one command as the old server did."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import channelshim
from channelshim.composition.reading import read_named
from channelshim.errors import ConfigurationError
from tests.lanes import timeout_factor
from tests.servers import Server, Servers

MAIN = """\
import json, os
import webapp2
from google.appengine.api import memcache, modules, taskqueue


class Page(webapp2.RequestHandler):
    def get(self):
        names = modules.get_modules()
        self.response.write(json.dumps({
            "module": modules.get_current_module_name(),
            "version": os.environ["CURRENT_VERSION_ID"].split(".")[0],
            "modules": names,
            "versions": [modules.get_versions(name) for name in names],
            "hosts": [modules.get_hostname(name) for name in names],
            "mine": os.environ.get("MINE"),
            "host": os.environ["DEFAULT_VERSION_HOSTNAME"],
        }))


class Add(webapp2.RequestHandler):
    def get(self):
        taskqueue.add(url="/run", target=str(self.request.get("target")) or None,
                      queue_name=str(self.request.get("queue", "default")))


class Run(webapp2.RequestHandler):
    def post(self):
        memcache.set("ran in", modules.get_current_module_name())

    def get(self):
        self.response.write(json.dumps(memcache.get("ran in")))


app = webapp2.WSGIApplication([("/add", Add), ("/run", Run), ("/.*", Page)])
"""

HANDLERS = "handlers:\n- url: /.*\n  script: main.app\n"
HEAD = "application: shop\nruntime: python27\nthreadsafe: true\n"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "main.py").write_text(MAIN)
    (folder / "app.yaml").write_text(f"{HEAD}version: v7\n{HANDLERS}")
    (folder / "worker.yaml").write_text(
        f"{HEAD}module: worker\nversion: w1\nenv_variables:\n  MINE: yes it is\n"
        f"{HANDLERS}"
    )
    (folder / "dispatch.yaml").write_text(
        'dispatch:\n- url: "*/work/*"\n  module: worker\n'
    )
    (folder / "queue.yaml").write_text(
        "queue:\n- name: heavy\n  rate: 9/s\n  target: worker\n"
    )
    return folder


def ask(port: int, path: str) -> Any:
    connection = http.client.HTTPConnection(
        "localhost", port, timeout=20 * timeout_factor()
    )
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (answer.status, body)
        return json.loads(body) if body else None
    finally:
        connection.close()


def ports(running: Server, wait_until: Callable[..., Any]) -> list[int]:
    """Return the port of each listener, in the order of the lines that say so."""
    wait_until(lambda: "Press Ctrl-C" in running.output)
    found = re.findall(r"running at \S+:(\d+)/", running.output)
    return [int(port) for port in found]


def test_each_module_has_a_port(
    server: Servers, app: Path, wait_until: Callable[..., Any]
) -> None:
    running = server(app / "app.yaml", str(app / "worker.yaml"))
    first, second = ports(running, wait_until)
    own, other = ask(first, "/"), ask(second, "/work/x")
    assert (own["module"], own["version"], own["mine"]) == ("default", "v7", None)
    assert (other["module"], other["version"]) == ("worker", "w1")
    assert other["mine"] == "yes it is"
    assert own["modules"] == other["modules"] == ["default", "worker"]
    assert own["versions"] == [["v7"], ["w1"]]
    assert own["hosts"] == [f"localhost:{first}", f"localhost:{second}"]
    assert running.prints("module worker is running at")


def test_static_files_are_those_of_the_module_that_is_asked(
    server: Servers, app: Path, wait_until: Callable[..., Any]
) -> None:
    for module, file in (("app", "app.yaml"), ("worker", "worker.yaml")):
        (app / module).mkdir()
        (app / module / "x.json").write_text(f'"{module}"')
        handler = f"handlers:\n- url: /files\n  static_dir: {module}\n"
        text = (app / file).read_text()
        (app / file).write_text(text.replace("handlers:\n", handler, 1))
    files = [str(app / name) for name in ("worker.yaml", "dispatch.yaml")]
    rules, first, second = ports(server(app / "app.yaml", *files), wait_until)
    for _ in range(3):
        # Each of them is sent from memory, once it has been asked for.
        assert ask(first, "/files/x.json") == ask(first, "/files/x.json") == "app"
        assert ask(second, "/files/x.json") == ask(second, "/files/x.json") == "worker"
        assert ask(rules, "/files/x.json") == "app"


def test_rules_of_dispatch_yaml_have_the_first_port(
    server: Servers, app: Path, wait_until: Callable[..., Any]
) -> None:
    files = [str(app / name) for name in ("worker.yaml", "dispatch.yaml")]
    running = server(app / "app.yaml", *files)
    rules, first, second = ports(running, wait_until)
    found = [ask(rules, path)["module"] for path in ("/", "/work/x", "/work")]
    assert found == ["default", "worker", "default"]
    assert ask(first, "/work/x")["module"] == "default"
    assert ask(second, "/")["module"] == "worker"


@pytest.mark.parametrize(
    ("query", "module"),
    [
        ("", "default"),
        ("?target=worker", "worker"),
        ("?target=w1.worker", "worker"),
        ("?target=v7", "default"),
        ("?target=nobody", "default"),
        ("?queue=heavy", "worker"),
    ],
)
def test_tasks_run_in_their_target(
    server: Servers,
    app: Path,
    wait_until: Callable[..., Any],
    query: str,
    module: str,
) -> None:
    running = server(app / "app.yaml", str(app / "worker.yaml"))
    first = ports(running, wait_until)[0]
    ask(first, f"/add{query}")
    assert wait_until(lambda: ask(first, "/run")) == module


def test_task_without_a_target_runs_where_it_was_added(
    server: Servers, app: Path, wait_until: Callable[..., Any]
) -> None:
    running = server(app / "app.yaml", str(app / "worker.yaml"))
    first, second = ports(running, wait_until)
    ask(second, "/add")
    assert wait_until(lambda: ask(first, "/run")) == "worker"


def test_target_that_is_not_served_comes_to_the_app(
    server: Servers, app: Path, wait_until: Callable[..., Any]
) -> None:
    running = server(app)
    ask(running.port, "/add?target=worker")
    assert wait_until(lambda: ask(running.port, "/run")) == "default"
    assert running.prints("no module or version worker runs here")


def test_yaml_file_of_any_name_is_served(server: Servers, app: Path) -> None:
    (app / "app.yaml").rename(app / "staging.yaml")
    running = server(app / "staging.yaml")
    assert ask(running.port, "/")["version"] == "v7"


def test_modules_survive_a_reload(
    server: Servers, app: Path, wait_until: Callable[..., Any]
) -> None:
    running = server(app / "app.yaml", str(app / "worker.yaml"))
    first, second = ports(running, wait_until)
    (app / "main.py").write_text(MAIN.replace('"mine"', '"new"'))
    wait_until(lambda: "new" in ask(second, "/"))
    assert "new" in ask(first, "/")
    assert ask(second, "/")["module"] == "worker"


# --- Modules of several folders --------------------------------------------------


@pytest.fixture
def backend(app: Path) -> Path:
    """Return another folder: its modules and its Python are its own."""
    folder = app.parent / "backend"
    folder.mkdir()
    # Both have a module `main`, and neither sees the other's.
    (folder / "main.py").write_text(MAIN.replace('"mine"', '"backend": True, "mine"'))
    handlers = f"handlers:\n- url: /files\n  static_dir: files\n{HANDLERS[10:]}"
    (folder / "backend.yaml").write_text(
        f"{HEAD}module: backend\nversion: b1\n{handlers}"
    )
    (folder / "files").mkdir()
    (folder / "files" / "x.json").write_text('"of the backend"')
    (app / "dispatch.yaml").write_text(
        'dispatch:\n- url: "*/back/*"\n  module: backend\n'
    )
    return folder


def test_module_of_another_folder_has_a_process_of_its_own(
    server: Servers, app: Path, backend: Path, wait_until: Callable[..., Any]
) -> None:
    named = ("app.yaml", "worker.yaml", "dispatch.yaml")
    files = [*(str(app / name) for name in named[1:]), str(backend / "backend.yaml")]
    running = server(app / "app.yaml", *files)
    rules, first, second, third = ports(running, wait_until)
    own, other = ask(first, "/"), ask(third, "/")
    assert (own["module"], own["version"], "backend" in own) == ("default", "v7", False)
    assert (other["module"], other["version"]) == ("backend", "b1")
    assert other["backend"]
    # Each knows all.
    assert own["modules"] == other["modules"] == ["default", "worker", "backend"]
    assert own["versions"] == other["versions"] == [["v7"], ["w1"], ["b1"]]
    hosts = [f"localhost:{port}" for port in (first, second, third)]
    assert own["hosts"] == other["hosts"] == hosts
    assert own["host"] == other["host"]
    assert running.prints("module backend is running at")
    # Rules, files and tasks.
    assert ask(rules, "/back/x")["module"] == "backend"
    assert ask(rules, "/x")["module"] == "default"
    assert ask(second, "/")["module"] == "worker"
    for _ in range(2):
        assert ask(third, "/files/x.json") == "of the backend"
    for target, module in (
        ("backend", "backend"),
        ("b1.backend", "backend"),
        ("worker", "worker"),
        ("", "default"),
    ):
        ask(first, f"/add?target={target}")
        wait_until(lambda module=module: ask(first, "/run") == module)
    # A task without a target runs where it was added, and memcache is one.
    ask(third, "/add")
    wait_until(lambda: ask(first, "/run") == "backend")
    assert ask(third, "/run") == "backend"
    assert running.stop() == 0
    assert "Traceback" not in running.output


def test_change_in_another_folder_is_served(
    server: Servers, app: Path, backend: Path, wait_until: Callable[..., Any]
) -> None:
    running = server(app / "app.yaml", str(backend / "backend.yaml"))
    first, second = ports(running, wait_until)
    ask(second, "/")
    # Nobody loads a static file.
    (backend / "files" / "x.json").write_text('"changed"')
    assert ask(second, "/files/x.json") == "changed"
    (backend / "main.py").write_text(MAIN.replace('"mine"', '"changed"'))

    def is_changed() -> bool:
        try:
            return "changed" in ask(second, "/")
        except OSError:
            # Between two processes.
            return False

    wait_until(is_changed, 30)
    assert "changed" not in ask(first, "/")
    changes = re.findall(r"(\S+) has changed: reloading", running.output)
    assert [Path(each).name for each in changes] == ["main.py"]


def test_other_folder_may_be_in_another_python(
    server: Servers, app: Path, backend: Path, wait_until: Callable[..., Any]
) -> None:
    (backend / "backend.yaml").write_text(
        "application: shop\nruntime: python312\nmodule: backend\n"
        "entrypoint: gunicorn -b :$PORT plain:app\n"
    )
    (backend / "plain.py").write_text(
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'\"', type('').__name__.encode(), b'\"']\n"
    )
    running = server(app / "app.yaml", str(backend / "backend.yaml"))
    first, second = ports(running, wait_until)
    assert ask(first, "/")["module"] == "default"
    assert ask(second, "/") == "str"


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (["app.yaml", "app.yaml"], "are both the module default"),
        (["app.yaml", "new.yaml"], "the modules of one folder are in one Python"),
        (["app.yaml", "gone.yaml"], "there is no file"),
        (["dispatch.yaml", "queue.yaml"], "no app is named"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    app: Path, files: list[str], sentence: str
) -> None:
    other = app / "other"
    other.mkdir()
    (other / "app.yaml").write_text(f"{HEAD}module: other\n{HANDLERS}")
    (app / "new.yaml").write_text(f"runtime: python312\nmodule: new\n{HANDLERS}")
    with pytest.raises(ConfigurationError, match=sentence):
        read_named([app / name for name in files])


def test_both_endings_of_one_file_are_refused(app: Path) -> None:
    (app / "app.yml").write_text(f"{HEAD}{HANDLERS}")
    with pytest.raises(ConfigurationError, match=r"both app\.yaml and app\.yml"):
        read_named([app])


def test_the_shorter_ending_does_as_well(app: Path) -> None:
    for stem in ("app", "queue"):
        (app / f"{stem}.yaml").rename(app / f"{stem}.yml")
    read = read_named([app])
    assert read.config is not None
    assert read.config.version == "v7"
    assert read.queues.find("heavy") is not None


@pytest.mark.parametrize(
    "cron", [b"# t\xe4glich\n", b"- url: /x\n", b"cron:\n- url: /x\n  schedule: no\n"]
)
def test_broken_cron_yaml_is_one_warning_while_cron_is_off(
    app: Path, cron: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (app / "cron.yaml").write_bytes(cron)
    assert read_named([app]).cron.jobs == ()
    (record,) = caplog.records
    assert "cron jobs are off, and could not run: " in record.getMessage()
    assert "cron.yaml" in record.getMessage()
    with pytest.raises(ConfigurationError, match=r"cron\.yaml"):
        read_named([app], runs_cron=True)


def test_a_mistake_in_index_yaml_is_one_warning(
    app: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (app / "index.yaml").write_text("indexes:\n- kind A\n")
    read_named([app])
    (record,) = caplog.records
    assert "index.yaml, line 2: an index, `- kind: NAME`, must be" in (
        record.getMessage()
    )


def test_a_shell_has_the_code_of_the_first_folder_and_the_data_of_all(
    app: Path, backend: Path, tmp_path: Path
) -> None:
    # No `application:` says that they belong together: the command does.
    for path in (app / "app.yaml", backend / "backend.yaml"):
        path.write_text(path.read_text().replace("application: shop\n", ""))
    names = [str(app / "app.yaml"), str(backend / "backend.yaml")]
    show = (
        "import main, os; memcache.incr('n', initial_value=0); "
        "print(os.path.dirname(main.__file__), os.environ['CURRENT_MODULE_ID'], "
        "os.environ['APPLICATION_ID'], memcache.get('n'))"
    )

    def shell(*named: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-m", "channelshim", "shell", *named, "-c", show],
            env={**os.environ, "XDG_DATA_HOME": str(tmp_path / "data")},
            capture_output=True,
            text=True,
            check=False,
            timeout=60 * timeout_factor(),
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()

    own = shell(*names)
    other = shell(*reversed(names))
    assert own[:2] == [str(app), "default"]
    assert other[:2] == [str(backend), "backend"]
    assert own[2] == other[2]
    assert (own[3], other[3]) == ("1", "2")


@pytest.mark.parametrize(
    ("modules", "applications", "setting", "is_told"),
    [
        (("one", "two"), ("", ""), "", True),
        (("one", "two"), ("shop", ""), "", True),
        (("one", "two"), ("shop", "shop"), "", False),
        (("one", "two"), ("", ""), "shop", False),
        (("default", "two"), ("", ""), "", False),
        (("two", "default"), ("", ""), "", False),
    ],
)
def test_a_shell_says_where_the_order_decides_on_its_data(
    modules: tuple[str, str],
    applications: tuple[str, str],
    setting: str,
    is_told: bool,
    tmp_path: Path,
) -> None:
    names = []
    for module, application in zip(modules, applications, strict=True):
        folder = tmp_path / module
        folder.mkdir()
        lines = [f"module: {module}"]
        lines += [f"application: {application}"] * bool(application)
        text = "\n".join(lines)
        (folder / "app.yaml").write_text(f"{text}\n{HANDLERS}")
        names.append(folder)
    for paths in (names, names[::-1]):
        assert (len(read_named(paths).ids(setting)) > 1) is is_told


def test_a_shell_warns_where_another_order_opens_other_data(tmp_path: Path) -> None:
    for module in ("one", "two"):
        (tmp_path / module).mkdir()
        (tmp_path / module / "app.yaml").write_text(f"module: {module}\n{HANDLERS}")
    done = subprocess.run(
        [sys.executable, "-m", "channelshim", "shell", "two", "one", "-c", "1"],
        cwd=tmp_path,
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path / "data")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60 * timeout_factor(),
    )
    assert done.returncode == 0
    assert "the data is that of two-" in done.stderr
    assert done.stderr.count("name all in the order that serve gets") == 1


@pytest.mark.parametrize("named", [("app", "backend"), ("app.yaml", "b.yaml")])
def test_application_refuses_further_modules(named: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        channelshim.application(*named)
    assert f"channelshim serve {' '.join(named)}," in str(raised.value)
