"""Flags of the old dev_appserver.py start the server: meant, or taken with a word."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from channelshim.cli import main as cli
from channelshim.cli import old_flags
from channelshim.cli.old_flags import INERT, translate
from channelshim.composition.setting_values import read_settings
from channelshim.composition.settings import SETTINGS
from tests.doors.test_refusals import start
from tests.doors.test_stop import get
from tests.lanes import ORIGINAL_SDK, ROOT, find_python27, timeout_factor
from tests.servers import Servers

SWITCHES = frozenset(each.name for each in SETTINGS if each.type is bool)

APP = """\
import os

def app(environ, start_response):
    start_response("200 OK", [])
    names = ("FIRST", "SECOND", "THIRD")
    return [" ".join(os.environ.get(name, "-") for name in names).encode()]
"""


def translated(*arguments: str) -> tuple[list[str], list[str]]:
    """Return the command line of today and the lines of warning."""
    warnings: list[str] = []
    return translate(arguments, SWITCHES, warnings.append), warnings


@pytest.mark.parametrize(
    "typed",
    [
        ["--skip_sdk_update_check=yes"],
        ["--skip_sdk_update_check", "yes"],
        ["--skip_sdk_update_check"],
        ["--skip-sdk-update-check"],
        ["--jvm_flag=-Xms256m"],
        ["--jvm_flag", "x"],
        ["--jvm-flag", "x"],
        ["--use_sqlite"],
        ["--max_module_instances", "default:2"],
    ],
    ids=" ".join,
)
def test_flag_without_meaning_is_one_line(typed: list[str]) -> None:
    words, warnings = translated(*typed, "app_dir")
    assert words == ["app_dir"]
    (line,) = warnings
    name = typed[0].partition("=")[0].replace("-", "_").lstrip("_")
    assert line.startswith(f"--{name} has no effect here")


def test_flag_said_twice_is_one_line() -> None:
    words, warnings = translated("--jvm_flag=-Xms256m", "--jvm_flag", "x", ".")
    assert (words, len(warnings)) == (["."], 1)


def test_flag_at_the_end_without_its_value_is_no_stop() -> None:
    assert translated("--jvm_flag")[0] == []
    assert translated("--jvm_flag", "--port=1")[0] == ["--port=1"]


@pytest.mark.parametrize(
    ("typed", "today"),
    [
        ("--address 0.0.0.0", "--host 0.0.0.0"),
        ("--address=0.0.0.0", "--host=0.0.0.0"),
        ("-a 0.0.0.0", "--host 0.0.0.0"),
        ("-p 80", "--port 80"),
        ("-p80", "--port 80"),
        ("-A chat", "--application chat"),
        ("-c", "--clear_datastore=yes"),
        ("--clear_datastore .", "--clear_datastore=yes ."),
        ("--clear-datastore no .", "--clear_datastore=no ."),
        ("-d", "--log_level=debug"),
        ("--debug .", "--log_level=debug ."),
        ("--debug=no", ""),
        ("--disable_task_running", "--enable_task_running=no"),
        ("--addn_host=chat", "--allowed_hosts=chat"),
        ("--dev_appserver_log_level=info", "--log_level=info"),
        ("--unheard_of=1 -x --help", "--unheard_of=1 -x --help"),
        ("-- --jvm_flag", "-- --jvm_flag"),
        ("--smtp_allow_tls=no .", "--smtp_tls=no ."),
        ("--smtp_allow_tls .", "--smtp_tls=auto ."),
        ("--enable_sendmail .", "--enable_sendmail=yes ."),
        ("--smtp_host mail .", "--smtp_host mail ."),
    ],
)
def test_flag_with_a_meaning_is_put_in_todays_words(typed: str, today: str) -> None:
    words, warnings = translated(*typed.split())
    assert (words, warnings) == (today.split(), [])


def test_no_flag_is_both_ours_and_without_effect() -> None:
    names = [flag.name for flag in INERT]
    ours = {each.name for each in SETTINGS}
    assert len(names) == len(set(names))
    assert not ours & {*names, *old_flags.RENAMED, *old_flags.SWITCHES}
    assert ours >= {*old_flags.RENAMED.values(), *old_flags.SHORT.values()}


@pytest.mark.original
def test_every_flag_of_the_original_is_known() -> None:
    page = subprocess.run(
        [find_python27() or "", str(ORIGINAL_SDK / "dev_appserver.py"), "--help"],
        capture_output=True,
        text=True,
        timeout=60 * timeout_factor(),
        check=True,
    )
    theirs = set(re.findall(r"^ +(?:-A \w+, )?--(\w+)", page.stdout, re.MULTILINE))
    known = {flag.name for flag in INERT} | {setting.name for setting in SETTINGS}
    known |= {*old_flags.RENAMED, *old_flags.SWITCHES}
    assert "skip_sdk_update_check" in theirs
    assert theirs - known == set()


def test_every_flag_is_documented() -> None:
    page = (ROOT / "docs/reference/old-flags.md").read_text("utf-8")
    names = [flag.name for flag in INERT]
    for name in (*names, *old_flags.RENAMED, *old_flags.SWITCHES):
        assert f"`--{name}`" in page


@pytest.mark.parametrize("command", [cli._dev_appserver, cli._group])
def test_flag_that_never_existed_is_one_sentence(command: object) -> None:
    words = ["serve"] if command is cli._group else []
    program = [sys.executable, "-c", "from channelshim.cli import main; main.{}()"]
    name = "main" if words else "dev_appserver"
    done = subprocess.run(
        [*program[:2], program[2].format(name), *words, "--datastore_pth=x", "."],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60 * timeout_factor(),
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "there is no flag --datastore_pth" in line


def test_near_miss_is_told() -> None:
    done = start("--admin_prot=1", ".")
    (line,) = done.stderr.splitlines()
    assert "did you mean" in line
    assert "--admin_port" in line


def test_help_names_no_flag_without_effect() -> None:
    page = CliRunner().invoke(cli._dev_appserver, ["--help"]).output
    assert "--storage_path" in page
    assert "--jvm_flag" not in page


def test_an_old_command_line_serves(server: Servers, tmp_path: Path) -> None:
    app_dir = tmp_path / "app"
    app_dir.mkdir()
    (app_dir / "app.yaml").write_text(
        "runtime: python27\nthreadsafe: true\nenv_variables:\n  FIRST: yaml\n"
        "  SECOND: yaml\nhandlers:\n- url: /.*\n  script: main.app\n"
    )
    (app_dir / "main.py").write_text(APP)
    old = (
        "--skip_sdk_update_check=yes --enable_sendmail --smtp_host mail --smtp_port 25"
    )
    old += " --use_sqlite --high_replication --address 127.0.0.1 --debug"
    old += " --env_var FIRST=a,b --env_var=THIRD=c=d --max_module_instances=1"
    running = server(app_dir, *old.split())
    assert get(running.url) == "a,b yaml c=d"
    assert running.url.startswith("http://127.0.0.1:")
    lines = [line for line in running.output.splitlines() if "no effect here" in line]
    assert len(lines) == 4, running.output


def test_pairs_are_read_from_a_variable() -> None:
    said = {"CHANNELSHIM_ENV_VAR": "A=1,2, B=x=y"}
    assert read_settings({}, said).env_var == {"A": "1,2", "B": "x=y"}
    assert read_settings({"env_var": {"C": "3"}}, said).env_var == {"C": "3"}


def test_flags_of_several_texts_add_up() -> None:
    context = cli._dev_appserver.make_context(
        "x", ["--allowed_hosts=a,b", "--addn_host", "c"]
    )
    options = {each.name: each for each in cli._dev_appserver.params}
    assert options["allowed_hosts"].multiple  # type: ignore[attr-defined]
    settings = read_settings({"allowed_hosts": context.params["allowed_hosts"]}, {})
    assert settings.allowed_hosts == ("a", "b", "c")


def test_pair_without_a_name_is_refused(tmp_path: Path) -> None:
    done = start("--env_var=nothing", str(tmp_path))
    assert done.returncode == 1
    assert "env_var must be NAME=VALUE, not 'nothing'" in done.stderr
