"""Files are written into a folder, and over nothing that is there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from channelshim.deploy.files import File
from channelshim.deploy.writing import output_folder, write_files
from channelshim.errors import ConfigurationError

FILES = [File("a.conf", b"a\n"), File("b.conf", b"b\n")]
SECRETS = [
    File("secrets/a.env", b"made 1\n", is_secret=True),
    File("secrets/b.env", b"made 1\n", is_secret=True),
]


def refusal(folder: Path, files: list[File], *, force: bool = False) -> str:
    with pytest.raises(ConfigurationError) as caught:
        write_files(folder, files, force=force)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_all_are_written_or_none(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "deploy"
    write_files(folder, FILES, force=False)
    assert (folder / "a.conf").read_bytes() == b"a\n"
    assert mode(folder / "a.conf") == 0o644
    (folder / "a.conf").unlink()
    (folder / "b.conf").write_text("mine")
    assert "b.conf is there already" in refusal(folder, FILES)
    assert os.listdir(folder) == ["b.conf"]
    assert (folder / "b.conf").read_text() == "mine"


def test_force_replaces_what_is_there_and_no_more(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    folder = tmp_path / "deploy"
    folder.mkdir()
    (folder / "a.conf").symlink_to(elsewhere)
    (folder / "other").write_text("mine")
    assert "a.conf is there already" in refusal(folder, FILES)
    write_files(folder, FILES, force=True)
    assert elsewhere.read_text() == "mine"
    assert (folder / "a.conf").read_bytes() == b"a\n"
    assert not (folder / "a.conf").is_symlink()
    assert sorted(os.listdir(folder)) == ["a.conf", "b.conf", "other"]


def test_secrets_are_the_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_files(tmp_path, [*FILES, *SECRETS], force=False)
    finally:
        os.umask(before)
    assert mode(tmp_path / "secrets") == 0o700
    assert mode(tmp_path / "secrets" / "a.env") == 0o600


def test_secrets_that_are_there_stay(tmp_path: Path) -> None:
    write_files(tmp_path, [*FILES, *SECRETS], force=False)
    others = [File(each.name, b"made 2\n", is_secret=True) for each in SECRETS]
    written = write_files(tmp_path, [*FILES, *others], force=True)
    assert [each.is_kept for each in written] == [False, False, True, True]
    assert (tmp_path / "secrets" / "a.env").read_bytes() == b"made 1\n"


def test_secrets_that_were_made_together_are_not_mixed(tmp_path: Path) -> None:
    write_files(tmp_path, SECRETS, force=False)
    (tmp_path / "secrets" / "b.env").unlink()
    assert "restore the one or delete the other" in refusal(
        tmp_path, SECRETS, force=True
    )


def test_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be written: Not a directory" in refusal(
        tmp_path / "file" / "deploy", FILES
    )
    (tmp_path / "file" / "..").resolve()
    folder = tmp_path / "there"
    (folder / "a.conf").mkdir(parents=True)
    assert "a.conf" in refusal(folder, FILES, force=True)
    assert [each for each in os.listdir(folder) if each.startswith(".")] == []


def test_folder_whose_name_is_too_long_is_one_sentence(tmp_path: Path) -> None:
    assert "cannot be written: File name too long" in refusal(
        tmp_path / ("x" * 300), FILES
    )


def test_folder_is_named_or_deploy_in_the_current_one(tmp_path: Path) -> None:
    app = tmp_path / "chat"
    app.mkdir()
    assert output_folder(None, app, tmp_path) == tmp_path / "deploy"
    assert output_folder("there", app, tmp_path) == tmp_path / "there"
    assert output_folder(str(tmp_path / "x"), app, app) == tmp_path / "x"
    assert output_folder("~nobody-here/x", app, tmp_path) == (
        tmp_path / "~nobody-here" / "x"
    )
    # Inside of the app it would be served, or set off a reload.
    assert output_folder(None, app, app) == tmp_path / "chat-deploy"


def test_nothing_is_written_into_the_apps_folder(tmp_path: Path) -> None:
    app = tmp_path / "chat"
    (app / "static").mkdir(parents=True)
    (tmp_path / "link").symlink_to(app / "static")
    for output in (str(app), str(app / "deploy"), str(tmp_path / "link"), "."):
        with pytest.raises(ConfigurationError, match="is in the app's folder"):
            output_folder(output, app, app)
