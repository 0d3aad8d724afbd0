"""The table of settings: types, words, bounds, and where a value came from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from channelshim.composition.setting_values import read_settings
from channelshim.composition.settings import GROUPS, SETTINGS, Settings
from channelshim.errors import ConfigurationError


def test_settings_are_typed_and_frozen() -> None:
    settings = read_settings({"port": "80"}, {})
    assert settings == Settings(port=80)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.port = 81  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.env_var["A"] = "b"  # type: ignore[index]


def test_argument_wins_over_variable_over_default() -> None:
    variables = {"CHANNELSHIM_PORT": "81", "CHANNELSHIM_HOST": "0.0.0.0"}
    settings = read_settings({"port": 82, "threads": None}, variables)
    assert (settings.port, settings.host, settings.threads) == (82, "0.0.0.0", 0)


def test_every_default_is_within_its_own_bounds() -> None:
    named = {setting.name: setting.default for setting in SETTINGS}
    assert read_settings(named, {}) == Settings()
    assert {setting.group for setting in SETTINGS} == set(GROUPS)
    assert all(setting.help.endswith((".", ":")) for setting in SETTINGS)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("port", 70_000, "port must be from 0 to 65,535, not 70000"),
        ("port", -1, "port must be from 0 to 65,535, not -1"),
        ("port", "eighty", "port must be a whole number, not 'eighty'"),
        ("port", True, "port must be a whole number, not True"),
        ("port", 3.5, "port must be a whole number, not 3.5"),
        ("grace_seconds", "nan", "grace_seconds must be from 0 to 86,400 seconds"),
        ("grace_seconds", "inf", "grace_seconds must be from 0 to 86,400 seconds"),
        ("window_bytes", 0, "window_bytes must be at least 1 bytes, not 0"),
        ("cron", "perhaps", "cron must be yes or no, not 'perhaps'"),
        ("log_level", "loud", "must be debug, info, warning, error or critical"),
        ("store_synchronous", "never", "must be normal or full, not 'never'"),
        ("auto_id_policy", "", "must be scattered or sequential, not ''"),
        ("storage_path", 3, "storage_path must be text, not 3"),
        ("allowed_hosts", 3, "allowed_hosts must be several texts, not 3"),
        ("env_var", "A", "env_var must be NAME=VALUE, not 'A'"),
        ("grace_secnods", 1, "there is no setting 'grace_secnods'"),
    ],
)
def test_wrong_value_is_one_sentence(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        read_settings({name: value}, {})


def test_a_file_is_found_after_the_folder_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ann")
    read = read_settings(
        {"broker_file": "redis.url"}, {"CHANNELSHIM_STORE_FILE": "~/s"}
    )
    assert (read.broker_file, read.store_file) == (
        str(tmp_path / "redis.url"),
        "/home/ann/s",
    )
    assert read.memcache_file == ""


def test_wrong_variable_is_named() -> None:
    with pytest.raises(ConfigurationError, match="CHANNELSHIM_PORT must be a whole"):
        read_settings({}, {"CHANNELSHIM_PORT": "x"})
    with pytest.raises(ConfigurationError, match="no setting for CHANNELSHIM_PROT"):
        read_settings({}, {"CHANNELSHIM_PROT": "80"})


def test_words_are_taken_in_any_case() -> None:
    settings = read_settings({"log_level": "Debug", "store_synchronous": " FULL "}, {})
    assert (settings.log_level, settings.store_synchronous) == ("debug", "full")


def test_secrets_are_not_shown() -> None:
    assert "x" * 32 not in repr(read_settings({"signing_secrets": "x" * 32}, {}))
