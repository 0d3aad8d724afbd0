"""A changed file replaces the process; pages notice nothing but a reconnect."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection

from channelshim.composition.reloading import MAXIMUM_CATCH_UPS, Watcher
from tests.doors.test_stop import SLOW, get
from tests.lanes import timeout_factor
from tests.lines import connect
from tests.servers import Servers


def page_of(url: str) -> str:
    """Return what a browser would show, errors included; "" while nobody answers."""
    try:
        return get(url)
    except urllib.error.HTTPError as error:
        return error.read().decode("utf-8")
    except (OSError, http.client.HTTPException):
        return ""


@pytest.mark.sample
def test_a_change_is_served_and_an_error_is_shown_until_mended(
    server: Servers, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    folder = tmp_path / "app"
    shutil.copytree(SLOW, folder)
    running = server(folder)
    code = folder / "slow.py"
    original = code.read_text()
    token = get(running.url + "token")
    process_id = running.process.pid

    code.write_text(original.replace('"done"', '"mended"'))
    wait_until(lambda: page_of(running.url + "slow?seconds=0") == "mended", 20)

    code.write_text(original + "\nimport nothing_of_this_name\n")
    wait_until(lambda: "nothing_of_this_name" in page_of(running.url), 20)
    assert "slow.py, line" in page_of(running.url)
    # Channels live on while the app does not.
    poll = f"_ah/channel/poll?token={token}&wait=0"
    assert '"messages": []' in get(running.url + poll)

    code.write_text(original)
    wait_until(lambda: page_of(running.url + "slow?seconds=0") == "done", 20)
    assert running.process.pid == process_id
    assert running.process.poll() is None


def test_a_broken_app_yaml_is_shown_until_mended(
    server: Servers, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    folder = tmp_path / "app"
    shutil.copytree(SLOW, folder)
    file = folder / "app.yaml"
    original = file.read_text() + "builtins:\n- appstats: on\n"
    file.write_text(original)
    running = server(folder)
    file.write_text(original + "libraries: [\n")
    wait_until(lambda: "app.yaml, line" in page_of(running.url), 20)
    file.write_text(original)
    wait_until(lambda: page_of(running.url + "slow?seconds=0") == "done", 20)
    # What was warned of at the start is not repeated, and what is new is told.
    assert running.output.count("appstats") == 1
    file.write_text(original + "- admin_redirect: on\n")
    wait_until(lambda: "admin_redirect" in running.output, 20)
    assert running.output.count("appstats") == 1


@pytest.mark.parametrize("name", ["queue.yaml", "cron.yaml"])
def test_its_sisters_are_shown_until_mended(
    server: Servers, tmp_path: Path, wait_until: Callable[..., Any], name: str
) -> None:
    folder = tmp_path / "app"
    shutil.copytree(SLOW, folder)
    running = server(folder, "--cron=yes")
    (folder / name).write_text("queue: [\n")
    wait_until(lambda: f"{name}, line" in page_of(running.url), 20)
    (folder / name).unlink()
    wait_until(lambda: page_of(running.url + "slow?seconds=0") == "done", 20)


class Page:
    """What the browser's script does: it reads, comes back, and resumes."""

    def __init__(self, port: int, token: str) -> None:
        self._address = f"ws://localhost:{port}/_ah/channel/socket?token={token}"
        self.texts: list[str] = []
        self.closed_with: list[int] = []
        self._stop = threading.Event()
        self._opened = threading.Event()
        self._last: int | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        assert self._opened.wait(30 * timeout_factor())

    def end(self) -> None:
        self._stop.set()
        self._thread.join(30 * timeout_factor())

    def _read(self) -> None:
        while not self._stop.is_set():
            after = "" if self._last is None else f"&after={self._last}"
            with (
                contextlib.suppress(OSError, InvalidHandshake),
                connect(self._address + after) as line,
            ):
                self._read_line(line)

    def _read_line(self, line: ClientConnection) -> None:
        try:
            self._last = int(json.loads(line.recv())["id"])
            self._opened.set()
            while not self._stop.is_set():
                with contextlib.suppress(TimeoutError):
                    self.texts.append(str(line.recv(timeout=0.2)))
                    self._last += 1
        except ConnectionClosed as closed:
            self.closed_with.append(closed.rcvd.code if closed.rcvd else 1006)


def test_nothing_is_lost_while_the_app_is_edited(
    server: Servers, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    folder = tmp_path / "app"
    shutil.copytree(SLOW, folder)
    running = server(folder)
    code = folder / "slow.py"
    original = code.read_text()
    page = Page(running.port, get(running.url + "token"))
    answered: list[str] = []
    is_over = threading.Event()

    def write() -> None:
        for number in itertools.count():
            if is_over.is_set():
                return
            # One that is refused stays unsent: only what was answered must arrive.
            with contextlib.suppress(OSError):
                text = f"message {number}"
                urllib.request.urlopen(running.url + "send", data=text.encode())
                answered.append(text)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    for edit in ("first", "second", "third"):
        code.write_text(original.replace('"done"', repr(edit)))
        wait_until(lambda edit=edit: page_of(running.url + "slow?seconds=0") == edit)
        count = len(answered)
        wait_until(lambda count=count: len(answered) > count + 10)
    is_over.set()
    writer.join(30 * timeout_factor())
    wait_until(lambda: answered[-1] in page.texts)
    page.end()
    arrived = [text for text in page.texts if text in set(answered)]
    assert arrived == answered
    assert page.closed_with == [1012] * 3


LOADING = """\
import pathlib, time
import first, second

started = pathlib.Path(__file__).parent / "started.log"
started.write_text(started.read_text() + "x")
while first.WORD == "wait" and not pathlib.Path(__file__).with_name("go.log").exists():
    time.sleep(0.01)

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [(first.WORD + " " + second.WORD).encode()]
"""


def test_change_while_the_app_is_loaded_is_served_too(
    server: Servers, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "app.yaml").write_text(
        "runtime: python27\napi_version: 1\nthreadsafe: true\n"
        "handlers:\n- url: /.*\n  script: main.app\n"
    )
    (folder / "main.py").write_text(LOADING)
    started = folder / "started.log"
    started.write_text("")

    def write(name: str, word: str) -> None:
        (folder / f"{name}.py").write_text(f"WORD = {word!r}\n")

    write("first", "old")
    write("second", "old")
    running = server(folder)
    assert page_of(running.url) == "old old"
    # As an editor that saves all files does: the second one is read already.
    write("first", "wait")
    wait_until(lambda: len(started.read_text()) == 2, 20)
    write("second", "newer")
    (folder / "go.log").write_text("")
    wait_until(lambda: page_of(running.url) == "wait newer", 20)
    assert len(started.read_text()) == 3


def test_app_that_writes_its_own_files_is_not_reloaded_for_ever(
    server: Servers, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "app.yaml").write_text(
        "runtime: python27\napi_version: 1\nthreadsafe: true\n"
        "handlers:\n- url: /.*\n  script: main.app\n"
    )
    (folder / "main.py").write_text(
        "import time\n"
        "open('settings.json', 'w').write(str(time.time()))\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [b'steady']\n"
    )
    running = server(folder)
    reloads = MAXIMUM_CATCH_UPS + 1
    wait_until(lambda: running.output.count("is running at") >= reloads, 30)
    wait_until(lambda: page_of(running.url) == "steady")
    (folder / "app.yaml").write_text((folder / "app.yaml").read_text() + "# more\n")
    wait_until(lambda: running.output.count("app.yaml has changed") == 1, 20)


def test_no_watcher_thread_is_left_after_the_stop(tmp_path: Path) -> None:
    # Inside a native library at the interpreter's end it aborts the process.
    watcher = Watcher(tmp_path, [], lambda path: None)
    watcher.start()

    watcher.stop()

    assert "watcher" not in [thread.name for thread in threading.enumerate()]
