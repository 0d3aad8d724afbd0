"""Hostile source ends in code or in a SyntaxError that says where, never in a crash."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.lanes import ROOT
from tests.python27.app import TIMEOUT_SECONDS
from tests.python27.productions import outcome


def test_every_production_ends_in_code_or_in_a_syntax_error() -> None:
    environment = dict(os.environ)
    # It would take three times as long, for lines that other tests reach too.
    environment.pop("COVERAGE_PROCESS_CONFIG", None)
    done = subprocess.run(
        [sys.executable, "-m", "tests.python27.productions"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=4 * TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-200:] + done.stderr[-2000:]
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row for row in rows if row[2] == "bare"] == []
    fine = {name for name, size, result in rows if (size, result) == ("18", "code")}
    errors = {
        *("open brackets", "closed brackets", "null bytes", "quotes", "import dots"),
        *("triple quotes", "escapes", "coding lines", "indents"),
        # A handler is several of the 20 blocks that Python 3 nests.
        "excepts inside",
    }
    assert {row[0] for row in rows} - fine <= errors


ENCODINGS = [
    *("hex", "rot13", "zip", "bz2", "undefined", "idna", "punycode", "utf-7"),
    *("utf-16", "utf-32", "unicode_escape", "raw_unicode_escape", "utf-8-sig"),
    *("latin-1", "cp037", "mbcs", "uu", "string_escape", "big5", "hz", "-", ".."),
]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "text", ["a = 1\n", "a = '\\x00\\r\\n'\n", "\xff\xfe\n", "a-" * 200_000]
)
def test_an_encoding_gives_code_or_a_syntax_error(encoding: str, text: str) -> None:
    source = f"# coding: {encoding}\n{text}"
    assert outcome(source.encode("latin-1")) in ("code", "error")
