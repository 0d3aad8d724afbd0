"""Where the data of an app lives."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from channelshim.composition.place import store_directory
from channelshim.errors import ConfigurationError

BASE = Path(platformdirs.user_data_dir("channelshim", appauthor=False))


@pytest.mark.parametrize("storage_path", [None, ""])
def test_default_is_a_folder_of_the_app(storage_path):
    assert store_directory("mini-chat", storage_path) == BASE / "mini-chat"


@pytest.mark.parametrize("hostile", ["../up", "..", ".", "/etc", "a/b", "a\\b", "a\0b"])
def test_no_id_leaves_the_folder(hostile):
    assert store_directory(hostile, None).resolve().parent == BASE.resolve()


def test_ids_that_differ_have_folders_that_differ():
    assert store_directory("a/b", None) != store_directory("a%2Fb", None)


def test_named_place_is_taken_as_it_is(tmp_path):
    assert store_directory("mini-chat", str(tmp_path)) == tmp_path


def test_named_place_may_be_relative_or_at_home():
    assert store_directory("a", "data") == Path.cwd() / "data"
    assert store_directory("a", "~/data") == Path.home() / "data"


def test_app_without_id_has_no_place():
    with pytest.raises(ConfigurationError):
        store_directory("", None)
