"""A damaged store is a sentence, or no more than what it held is lost."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from channelshim.store.sqlite.database import FILE_NAME
from tests.conftest import Servers
from tests.lanes import ROOT, timeout_factor
from tests.servers import Server

FLAGS = ("--automatic_restart=no", "--log_level=warning")

CHANGES = 60


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Return the folder of an app that answers and keeps something."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "app.yaml").write_text(
        "runtime: python27\napi_version: 1\nthreadsafe: true\n"
        "handlers:\n- url: /.*\n  script: kept.app\n"
    )
    (folder / "kept.py").write_text(
        "from google.appengine.api import memcache, taskqueue\n"
        "from google.appengine.ext import ndb\n\n\n"
        "class Thing(ndb.Model):\n    text = ndb.StringProperty()\n\n\n"
        "def app(environ, start_response):\n"
        "    if environ['PATH_INFO'] == '/keep':\n"
        "        ndb.put_multi([Thing(text=str(n) * 40) for n in range(50)])\n"
        "        memcache.set('a', 'b')\n"
        "        taskqueue.add(url='/task', countdown=3600)\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [b'fine']\n"
    )
    return folder


def get(server: Server, path: str) -> bytes:
    with urllib.request.urlopen(server.url + path) as answer:
        body: bytes = answer.read()
    return body


@pytest.mark.parametrize(
    "windows",
    [
        b'{"at": %d, "texts": ["a"], "windows": [[[0], [["x", 1e400]]]]}',
        b"[" * 100_000,
        "text",
        5,
    ],
)
def test_windows_that_cannot_be_read_are_forgotten(
    server: Servers, app: Path, tmp_path: Path, windows: bytes | str | int
) -> None:
    storage = tmp_path / "storage"
    server(app, *FLAGS, storage_path=storage).stop()
    if isinstance(windows, bytes):
        windows = windows.replace(b"%d", b"%d" % time.time())
    connection = sqlite3.connect(storage / FILE_NAME)
    with connection:
        connection.execute(
            "INSERT OR REPLACE INTO saved VALUES ('windows', ?)", [windows]
        )
    connection.close()
    for warnings in (1, 0):
        running = server(app, *FLAGS, storage_path=storage)
        assert get(running, "x") == b"fine"
        # What it prints is read in a thread.
        assert not warnings or running.prints("have missed messages")
        assert running.output.count("have missed messages") == warnings
        assert "Traceback" not in running.output
        running.stop()


@pytest.mark.parametrize("seed", range(4))
def test_damaged_file_is_a_sentence_or_works(
    server: Servers, app: Path, tmp_path: Path, seed: int
) -> None:
    storage = tmp_path / "storage"
    first = server(app, *FLAGS, storage_path=storage)
    get(first, "keep")
    first.stop()
    file = storage / FILE_NAME
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    damage(file, random.Random(seed))
    command = [sys.executable, "-m", "channelshim", "serve", str(app), "--port=0"]
    command += ["--admin_port=0", f"--storage_path={storage}", *FLAGS]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(line)
            if "is running at" in line:
                process.terminate()
        process.wait(30 * timeout_factor())
    output = "".join(seen)
    assert "Traceback" not in output
    assert "is running at" in output or "channelshim: " in output


def damage(file: Path, chance: random.Random) -> None:
    """Alter some bytes behind the file's first ones, which say what it is."""
    data = bytearray(file.read_bytes())
    for _ in range(CHANGES):
        data[chance.randrange(100, len(data))] = chance.randrange(256)
    file.write_bytes(data)


def test_bad_journal_row_is_no_reason_to_stay_down(
    server: Servers, app: Path, tmp_path: Path
) -> None:
    storage = tmp_path / "storage"
    server(app, *FLAGS, storage_path=storage).stop()
    connection = sqlite3.connect(storage / FILE_NAME)
    with connection:
        rows = [(5,), ("text",), (b"\xff",), (1.5,)]
        connection.executemany("INSERT INTO presence VALUES (?)", rows)
    connection.close()
    running = server(app, *FLAGS, storage_path=storage)
    assert get(running, "x") == b"fine"
    assert "Traceback" not in running.output
