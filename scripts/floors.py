"""Fail unless each room of the lowest floors is covered whole by its own tests.

What decides without waiting can be tried in every branch, so it must be. Prints a line
for each room; `scripts/test` runs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

ROOMS = {
    "protocol/*": "tests/protocol",
    "appyaml/*": "tests/appyaml",
    "broker/[kms]*.py": "tests/broker",
}
"""Files of channelshim/, and the tests that must reach each branch of them."""


def is_covered(files: str, tests: str, folder: str) -> bool:
    """Run the tests of a room and report what they leave out of its files."""
    environment = {**os.environ, "COVERAGE_FILE": f"{folder}/coverage"}
    coverage = [sys.executable, "-m", "coverage"]
    include = f"--include=channelshim/{files}"
    report = [*coverage, "report", include, "--fail-under=100"]
    commands = (
        [*coverage, "erase"],
        [*coverage, "run", "-m", "pytest", "--quiet", tests],
        [*coverage, "combine", "--quiet", folder],
        report,
    )
    for command in commands:
        run = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            print(f"channelshim/{files} is not covered whole by {tests}:")
            print(run.stdout + run.stderr)
            return False
    print(f"channelshim/{files}: 100 % by {tests}")
    return True


def main() -> int:
    """Check every room and return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        results = [is_covered(files, tests, folder) for files, tests in ROOMS.items()]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
