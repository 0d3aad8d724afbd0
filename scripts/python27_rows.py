#!/usr/bin/env python3
"""Writes what Python 2.7 prints for each program of tests/python27/rows.

Usage: PYTHON27=/path/to/python2.7 scripts/python27_rows.py
"""

import os
import pathlib
import shutil
import subprocess
import sys

ROWS = pathlib.Path(__file__).parents[1] / "tests" / "python27" / "rows"
CODING = "# -*- coding: utf-8 -*-"


def main() -> None:
    python = os.environ.get("PYTHON27") or shutil.which("python2.7")
    if not python:
        sys.exit("set PYTHON27 to an interpreter of Python 2.7")
    lines = (ROWS / "programs.tsv").read_text("utf-8").splitlines()
    written = []
    for line in lines:
        group, program = line.split("\t")[:2]
        written.append(f"{group}\t{program}\t{_output(python, program)}\n")
    (ROWS / "programs.tsv").write_text("".join(written), "utf-8")


def _output(python: str, program: str) -> str:
    head, _, rest = program.partition("|")
    if not head.startswith("from __future__"):
        head, rest = "", program
    lines = [head, "from prelude import p", *rest.split("|")]
    run = subprocess.run(
        [python, "-"],
        input="\n".join([CODING, *lines, ""]).encode(),
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROWS), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    output = run.stdout.decode("utf-8").replace("\r", "")
    if run.returncode:
        output += "EXC " + run.stderr.decode("utf-8").strip().splitlines()[-1]
    return " ; ".join(output.rstrip("\n").split("\n"))


if __name__ == "__main__":
    main()
