"""scripts/dev and scripts/release: what they refuse, and tests that run again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lanes import ROOT
from tests.programs import running

pytestmark = pytest.mark.repository


def _run(*command: str | Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("words", [(), ("fly",), ("test",), ("watch",)])
def test_wrong_words_show_what_there_is(words: tuple[str, ...]) -> None:
    run = _run(ROOT / "scripts" / "dev", *words)
    assert run.returncode == 2
    for word in ("install", "lint", "test", "watch"):
        assert f"scripts/dev {word}" in run.stderr


def test_watched_test_runs_again_when_it_is_saved(tmp_path: Path) -> None:
    test = tmp_path / "test_saved.py"
    test.write_text("def test_it() -> None:\n    raise SystemError\n")
    command = [
        sys.executable,
        "-m",
        "scripts.watch",
        str(test),
        "-p",
        "no:cacheprovider",
    ]
    with running(command, ROOT) as program:
        program.wait_until(lambda: "1 failed" in program.output, "failed")
        program.wait_until(lambda: "== runs again" in program.output, "waiting")
        test.write_text("def test_it() -> None:\n    pass\n")
        program.wait_until(lambda: "1 passed" in program.output, "passed")


def _repository(folder: Path) -> None:
    """Make a repository of what scripts/release looks at first."""
    for name in ("scripts/release", "channelshim/version.py"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, path)
    (folder / "CHANGELOG.md").write_text("## [Unreleased]\n")
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    for words in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "all")):
        assert _run("git", *words, folder=folder).returncode == 0


def test_release_wants_a_clean_tree_and_a_dated_section(tmp_path: Path) -> None:
    _repository(tmp_path)

    run = _run(tmp_path / "scripts" / "release", folder=tmp_path)
    assert run.returncode == 1
    assert "CHANGELOG.md has no section" in run.stderr

    (tmp_path / "CHANGELOG.md").write_text("## [9.9.9] - 2020-01-01\n")
    run = _run(tmp_path / "scripts" / "release", folder=tmp_path)
    assert run.returncode == 1
    assert "Commit first" in run.stderr


def test_packages_wants_a_folder() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "scripts.package_files"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "OUT_DIR" in run.stderr
