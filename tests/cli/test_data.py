"""`channelshim data`, with and without a server, at a terminal and in a pipe."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from channelshim.cli.data import _progress, _Silence
from channelshim.cli.data import data as commands
from channelshim.composition import store_folders
from channelshim.composition.place import store_directory
from channelshim.data.records import Entity
from channelshim.errors import ConfigurationError, StoreInUse
from channelshim.store.sqlite.opening import open_store
from tests.cli.test_beside import APP, APP_YAML, page, run
from tests.data.entities import simple
from tests.data.moving import write_file
from tests.lanes import timeout_factor
from tests.servers import Servers

ADD = "from main import Note; Note(text='%s').put()"
SHOW = "from main import Note; print(sorted(note.text for note in Note.query()))"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    app = tmp_path / "app"
    app.mkdir()
    (app / "app.yaml").write_text(APP_YAML)
    (app / "main.py").write_text(APP)
    return app


@pytest.mark.served
def test_data_of_a_running_server_moves_to_another(
    folder: Path, server: Servers, tmp_path: Path
) -> None:
    data, other, file = tmp_path / "data", tmp_path / "other", tmp_path / "chat.data"
    started = server(folder, storage_path=data)
    assert run("shell", str(folder), "-c", ADD % "moved", data=data).returncode == 0
    done = run("data", "export", str(folder), str(file), data=data)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"the app's data is in {file}: 1 entity\n"
    # The server goes on, and keeps its store to itself.
    assert page(started) == "moved"
    done = run("data", "import", str(folder), str(file), "--replace", data=data)
    assert done.returncode == 1
    assert "a server of the app is running on" in done.stderr
    assert "Traceback" not in done.stderr
    assert page(started) == "moved"
    done = run("data", "import", str(folder), str(file), data=other)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{file} is imported: 1 entity\n"
    assert run("shell", str(folder), "-c", SHOW, data=other).stdout == "['moved']\n"


def test_what_is_wrong_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "in"
    write_file(file, [Entity(simple(1)), Entity(b"?")])
    done = run("data", "import", str(folder), str(file), data=data)
    assert done.returncode == 1
    assert "record 2 of " in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    # What is not asked of a store needs no process of its own.
    both = [str(folder), str(file), "--merge", "--replace"]
    with pytest.raises(ConfigurationError, match="choose one"):
        commands.main(["import", *both], standalone_mode=False)


def test_a_dry_run_says_what_there_is_and_writes_nothing(
    folder: Path, tmp_path: Path
) -> None:
    file = write_file(tmp_path / "in", [Entity(simple(1)), Entity(simple(2))])
    done = run(
        "data", "import", str(folder), str(file), "--dry-run", data=tmp_path / "data"
    )
    assert done.stdout == f"{file} can be imported: 2 entities\n"
    assert not (tmp_path / "data").exists()


def test_a_person_at_a_terminal_sees_how_far_it_is(
    folder: Path, tmp_path: Path
) -> None:
    file = write_file(tmp_path / "in", [Entity(simple(id)) for id in range(1, 1200)])
    words = [
        *("data", "import", str(folder), str(file)),
        f"--storage_path={tmp_path / 'data'}",
    ]
    inside, outside = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "channelshim", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=outside,
            check=False,
            timeout=60 * timeout_factor(),
        )
        shown = os.read(inside, 1 << 16).decode()
    finally:
        os.close(inside)
        os.close(outside)
    assert done.returncode == 0
    assert "checking" in shown
    assert "importing" in shown
    assert "100%" in shown


# --- Stores of the user's data folder -------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty data folder of the user's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "channelshim"


def make(application_id: str) -> Path:
    folder = store_directory(application_id, None)
    open_store(folder).close()
    (folder / "blobs" / "dev~x").mkdir(parents=True)
    (folder / "blobs" / "dev~x" / "b").write_bytes(bytes(1000))
    return folder


def channelshim(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "channelshim", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60 * timeout_factor(),
    )


def test_stores_are_listed_and_cleared(home: Path) -> None:
    assert store_folders.all_stores() == []
    first, second = make("one"), make("two words/x")
    (first / "mine.txt").write_text("kept")
    (home / "link").symlink_to(second)
    (home / "file").write_text("")
    (home / "empty").mkdir()
    lines = channelshim("data", "list").stdout.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["one", "two words/x"]
    assert str(first) in lines[0]
    assert "in use" not in lines[0]
    with pytest.raises(ConfigurationError, match="say --yes to delete data"):
        commands.main(["clear", "one"], standalone_mode=False)
    done = channelshim("data", "clear", "one", "two words/x", "--yes")
    assert done.stdout == (
        "the data of one is deleted\nthe data of two words/x is deleted\n"
    )
    # What is not ours stays.
    assert [path.name for path in first.iterdir()] == ["mine.txt"]
    assert not second.exists()
    assert store_folders.all_stores() == []


def test_descriptors_may_be_closed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make("one")
    # So Python has them then.
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ConfigurationError, match="say --yes to delete data"):
        commands.main(["clear", "one"], standalone_mode=False)
    monkeypatch.setattr(sys, "stderr", None)
    assert isinstance(_progress(), _Silence)


def test_a_store_in_use_is_not_cleared(home: Path) -> None:
    folder = make("one")
    with closing(open_store(folder)), pytest.raises(StoreInUse):
        store_folders.clear_store(store_folders.find_store("one"))
    assert (folder / "blobs" / "dev~x" / "b").exists()
    store_folders.clear_store(store_folders.find_store("one"))
    assert not folder.exists()


@pytest.mark.parametrize("name", ["two", "", ".", "..", "../channelshim", "/", "one/"])
def test_nothing_else_is_cleared(home: Path, name: str) -> None:
    make("one")
    with pytest.raises(ConfigurationError, match="there is no store of"):
        store_folders.find_store(name)


def test_links_within_a_store_are_not_followed(home: Path, tmp_path: Path) -> None:
    folder = make("one")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("")
    (folder / "blobs" / "link").symlink_to(tmp_path / "precious")
    (folder / "mail").symlink_to(tmp_path / "precious")
    store_folders.clear_store(store_folders.find_store("one"))
    assert (tmp_path / "precious" / "file").exists()
    assert not folder.exists()


@pytest.mark.served
def test_a_store_of_a_running_server_is_in_use(
    home: Path, folder: Path, server: Servers
) -> None:
    server(folder, storage_path=home / "notes")
    (found,) = store_folders.all_stores()
    assert (found.application_id, found.is_in_use) == ("notes", True)
    with pytest.raises(StoreInUse):
        store_folders.clear_store(found)
