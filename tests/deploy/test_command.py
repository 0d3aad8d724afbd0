"""`channelshim deploy` as a person calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from channelshim.cli.deploy import deploy
from channelshim.cli.project import write_tutorial_app
from channelshim.deploy.deployment import TARGETS
from channelshim.errors import ConfigurationError
from tests.deploy.units import words_of
from tests.lanes import ROOT, timeout_factor


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the tutorial's app in a folder beside the current one."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    write_tutorial_app(tmp_path / "chat")
    return tmp_path / "chat"


def call(*arguments: str) -> None:
    deploy.main(list(arguments), prog_name="channelshim", standalone_mode=False)


def refusal(*arguments: str) -> str:
    with pytest.raises((ConfigurationError, click.ClickException)) as caught:
        call(*arguments)
    error = caught.value
    if isinstance(error, click.ClickException):
        return error.format_message()
    return str(error)


@pytest.mark.parametrize("target", TARGETS)
def test_files_are_written_and_steps_are_said(
    target: str, app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(target, str(app), "--domain=Chat.Example.com")
    said = capsys.readouterr().out
    wrote, _, after = said.partition("\n\n")
    names = [line.removeprefix("wrote ") for line in wrote.splitlines()]
    found = [str(path) for path in Path("deploy").rglob("*") if path.is_file()]
    assert sorted(names) == sorted(found)
    assert "deploy" in after
    assert "chat.example.com" in said
    # The app's own folder is as it was.
    assert sorted(os.listdir(app)) == ["app.yaml", "index.html", "server.py", "static"]


def test_command_of_the_unit_is_the_one_that_wrote_it(
    app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (app / "cron.yaml").write_text("cron:\n")
    call("systemd", str(app), "--admins", "ann@example.com, bob@example.com,")
    words = words_of(Path("deploy/chat.service").read_text())
    done = subprocess.run(
        [*words[: words.index("serve")], "--version"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60 * timeout_factor(),
    )
    assert done.stdout.startswith("channelshim ")
    assert "--admins=ann@example.com,bob@example.com" in words
    assert "--cron=yes" in words
    assert "accounts add ann@example.com" in capsys.readouterr().out


def test_app_yaml_may_be_named_and_the_current_folder_is_the_default(
    app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("nginx", str(app / "app.yaml"))
    assert Path("deploy/chat.conf").exists()
    monkeypatch.chdir(app)
    call("nginx")
    # Not in the app's folder.
    assert (app.parent / "chat-deploy" / "chat.conf").exists()


def test_two_targets_share_a_folder_and_a_second_time_is_refused(app: Path) -> None:
    call("systemd", str(app))
    call("caddy", str(app))
    assert "is there already and would be overwritten" in refusal("caddy", str(app))
    call("caddy", str(app), "--force", "--domain=chat.example.com")
    assert "chat.example.com {" in Path("deploy/Caddyfile").read_text()


def test_what_a_person_gets_wrong_is_one_sentence(app: Path, tmp_path: Path) -> None:
    cases = {
        ("apache", str(app)): "there is no target 'apache': choose systemd,",
        ("nginx", str(tmp_path)): "there is no app.yaml in",
        ("nginx", str(tmp_path / "gone")): "is not a folder",
        ("systemd", str(app), "--login=ldap"): "'ldap' is not one of",
        ("systemd", str(app), "--port=0"): "0 is not in the range",
        ("nginx", str(app), f"--output={app}/x"): "is in the app's folder",
        ("nginx", str(app), "--grow"): "--grow has no effect on the files of nginx",
    }
    for arguments, sentence in cases.items():
        found = refusal(*arguments)
        assert sentence in found
        assert "\n" not in found
    assert os.listdir(".") == []


def test_error_at_the_terminal_has_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "channelshim", "deploy", "apache", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60 * timeout_factor(),
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("channelshim: there is no target 'apache'")


def test_packages_that_a_login_lacks_are_named(
    app: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, package=None: None if name == "argon2" else find(name, package),
    )
    call("systemd", str(app))
    assert "-m pip install argon2-cffi\n" in capsys.readouterr().out
