"""`channelshim backup`, with and without a running server, and what restores it."""

from __future__ import annotations

import os
import stat
import tarfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

from channelshim.composition import backup, control, stores
from channelshim.composition.setting_values import read_settings
from channelshim.errors import ConfigurationError, StorageError
from channelshim.kernel.threads import Threads
from channelshim.store.sqlite.database import FILE_NAME
from channelshim.store.sqlite.opening import open_store
from tests.cli.test_beside import APP, APP_YAML, page, run
from tests.lanes import timeout_factor
from tests.servers import Servers

PREFIX = "channelshim.backup-"

ADD = "from main import Note; Note(text='%s').put()"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    app = tmp_path / "app"
    app.mkdir()
    (app / "app.yaml").write_text(APP_YAML)
    (app / "main.py").write_text(APP)
    return app


def restore(file: Path, data: Path) -> None:
    """Do what docs/how-to/back-up-the-store.md says."""
    data.rename(data.with_name("before"))
    data.mkdir(mode=0o700)
    with tarfile.open(file) as tar:
        tar.extractall(data, filter="data")


@pytest.mark.served
def test_a_backup_beside_a_server_restores_what_there_was(
    folder: Path, server: Servers, tmp_path: Path
) -> None:
    data, file = tmp_path / "data", tmp_path / "backup.tar"
    started = server(folder, storage_path=data)
    assert run("shell", str(folder), "-c", ADD % "before", data=data).returncode == 0
    blob = data / "blobs" / "aa" / "a blob"
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(b"bytes of a blob")
    done = run("backup", str(folder), str(file), data=data)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"the app's data is in {file}: ")
    assert run("shell", str(folder), "-c", ADD % "after", data=data).returncode == 0
    # The server went on.
    assert page(started) == "after|before"
    started.stop()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not list(data.glob("*backup-*"))
    restore(file, data)
    assert page(server(folder, storage_path=data)) == "before"
    assert blob.read_bytes() == b"bytes of a blob"
    assert stat.S_IMODE((data / FILE_NAME).stat().st_mode) == 0o600


def test_a_backup_without_a_server_has_the_same(folder: Path, tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "backup.tar"
    assert run("shell", str(folder), "-c", ADD % "alone", data=data).returncode == 0
    done = run("backup", str(folder), str(file), data=data)
    assert done.stdout == f"the app's data is in {file}: 1 file\n"
    restore(file, data)
    show = "from main import Note; print([note.text for note in Note.query()])"
    assert run("shell", str(folder), "-c", show, data=data).stdout == "['alone']\n"


@pytest.mark.parametrize(
    ("words", "where", "sentence"),
    [
        ("{app} {tmp}/there.tar", "data", "is there already: name another file"),
        ("{app} {tmp}/no/b.tar", "data", "no/b.tar cannot be read or written: No such"),
        ("{app} {tmp}/" + "x" * 300, "data", "cannot be read or written: File name"),
        ("{tmp} {tmp}/b.tar", "data", "there is no app.yaml"),
        ("{app} {tmp}/b.tar", "no", "there is no data in"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    folder: Path, tmp_path: Path, words: str, where: str, sentence: str
) -> None:
    data = tmp_path / "data"
    with closing(open_store(data)):
        pass
    (tmp_path / "there.tar").write_text("mine")
    named = [word.format(app=folder, tmp=tmp_path) for word in words.split()]
    done = run("backup", *named, data=tmp_path / where)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "there.tar").read_text() == "mine"
    assert not list(tmp_path.rglob("*.part"))
    assert not list(data.glob("*backup-*"))


def test_a_file_of_somebody_elses_stays(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with closing(open_store(data)):
        pass
    (tmp_path / "b.tar.part").write_text("mine")
    settings = read_settings({"storage_path": data}, {})
    backup.back_up(folder, settings, tmp_path / "b.tar")
    assert (tmp_path / "b.tar.part").read_text() == "mine"
    assert [each.name for each in tmp_path.rglob("*.part")] == ["b.tar.part"]
    assert stat.S_IMODE((tmp_path / "b.tar").stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_read_is_not_left_out(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root reads every folder; nobody can list one whose path is too long.
    data = tmp_path / "data"
    with closing(open_store(data)):
        pass
    (data / "blobs").mkdir()
    name = "x" * 250
    with monkeypatch.context() as here:
        here.chdir(data / "blobs")
        for _ in range(20):
            os.mkdir(name)
            os.chdir(name)
    settings = read_settings({"storage_path": data}, {})
    with pytest.raises(ConfigurationError) as raised:
        backup.back_up(folder, settings, tmp_path / "b.tar")
    assert str(raised.value).startswith(str(data / "blobs" / name))
    assert "cannot be read or written: File name too long" in str(raised.value)
    assert not (tmp_path / "b.tar").exists()


def test_data_in_postgresql_has_other_means(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None is needed to say so.
    monkeypatch.setattr(stores, "_DRIVERS", ())
    settings = read_settings({"store": "postgresql://ann:secret@localhost/x"}, {})
    with pytest.raises(ConfigurationError, match="back it up with pg_dump") as raised:
        backup.back_up(folder, settings, tmp_path / "b.tar")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "name",
    ["", FILE_NAME, f"{PREFIX}/../x", f"../{PREFIX}x", f"{PREFIX}link"],
)
def test_a_server_writes_a_backup_nowhere_else(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "elsewhere")
    no_file = pytest.raises(ConfigurationError, match="is no file for a backup")
    with closing(open_store(tmp_path)) as store, no_file:
        backup.answer(store, tmp_path, {"name": name})
    assert not (tmp_path / "elsewhere").exists()


def test_a_copy_is_of_one_moment(tmp_path: Path) -> None:
    ends = threading.Event()
    with closing(open_store(tmp_path / "store")) as store:
        with store.database.write() as connection:
            connection.execute("CREATE TABLE pair (a INTEGER, b INTEGER)")
            connection.execute("INSERT INTO pair VALUES (0, 0)")

        def write_on() -> None:
            while not ends.is_set():
                with store.database.write() as connection:
                    connection.execute("UPDATE pair SET a = a + 1")
                    connection.execute("UPDATE pair SET b = b + 1")

        writer = Threads().start("writer", write_on)
        try:
            for number in range(20):
                copy = tmp_path / f"copy-{number}" / FILE_NAME
                copy.parent.mkdir()
                store.copy_to(copy)
                other = open_store(copy.parent)
                with closing(other), other.database.read() as connection:
                    a, b = connection.execute("SELECT a, b FROM pair").fetchone()
                    (found,) = connection.execute("PRAGMA quick_check").fetchone()
                assert (a == b, found) == (True, "ok")
        finally:
            ends.set()
            writer.join(10 * timeout_factor())
        with pytest.raises(StorageError, match="cannot be opened"):
            store.copy_to(tmp_path / "no" / "copy")


def test_a_server_that_cannot_copy_is_heard(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with closing(open_store(data)):
        pass

    def fail(facts: control.Facts, body: bytes) -> tuple[control.Facts, bytes]:
        raise StorageError("the store refused: the disk is full")

    served = control.ControlServer(data, Threads(), {backup.QUESTION: fail})
    served.start()
    try:
        done = run("backup", str(folder), str(tmp_path / "b.tar"), data=data)
    finally:
        served.close()
    assert done.returncode == 1
    assert "the disk is full" in done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["app", "data"]
