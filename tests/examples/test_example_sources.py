"""The examples' files: Python 2.7, nothing missing, all of them listed and runnable."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from channelshim.cli import doctor
from tests.lanes import ROOT, find_python27

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/app.yaml"))
SOURCES = sorted((ROOT / "examples").rglob("*.py"))


def test_there_are_four() -> None:
    assert [path.name for path in EXAMPLES] == ["call", "chat", "game", "whiteboard"]


@pytest.mark.parametrize("app_dir", EXAMPLES, ids=lambda path: path.name)
def test_nothing_that_an_example_uses_is_missing(app_dir: Path) -> None:
    text, status = doctor.report(app_dir)
    assert status == doctor.OK, text
    assert "refused" not in text


@pytest.mark.python27
def test_every_file_is_python27() -> None:
    python = find_python27()
    assert python is not None
    program = "import sys; [compile(open(f).read(), f, 'exec') for f in sys.argv[1:]]"
    run = subprocess.run(
        [python, "-c", program, *map(str, SOURCES)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    "page",
    [ROOT / "examples/README.md", ROOT / "docs/tutorial/examples.md"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_page_lists_every_example(page: Path) -> None:
    rows = re.findall(r"^\| \[?(\w+)", page.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == ["app", *(path.name for path in EXAMPLES)]


@pytest.mark.parametrize("app_dir", EXAMPLES, ids=lambda path: path.name)
def test_readme_says_how_to_run_it(app_dir: Path) -> None:
    text = (app_dir / "README.md").read_text("utf-8")
    assert f"\n    scripts/run examples/{app_dir.name}\n" in text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["{root}"]),
        (["--port", "0"], ["{root}", "--port", "0"]),
        (["examples/chat"], ["examples/chat"]),
        (["an app", "--port", "0"], ["an app", "--port", "0"]),
    ],
)
def test_run_serves_the_tutorial_or_the_named_app(
    tmp_path: Path, arguments: list[str], expected: list[str]
) -> None:
    # The command itself; what it starts is replaced by a program that says how.
    for name, text in {
        "scripts/run": (ROOT / "scripts/run").read_text("utf-8"),
        "scripts/install": "#!/bin/sh\n",
        ".venv/bin/dev_appserver.py": "#!/bin/sh\nprintf '%s\\n' \"$@\"\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o755)
    run = subprocess.run(
        [tmp_path / "scripts/run", *arguments],
        capture_output=True,
        check=True,
        text=True,
    )
    assert run.stdout.splitlines() == [
        each.format(root=tmp_path) for each in expected
    ]
