"""Write down what Python 2.7 prints for the long programs of the tests.

    python scripts/python27_language.py

Needs CPython 2.7 (on the PATH or under pyenv). Beside each program
tests/python27/language/NAME.txt and library/NAME.txt it writes NAME.expected.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.lanes import find_python27  # noqa: E402

TESTS = ROOT / "tests" / "python27"


def main() -> int:
    """Write the files."""
    python27 = find_python27()
    if python27 is None:
        print("no Python 2.7 on the PATH or under pyenv", file=sys.stderr)
        return 1
    environment = {
        **os.environ,
        "PYTHONPATH": str(TESTS / "rows"),
        "PYTHONIOENCODING": "utf-8",
    }
    programs = [*TESTS.glob("language/*.txt"), *TESTS.glob("library/*.txt")]
    for program in sorted(programs):
        command = [python27, "-B", "-W", "ignore", str(program)]
        printed = subprocess.check_output(command, env=environment)
        program.with_suffix(".expected").write_bytes(printed)
        print(f"{program.relative_to(ROOT)}: {len(printed.splitlines())} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
