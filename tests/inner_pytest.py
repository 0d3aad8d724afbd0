"""A run of pytest inside a test, with this repository's conftest and settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.lanes import ROOT, timeout_factor


def run_suite(text: str, expression: str, folder: Path) -> str:
    """Write a file of tests, run what a mark expression selects, and return the output.

    Args:
        text: of the file.
        expression: as for -m.
        folder: an empty one for it.
    """
    file = folder / "test_new.py"
    file.write_text(text, "utf-8")
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider"]
    command += ["-p", "tests.conftest", "-c", str(ROOT / "pyproject.toml")]
    run = subprocess.run(
        [*command, "-m", expression, str(file)],
        cwd=ROOT,
        # What fails in it is no failure of the run that it belongs to.
        env={**os.environ, "CHANNELSHIM_TESTS_FAILURES": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=120 * timeout_factor(),
    )
    return run.stdout
