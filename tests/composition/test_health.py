"""Who answers /_ah/health: this server, unless app.yaml names the path."""

from __future__ import annotations

from pathlib import Path

import pytest

from channelshim.composition.health import health_of
from channelshim.composition.instance import Instance
from channelshim.composition.plan import make_plan
from channelshim.composition.policy import metrics_token
from channelshim.composition.reading import read_folder
from channelshim.composition.setting_values import read_settings
from channelshim.errors import ConfigurationError
from tests.service_needs import make_login


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("/.*", True),
        ("/_ah/.*", True),
        ("/health", True),
        ("/_ah/health", False),
        ("/_ah/(health|warmup)", False),
        ("/.*/health", False),
    ],
)
def test_a_handler_that_names_the_path_has_it(
    tmp_path: Path, url: str, *, is_ours: bool
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    text = f"runtime: python27\nhandlers:\n- url: {url}\n  script: main.app\n"
    (app / "app.yaml").write_text(text)
    settings = read_settings({"storage_path": tmp_path / "store"}, {})
    plan = make_plan(settings, read_folder(app, needs_app_yaml=True))
    instance = Instance(plan, make_login())
    try:
        assert (health_of(instance) is not None) == is_ours
    finally:
        instance.close()


TOKEN = "a" * 32


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty: write one token"),
        ("short", "at least 32 characters"),
        (f"{TOKEN}\n{TOKEN}", "write one token"),
        (f"Bearer {TOKEN}", "write one token"),
        (f"{TOKEN}é", "write one token"),
    ],
)
def test_a_file_without_a_token_is_refused(
    tmp_path: Path, text: str, sentence: str
) -> None:
    file = tmp_path / "token"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match=sentence):
        metrics_token(read_settings({"metrics_token_file": file}, {}))


def test_a_token_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert metrics_token(read_settings({"metrics_token_file": file}, {})) == TOKEN
    assert metrics_token(read_settings({}, {})) == ""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        metrics_token(read_settings({"metrics_token_file": tmp_path / "no"}, {}))
