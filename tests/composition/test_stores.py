"""Which store settings ask for; what is refused before anything is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from channelshim.composition import stores
from channelshim.composition.setting_values import read_settings
from channelshim.composition.stores import StoreChoice, choose_store, schema_of
from channelshim.errors import ConfigurationError


def chosen(application_id: str = "chat", **arguments: Any) -> StoreChoice:
    settings = read_settings(arguments, {})
    return choose_store(settings, application_id, Path("/data"), None)


@pytest.fixture(autouse=True)
def drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whether they are installed is not the point here.
    monkeypatch.setattr(stores, "_DRIVERS", ())


def test_sqlite_in_the_folder_is_the_default() -> None:
    choice = chosen()
    assert not choice.is_shared
    assert str(choice) == "/data"


def test_url_makes_a_shared_store_whose_password_is_not_shown() -> None:
    choice = chosen(store="postgresql://ann:geheim@h/d", threads=3)
    assert choice.is_shared
    assert choice.connections == 10
    assert str(choice) == "postgresql://ann@h/d, schema channelshim_chat"
    assert "geheim" not in repr(choice)


def test_settings_do_not_show_the_url() -> None:
    settings = read_settings({"store": "postgresql://ann:geheim@h/d"}, {})
    assert "geheim" not in repr(settings)


@pytest.mark.parametrize("url", ["mysql://ann:geheim@h/d", "geheim", "postgresql:x"])
def test_other_stores_are_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        chosen(store=url)
    assert "postgresql://user@host/database" in str(refused.value)
    assert "geheim" not in str(refused.value)


def test_driver_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_DRIVERS", ("no_such_driver",))
    with pytest.raises(ConfigurationError, match=r"channelshim\[postgres\]"):
        chosen(store="postgresql:///d")


def test_file_has_the_url_alone(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("\npostgresql:///d \n")
    assert chosen(store_file=str(path)).url == "postgresql:///d"
    for text in ("", "a\nb\n"):
        path.write_text(text)
        with pytest.raises(ConfigurationError, match="must hold one URL and no more"):
            chosen(store_file=str(path))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        chosen(store_file=str(tmp_path / "absent"))
    with pytest.raises(ConfigurationError, match="both set"):
        chosen(store="postgresql:///d", store_file=str(path))


def test_each_app_has_a_schema_of_its_own() -> None:
    ids = ["chat", "Chat", "my-chat", "my_chat", "a:b", "x" * 60, "x" * 61, "ü"]
    names = {schema_of(each) for each in ids}
    assert len(names) == len(ids)
    assert all(len(name) <= 63 and name.isascii() for name in names)
    assert chosen(store="postgresql:///d", store_schema="own").schema == "own"
