"""Small programs print what Python 2.7.18 printed, one row of the table each.

`scripts/python27_rows.py` writes what they print, wherever a Python 2.7 is.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from channelshim.python27.caching import CodeCache
from channelshim.python27.finding import AppFiles
from channelshim.python27.installing import make_importer
from channelshim.python27.loading import Finder

ROWS = Path(__file__).parent / "rows"
LINES = [
    tuple(line.split("\t"))
    for line in (ROWS / "programs.tsv").read_text("utf-8").splitlines()
]
CODING = "# -*- coding: utf-8 -*-"

DIFFERS = {
    "try:|  raise KeyError('k')|except KeyError as e: pass|p(repr(e))",
}
"""Rows whose output is Python 3's: a KeyError's repr has no comma."""


@pytest.fixture(scope="module")
def importer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    cache = CodeCache(str(tmp_path_factory.mktemp("cache")))
    importer = make_importer(AppFiles([str(ROWS)]), cache)
    finder: Any = Finder(importer)
    sys.meta_path.insert(0, finder)
    sys.path.insert(0, str(ROWS))
    yield importer
    sys.meta_path.remove(finder)
    sys.path.remove(str(ROWS))
    sys.modules.pop("prelude", None)


def output_of(importer: Any, program: str) -> str:
    """Return what a program prints, in one line."""
    head, _, rest = program.partition("|")
    if not head.startswith("from __future__"):
        head, rest = "", program
    lines = [head, "from prelude import p", *rest.split("|")]
    source = "\n".join([CODING, *lines, ""]).encode()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            code, is_python3 = importer.code_of(source, "<row>")
            assert not is_python3
            exec(
                code,
                {
                    "__builtins__": importer.builtins_for(is_python3=False),
                    "__name__": "__main__",
                },
            )
        except (Exception, SystemExit) as error:
            print(f"EXC {type(error).__name__}: {error}")
    text = (
        printed.getvalue()
        .encode("utf-8", "surrogateescape")
        .decode("utf-8")
        .replace("\r", "")
    )
    return " ; ".join(text.rstrip("\n").split("\n"))


@pytest.mark.parametrize(
    ("group", "program", "expected"),
    LINES,
    ids=[f"{group}-{number}" for number, (group, *_) in enumerate(LINES)],
)
def test_a_program_prints_what_it_printed(
    importer: Any, group: str, program: str, expected: str
) -> None:
    if "sgmllib" in program:
        pytest.importorskip("sgmllib", reason="needs sgmllib3k of PyPI")
    printed = output_of(importer, program)
    if program in DIFFERS:
        assert printed != expected, "it is 2.7's now: take the row out of DIFFERS"
        return
    assert printed == expected


def test_the_table_is_whole() -> None:
    assert len(LINES) >= 208
    assert {program for _, program, _ in LINES} >= DIFFERS
    assert sys.version_info >= (3, 10)
