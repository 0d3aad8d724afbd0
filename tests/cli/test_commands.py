"""What the commands print about themselves."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import channelshim
from channelshim.cli import main as cli
from channelshim.cli.terminal import LineFormatter
from channelshim.composition.settings import GROUPS, SETTINGS
from channelshim.errors import ConfigurationError
from channelshim.version import __version__
from tests.lanes import timeout_factor


def run(*words: str, name: str = "channelshim") -> Result:
    command = cli._dev_appserver if name == "dev_appserver.py" else cli._group
    return CliRunner().invoke(command, words, prog_name=name)


@pytest.mark.parametrize(
    ("name", "words", "whose"),
    [
        ("channelshim", ["--version"], ""),
        ("channelshim", ["serve", "--version"], ""),
        ("dev_appserver.py", ["--version"], " (dev_appserver.py)"),
    ],
)
def test_version_says_whose_command_it_is(
    name: str, words: list[str], whose: str
) -> None:
    python = ".".join(map(str, sys.version_info[:3]))
    shown = run(*words, name=name)
    assert shown.output == f"channelshim {__version__}{whose}, Python {python}\n"
    assert shown.exit_code == 0


def test_no_command_is_help() -> None:
    shown = run()
    assert shown.exit_code == 0
    assert shown.output == run("--help").output
    assert "rotate-secrets" in shown.output


def test_help_shows_each_setting_once_below_its_heading() -> None:
    shown = run("serve", "--help").output
    lines = shown.splitlines()
    heading = ""
    seen = {}
    for line in lines:
        if line.endswith(":") and not line.startswith(" "):
            heading = line[:-1]
        elif line.startswith("  --"):
            seen[line.split()[0][2:]] = heading
    shown_ones = {each.name: each.group for each in SETTINGS if not each.is_secret}
    assert shown_ones.items() <= seen.items()
    assert not {each.name for each in SETTINGS if each.is_secret} & set(seen)
    assert set(seen.values()) == {*GROUPS, "Other options"}


@pytest.mark.parametrize(
    "words",
    [
        "--port NUMBER Port to listen on; 0 takes a free one. [default: 8080; from",
        "--cron [yes|no] Run the jobs of cron.yaml when they are due. [default: no]",
        "--env_var NAME=VALUE",
        "-h, --help",
    ],
)
def test_help_shows_values_defaults_and_bounds(words: str) -> None:
    shown = " ".join(run("serve", "--help").output.split())
    assert words in shown


def test_rotating_asks_only_where_the_store_is() -> None:
    shown = run("rotate-secrets", "--help").output
    assert "--storage_path" in shown
    assert "--port NUMBER" not in shown


def test_both_spellings_of_a_flag_are_taken(tmp_path: Path) -> None:
    for flag in ("--storage_path", "--storage-path"):
        shown = run("rotate-secrets", str(tmp_path), f"{flag}={tmp_path}/data")
        assert "there is no app.yaml" in str(shown.exception)


def test_unknown_flag_names_the_nearest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["channelshim", "serve", "--prot=1"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    sentence = "channelshim: there is no flag --prot; did you mean --port?\n"
    assert capsys.readouterr().err == sentence


def test_init_without_a_name_writes_into_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = run("init")
    assert shown.exit_code == 0
    # Google's command may be the first of the other name.
    assert shown.output.endswith("Now run: channelshim serve .\n")
    assert (tmp_path / "server.py").is_file()
    assert "already" in str(run("init").exception)


def _run_tests(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "channelshim", "test", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120 * timeout_factor(),
        check=False,
    )


def test_help_of_test_says_what_it_is_before_the_runners_own(tmp_path: Path) -> None:
    shown = _run_tests(tmp_path, "unittest", "--help").stdout
    assert shown.startswith("Usage: channelshim test [pytest|unittest|python SCRIPT]")
    assert "usage: channelshim test unittest" in shown


def test_finding_no_test_says_where_they_are_looked_for(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from google.appengine.ext import db, ndb\n")
    answered = _run_tests(tmp_path)
    assert answered.returncode == 5
    # Google's modules, and how this command loads its plugin, are nobody's mistake.
    assert "warnings summary" not in answered.stdout
    assert "no test was found. pytest looks for test_*.py" in answered.stderr


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="lost is not a folder"):
        channelshim.install(tmp_path / "lost")


@pytest.mark.parametrize(
    ("logger", "place"),
    [("root", "main.py:7"), ("app.db", "main.py:7"), ("channelshim", "channelshim")],
)
def test_lines_of_the_app_name_its_file_and_line(logger: str, place: str) -> None:
    record = logging.LogRecord(
        logger, logging.INFO, "/app/main.py", 7, "hello", None, None
    )
    record.request = "GET /: "
    line = LineFormatter(has_colours=False).format(record)
    assert line.startswith("INFO     2")
    assert line.endswith(f" {place}] GET /: hello")
