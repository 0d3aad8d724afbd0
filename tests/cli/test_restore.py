"""`channelshim restore`: a backup in the place of an app's data, or nothing changed."""

from __future__ import annotations

import io
import os
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from channelshim.composition import backup, restoring
from channelshim.composition.setting_values import read_settings
from channelshim.errors import ConfigurationError
from channelshim.store.sqlite import schema
from channelshim.store.sqlite.database import FILE_NAME
from channelshim.store.sqlite.opening import open_store
from tests.cli.test_beside import APP, APP_YAML, page, run
from tests.servers import Servers

ADD = "from main import Note; Note(text='%s').put()"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    app = tmp_path / "app"
    app.mkdir()
    (app / "app.yaml").write_text(APP_YAML)
    (app / "main.py").write_text(APP)
    return app


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a store with an entry of each kind."""
    place = tmp_path / "data"
    with closing(open_store(place)) as store:
        store.secrets.get("test")
    fill(place)
    return place


def fill(place: Path, word: bytes = b"old") -> None:
    for name in ("blobs/aa/blob", "mail/000001.eml", "search/index"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(word + name.encode())


def settings(data: Path) -> Any:
    return read_settings({"storage_path": data}, {})


def make(folder: Path, data: Path, file: Path) -> Path:
    backup.back_up(folder, settings(data), file)
    return file


def contents(place: Path) -> dict[str, bytes]:
    """Return all that is in a store's folder, its database by what is in it."""
    found = {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file() and not path.name.startswith("channelshim.")
    }
    if (place / FILE_NAME).exists():
        with closing(sqlite3.connect(place / FILE_NAME)) as connection:
            rows = connection.execute("SELECT value FROM secret").fetchall()
        found[FILE_NAME] = repr(rows).encode()
    return found


@pytest.mark.served
def test_backup_of_a_running_server_is_restored_whole(
    folder: Path, server: Servers, tmp_path: Path
) -> None:
    data, file = tmp_path / "data", tmp_path / "backup.tar"
    started = server(folder, storage_path=data)
    assert run("shell", str(folder), "-c", ADD % "before", data=data).returncode == 0
    fill(data)
    assert run("backup", str(folder), str(file), data=data).returncode == 0
    assert run("shell", str(folder), "-c", ADD % "after", data=data).returncode == 0
    fill(data, b"new")
    # While the server runs nothing is touched.
    done = run("restore", str(file), str(folder), data=data)
    assert done.returncode == 1
    assert "a server of the app runs" in done.stderr
    assert page(started) == "after|before"
    started.stop()
    done = run("restore", str(file), str(folder), data=data)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first == f"the app's data in {data} is that of {file}: 4 files"
    before = Path(second.partition("what was there is in ")[2])
    assert (before / "blobs" / "aa" / "blob").read_bytes() == b"newblobs/aa/blob"
    assert (data / "blobs" / "aa" / "blob").read_bytes() == b"oldblobs/aa/blob"
    assert stat.S_IMODE((data / FILE_NAME).stat().st_mode) == 0o600
    started = server(folder, storage_path=data)
    assert page(started) == "before"
    started.stop()
    # What was moved away can be gone back to, and no backup has it.
    again = make(folder, data, tmp_path / "again.tar")
    with tarfile.open(again) as tar:
        assert not any("before" in name for name in tar.getnames())


def test_backup_is_restored_where_there_was_nothing(
    folder: Path, data: Path, tmp_path: Path
) -> None:
    file = make(folder, data, tmp_path / "b.tar")
    other = tmp_path / "deep" / "other"
    done = restoring.restore(file, folder, settings(other))
    assert (done.files, done.folder, done.before) == (4, other, None)
    assert contents(other) == contents(data)
    assert stat.S_IMODE(other.stat().st_mode) == 0o700


def test_files_that_are_the_apps_own_stay(folder: Path, tmp_path: Path) -> None:
    # An app may lie in its store's folder, and have files with such names.
    with closing(open_store(folder)):
        pass
    (folder / "mailer.py").write_text("own")
    (folder / "search_pages").mkdir()
    (folder / "search_pages" / "x.html").write_text("own")
    fill(folder)
    file = make(folder, folder, tmp_path / "b.tar")
    with tarfile.open(file) as tar:
        assert not {"mailer.py", "search_pages/x.html"} & set(tar.getnames())
    fill(folder, b"new")
    restoring.restore(file, folder, settings(folder))
    assert (folder / "mailer.py").read_text() == "own"
    assert (folder / "search_pages" / "x.html").exists()
    assert (folder / "app.yaml").exists()
    assert (folder / "mail" / "000001.eml").read_bytes() == b"oldmail/000001.eml"


def test_a_server_that_listens_to_no_command_is_noticed_too(
    folder: Path, data: Path, tmp_path: Path
) -> None:
    file = make(folder, data, tmp_path / "b.tar")
    with closing(open_store(data)), pytest.raises(ConfigurationError, match="stop it"):
        restoring.restore(file, folder, settings(data))


# --- Files that are no backups --------------------------------------------------------

Change = Callable[[tarfile.TarInfo, bytes], "tuple[tarfile.TarInfo, bytes] | None"]


def rewrite(file: Path, change: Change, more: list[tarfile.TarInfo]) -> None:
    """Write a backup again, each member as a test wants it, and more behind."""
    with tarfile.open(file) as tar:
        members = [(each, tar.extractfile(each).read()) for each in tar]  # type: ignore[union-attr]
    with tarfile.open(file, "w") as tar:
        for info, data in members:
            changed = change(info, data)
            if changed is not None:
                changed[0].size = len(changed[1])
                tar.addfile(changed[0], io.BytesIO(changed[1]))
        for info in more:
            tar.addfile(info, io.BytesIO(b"\0" * info.size))


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def keep(info: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    return info, data


def without(name: str) -> Change:
    return lambda info, data: None if info.name == name else (info, data)


def flipped(name: str) -> Change:
    def change(info: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
        return info, data[:-1] + b"?" if info.name == name else data

    return change


OUT = "leads out of the store's folder"
NOT_PLAIN = "is not a plain file"
NO_PART = "is no part of a store"
SUMS = backup.SUMS_NAME


@pytest.mark.parametrize(
    ("change", "more", "sentence"),
    [
        (keep, [member("../evil")], OUT),
        (keep, [member("blobs/../../evil")], OUT),
        (keep, [member("/tmp/channelshim-evil")], OUT),
        (keep, [member("blobs/x", tarfile.SYMTYPE, "/etc/passwd")], NOT_PLAIN),
        (keep, [member("blobs", tarfile.SYMTYPE, "/tmp")], NOT_PLAIN),
        (keep, [member("blobs/x", tarfile.LNKTYPE, FILE_NAME)], NOT_PLAIN),
        (keep, [member("blobs/x", tarfile.CHRTYPE)], NOT_PLAIN),
        (keep, [member("blobs/x", tarfile.FIFOTYPE)], NOT_PLAIN),
        (keep, [member("blobs/x", tarfile.DIRTYPE)], NOT_PLAIN),
        (keep, [member("evil")], NO_PART),
        (keep, [member("blobs")], NO_PART),
        (keep, [member("mailer/x")], NO_PART),
        (keep, [member("channelshim.lock")], NO_PART),
        (keep, [member(f"{FILE_NAME}-wal")], NO_PART),
        (keep, [member("blobs/more")], "blobs/more is not what was backed up"),
        (without("blobs/aa/blob"), [], "blobs/aa/blob is not what was backed up"),
        (flipped("mail/000001.eml"), [], "000001.eml is not what was backed up"),
        (flipped(FILE_NAME), [], f"{FILE_NAME} is not what was backed up"),
        (flipped(SUMS), [], "is damaged"),
        (without(SUMS), [], "its list of checksums is missing"),
        (without(FILE_NAME), [], f"there is no {FILE_NAME} in it"),
    ],
)
def test_strange_backup_changes_nothing(
    folder: Path,
    data: Path,
    tmp_path: Path,
    change: Change,
    more: list[tarfile.TarInfo],
    sentence: str,
) -> None:
    file = make(folder, data, tmp_path / "b.tar")
    rewrite(file, change, more)
    before = contents(tmp_path)
    with pytest.raises(ConfigurationError) as raised:
        restoring.restore(file, folder, settings(data))
    assert sentence in str(raised.value)
    assert str(file) in str(raised.value)
    assert contents(tmp_path) == before
    assert not list(data.glob("channelshim.restore-*"))
    assert not list(data.glob("channelshim.before-*"))


def test_backup_that_was_cut_short_anywhere_changes_nothing(
    folder: Path, data: Path, tmp_path: Path
) -> None:
    file = make(folder, data, tmp_path / "b.tar")
    whole = file.read_bytes()
    with tarfile.open(file) as tar:
        (end,) = [each.offset_data + each.size for each in tar if each.name == SUMS]
    before = contents(data)
    for size in (0, 1, 511, 512, 1000, len(whole) // 2, end - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(ConfigurationError):
            restoring.restore(file, folder, settings(data))
        assert contents(data) == before


@pytest.mark.parametrize(
    ("text", "sentence"),
    [(b"no tar" * 200, "not a tar file"), (None, "cannot be read: No such file")],
)
def test_what_is_no_tar_file_is_one_sentence(
    folder: Path, data: Path, tmp_path: Path, text: bytes | None, sentence: str
) -> None:
    file = tmp_path / "b.tar"
    if text is not None:
        file.write_bytes(text)
    done = run("restore", str(file), str(folder), data=data)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert sentence in line


def long_header(size: int) -> bytes:
    info = member("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("header", [long_header(1 << 60), long_header(0) * 2000])
def test_backup_with_endless_headers_is_damaged(
    folder: Path, data: Path, tmp_path: Path, header: bytes
) -> None:
    file = make(folder, data, tmp_path / "b.tar")
    whole = file.read_bytes()
    # As its first header, and behind its first file.
    size = 512 + -(-(data / "blobs" / "aa" / "blob").stat().st_size // 512) * 512
    for start in (0, size):
        file.write_bytes(whole[:start] + header + whole[start:])
        with pytest.raises(ConfigurationError, match="is damaged"):
            restoring.restore(file, folder, settings(data))


def test_list_of_checksums_has_a_bound(
    folder: Path, data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "b.tar"
    info = member(SUMS)
    info.size = 1 << 40
    file.write_bytes(info.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(ConfigurationError, match="list of checksums is too long"):
        restoring.restore(file, folder, settings(data))


def test_backup_with_a_damaged_database_changes_nothing(
    folder: Path, data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "b.tar"
    before = contents(data)
    sums = {FILE_NAME: ""}
    broken = b"SQLite format 3\0" + os.urandom(8000)
    with tarfile.open(file, "w") as tar:
        import hashlib
        import json

        sums[FILE_NAME] = hashlib.sha256(broken).hexdigest()
        for name, text in ((FILE_NAME, broken), (SUMS, json.dumps(sums).encode())):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    with pytest.raises(ConfigurationError, match=r"its database refused: the file is"):
        restoring.restore(file, folder, settings(data))
    assert contents(data) == before


def test_backup_of_a_newer_channelshim_changes_nothing(
    folder: Path, data: Path, tmp_path: Path
) -> None:
    newer = tmp_path / "newer"
    with closing(open_store(newer)):
        pass
    with closing(sqlite3.connect(newer / FILE_NAME)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    file = tmp_path / "b.tar"
    # Made by that newer one.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "VERSION", schema.VERSION + 1)
        make(folder, newer, file)
    before = contents(data)
    with pytest.raises(ConfigurationError, match="written by a newer channelshim"):
        restoring.restore(file, folder, settings(data))
    assert contents(data) == before


@pytest.mark.parametrize("name", ["serve", "backup", "rotate-secrets"])
def test_older_channelshim_refuses_newer_data_in_one_sentence(
    folder: Path, data: Path, tmp_path: Path, name: str
) -> None:
    with closing(sqlite3.connect(data / FILE_NAME)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    words = {
        "serve": (str(folder), "--port=0"),
        "backup": (str(folder), str(tmp_path / "b.tar")),
        "rotate-secrets": (str(folder),),
    }[name]
    done = run(name, *words, data=data)
    assert done.returncode == 1
    sentences = [line for line in done.stderr.splitlines() if "newer" in line]
    assert len(sentences) == 1
    assert "upgrade, or choose another folder with --storage_path" in sentences[0]
    assert "Traceback" not in done.stderr


def test_disk_that_refuses_leaves_the_old_data(
    folder: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make(folder, data, tmp_path / "b.tar")
    before = contents(data)
    moves = 0
    move = restoring._move

    def fail_late(path: Path, target: Path) -> tuple[Path, Path]:
        nonlocal moves
        moves += 1
        if moves == 6:
            raise OSError(28, "No space left on device")
        return move(path, target)

    monkeypatch.setattr(restoring, "_move", fail_late)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        restoring.restore(file, folder, settings(data))
    assert contents(data) == before


# Its driver is not in every lane.
@pytest.mark.postgres
@pytest.mark.parametrize("words", [("backup", "{app}", "b"), ("restore", "b", "{app}")])
def test_data_in_postgresql_has_other_means(
    folder: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "b").touch()
    name, *named = (word.format(app=folder) for word in words)
    store = "--store=postgresql://ann@localhost/chat"
    done = run(name, *named, store, data=tmp_path / "data")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "postgresql://ann@localhost/chat" in line
    assert "docs/how-to/grow-postgres.md says" in line
