"""Small whole apps of the years 2008 to 2016, each played through on both servers.

The original comes first: what passes there is true code of its day. README.md says
which app has which feature.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract.sites import Original, Site
from tests.lanes import ORIGINAL_SDK, ROOT, find_python27, timeout_factor
from tests.legacy_apps.preparing import HERE, prepare
from tests.legacy_apps.scenarios import SCENARIOS
from tests.programs import running

pytestmark = pytest.mark.served

GRACE_SECONDS = 1.0

CACHE = {"CHANNELSHIM_PYTHON27_CACHE": str(ROOT / ".cache" / "python27")}
"""Translated code, for the next run."""


@contextmanager
def served_by_ours(name: str, folder: Path) -> Iterator[Site]:
    """Serve an app with channelshim."""
    app = prepare(name, folder, for_original=False)
    command = [sys.executable, "-m", "channelshim", "serve", str(app)]
    command += ["--port=0", "--admin_port=0", f"--grace_seconds={GRACE_SECONDS}"]
    command += [f"--storage_path={folder / 'storage'}"]
    with running(command, folder, CACHE) as program:
        port = int(program.wait_for_url().rpartition(":")[2])
        yield Site("shim", port, lambda: program.output)


@contextmanager
def served_by_original(name: str, folder: Path) -> Iterator[Site]:
    """Serve an app with Google's last dev_appserver."""
    app = prepare(name, folder, for_original=True)
    original = Original(app, folder / "storage")
    try:
        yield Site("original", original.port, original.output)
    finally:
        original.stop()


SERVERS = {"ours": served_by_ours, "original": served_by_original}


@pytest.mark.parametrize(
    "target", ["ours", pytest.param("original", marks=pytest.mark.original)]
)
@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_passes(name: str, target: str, tmp_path: Path) -> None:
    with SERVERS[target](name, tmp_path) as site:
        SCENARIOS[name](site)


TEST = [sys.executable, "-m", "channelshim", "test"]
SUITE = (HERE / "scoreboard" / "testsuite" / "test_scores.py").read_text("utf-8")
TESTS = len(re.findall(r"^    def test_", SUITE, re.MULTILINE))


def run(command: list[str], folder: Path) -> str:
    """Run a suite to its end and return both streams."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **CACHE, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60 * timeout_factor(),
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.original
def test_own_suite_passes_with_the_original_sdk(tmp_path: Path) -> None:
    app = prepare("scoreboard", tmp_path, for_original=True)
    python = find_python27()
    assert python is not None
    output = run([python, "run_tests.py", str(ORIGINAL_SDK)], app)
    assert f"ran {TESTS}, all well" in output


def test_own_suite_passes_by_its_own_script(tmp_path: Path) -> None:
    app = prepare("scoreboard", tmp_path, for_original=False)
    output = run([*TEST, "python", "run_tests.py", "/no/sdk"], app)
    assert f"ran {TESTS}, all well" in output


def test_own_suite_is_discovered(tmp_path: Path) -> None:
    app = prepare("scoreboard", tmp_path, for_original=False)
    output = run([*TEST, "unittest"], app)
    assert f"Ran {TESTS} tests" in output
