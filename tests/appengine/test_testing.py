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

OLD_NAME = "test_old.py"

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


@pytest.mark.served
def test_legacy_suite_is_discovered_by_unittest(suite: Path) -> None:
    done = run(suite, "channelshim", "test", "unittest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Ran {TESTS} tests" in done.stderr


@pytest.mark.served
@pytest.mark.parametrize("runner", ["pytest", "unittest"])
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


OLD = """\
from __future__ import with_statement
import unittest
from google.appengine.ext import testbed
import scores

class OldTest(unittest.TestCase):
    def test_it(self):
        bed = testbed.Testbed()
        bed.activate()
        self.assertEquals(scores.half(7), 3)
        try:
            raise ValueError, 'x'
        except ValueError, error:
            self.assert_(error.message == 'x')
        print 'it ran'

if __name__ == '__main__':
    import sys
    print sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
"""


@pytest.fixture
def old_suite(tmp_path: Path) -> Path:
    """Return the folder of an app in Python 2.7, with a suite in a folder below."""
    (tmp_path / "app.yaml").write_text("runtime: python27\n")
    (tmp_path / "scores.py").write_text("def half(x): return x / 2\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / OLD_NAME).write_text(OLD)
    (tmp_path / "tests" / "__init__.py").write_text("")
    return tmp_path


@pytest.mark.served
@pytest.mark.parametrize(
    "arguments",
    [
        ("channelshim", "test", "-q"),
        ("channelshim", "test", "unittest"),
        ("channelshim", "test", "python", "tests/" + OLD_NAME, "a b"),
        ("pytest", "-q", "-p", "channelshim.cli.pytest_plugin", "--channelshim"),
    ],
)
def test_suite_of_an_app_in_python27_is_translated(
    old_suite: Path, arguments: tuple[str, ...]
) -> None:
    (old_suite / "conftest.py").write_text("print 'read'\n")
    done = run(old_suite, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout or "Ran 1 test" in done.stderr
    assert ("['a b']" in done.stdout) == ("python" in arguments)


@pytest.mark.served
def test_the_runtime_decides_unless_a_flag_does(old_suite: Path) -> None:
    (old_suite / "app.yaml").write_text("runtime: python39\n")
    assert run(old_suite, "channelshim", "test", "-q").returncode == 2
    for runner in ("pytest", "unittest"):
        done = run(old_suite, "channelshim", "test", "--python27", runner)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.served
def test_script_that_is_not_there_is_one_sentence(old_suite: Path) -> None:
    done = run(old_suite, "channelshim", "test", "python", "nothing.py")
    assert done.returncode == 1
    assert "there is no script nothing.py: channelshim test python" in done.stderr
    assert "Traceback" not in done.stderr
