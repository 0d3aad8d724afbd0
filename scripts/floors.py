"""Fail unless each room of the lowest floors is covered by its own tests.

What decides without waiting can be tried in every branch, so it must be. Prints a line
for each room; `scripts/test` runs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


NO_SERVERS = "not redis and not postgres"
"""The rooms of a floor need none."""


@dataclass(frozen=True)
class Room:
    """Files of channelshim/, and the tests that must reach their branches.

    Attributes:
        files: patterns below channelshim/.
        tests: files or folders of tests.
        least: percent of lines and branches.
    """

    files: tuple[str, ...]
    tests: tuple[str, ...]
    least: int = 100

    def is_covered(self, folder: str) -> bool:
        """Run the tests and report what they leave out; the data go to a folder."""
        environment = {**os.environ, "COVERAGE_FILE": f"{folder}/coverage"}
        coverage = [sys.executable, "-m", "coverage"]
        include = ",".join(f"channelshim/{pattern}" for pattern in self.files)
        report = [f"--include={include}", f"--fail-under={self.least}", "--precision=2"]
        commands = (
            [*coverage, "erase"],
            [
                *coverage,
                "run",
                "-m",
                "pytest",
                "--quiet",
                "-m",
                NO_SERVERS,
                *self.tests,
            ],
            [*coverage, "combine", "--quiet", folder],
            [*coverage, "report", *report],
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
                print(f"{include}: less than {self.least} % by {' '.join(self.tests)}")
                print(run.stdout + run.stderr)
                return False
        print(f"{include}: {self.least} % by {' '.join(self.tests)}")
        return True


_CORE = ("tokens", "nodes", "parser*", "lowering*")
_LANGUAGE = ("tokens", "parser", "tree", "lowering", "translation", "language", "rows")

ROOMS = (
    Room(("protocol/*",), ("tests/protocol",)),
    Room(("appyaml/*",), ("tests/appyaml",)),
    Room(("broker/[kms]*.py",), ("tests/broker",)),
    # What is left are methods of base classes that only say that they are missing, and
    # branches that no source reaches.
    Room(
        tuple(f"python27/{name}.py" for name in _CORE),
        (
            *(f"tests/python27/test_{name}.py" for name in _LANGUAGE),
            *("-m", "not python27"),
        ),
        least=98,
    ),
)


def main() -> int:
    """Check every room and return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        results = [room.is_covered(folder) for room in ROOMS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
