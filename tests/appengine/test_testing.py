"""A legacy suite, unchanged, under `channelshim test` and under pytest's plugin."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from channelshim.cli import testing
from tests.lanes import ROOT, timeout_factor

SUITE = Path(__file__).parent / "legacy_suite"
TESTS = len(re.findall(r"^    def test_", (SUITE / "test_rooms.py").read_text(), re.M))

BROKEN = (
    "import unittest\nclass T(unittest.TestCase):\n    def test_it(self): self.fail()\n"
)

SMALL = "from google.appengine.api import channel\ndef test_it(): assert channel\n"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Return a copy of the suite outside of this repository's pytest settings."""
    return Path(shutil.copytree(SUITE, tmp_path / "suite"))


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTEST_ADDOPTS": "",
            # Plugins that happen to be here cost seconds and are not asked.
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        timeout=60 * timeout_factor(),
        check=False,
    )


def test_legacy_suite_passes_under_pytest(suite: Path) -> None:
    done = run(suite, "channelshim", "test", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{TESTS} passed" in done.stdout


def test_legacy_suite_is_discovered_by_unittest(suite: Path) -> None:
    done = run(suite, "channelshim", "test", "unittest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Ran {TESTS} tests" in done.stderr


@pytest.mark.parametrize("runner", testing.RUNNERS)
def test_failing_suite_fails(tmp_path: Path, runner: str) -> None:
    (tmp_path / "test_broken.py").write_text(BROKEN)
    assert run(tmp_path, "channelshim", "test", runner).returncode == 1


def test_plugin_waits_until_it_is_asked(tmp_path: Path) -> None:
    (tmp_path / "test_small.py").write_text(SMALL)
    plugin = ("-p", "channelshim.cli.pytest_plugin")
    without = run(tmp_path, "pytest", "-q", *plugin)
    assert without.returncode == 2
    assert "cannot import name 'channel'" in without.stdout
    (tmp_path / "pytest.ini").write_text("[pytest]\nchannelshim = true\n")
    assert run(tmp_path, "pytest", "-q", *plugin).returncode == 0


def test_first_word_chooses_the_runner() -> None:
    assert testing._choose(["unittest", "-v"]) == ("unittest", ["-v"])
    assert testing._choose(["pytest", "unittest"]) == ("pytest", ["unittest"])
    assert testing._choose(["tests/a.py"]) == ("pytest", ["tests/a.py"])


def test_missing_pytest_leaves_unittest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert testing._choose(["-v"]) == ("unittest", ["-v"])
