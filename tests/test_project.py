"""`channelshim init`: the tutorial's files, written whole or not at all."""

from pathlib import Path

import pytest

from channelshim.cli.project import (
    TUTORIAL_FILES,
    read_tutorial_file,
    write_tutorial_app,
)
from channelshim.errors import ConfigurationError

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", TUTORIAL_FILES)
def test_files_equal_the_app_at_the_root(name: str) -> None:
    assert read_tutorial_file(name) == (ROOT / name).read_bytes()


def test_new_folder_is_made_and_holds_the_four_files(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"

    written = write_tutorial_app(folder)

    assert written == [folder / name for name in TUTORIAL_FILES]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sorted(files) == sorted(written)


def test_other_files_of_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("mine")

    write_tutorial_app(tmp_path)

    assert (tmp_path / "README").read_text() == "mine"


@pytest.mark.parametrize("name", TUTORIAL_FILES)
def test_file_that_is_there_is_kept_and_nothing_is_written(
    tmp_path: Path, name: str
) -> None:
    mine = tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")

    with pytest.raises(ConfigurationError) as caught:
        write_tutorial_app(tmp_path)

    assert str(mine) in str(caught.value)
    assert mine.read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [mine]


def test_link_that_leads_nowhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "server.py").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigurationError, match="already"):
        write_tutorial_app(tmp_path)

    assert not (tmp_path / "elsewhere").exists()


def test_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")

    with pytest.raises(ConfigurationError, match="taken"):
        write_tutorial_app(tmp_path / "taken")

    assert (tmp_path / "taken").read_text() == "mine"
