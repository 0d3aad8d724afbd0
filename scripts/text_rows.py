#!/usr/bin/env python3
"""Writes what Google's original SDK shows for the programs of tests/compat/text_rows.

Usage: scripts/original && .venv/bin/python scripts/text_rows.py
"""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.lanes import ORIGINAL_SDK, find_python27  # noqa: E402


def main() -> None:
    python = find_python27()
    if not python or not ORIGINAL_SDK.is_dir():
        sys.exit("needs a Python 2.7, and the SDK that scripts/original fetches")
    rows = ROOT / "tests" / "compat" / "text_rows"
    command = [python, "-B", "battery.py", "expected.json", str(ORIGINAL_SDK)]
    subprocess.run(command, cwd=rows, check=True)


if __name__ == "__main__":
    main()
