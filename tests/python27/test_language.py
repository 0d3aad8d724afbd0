"""Long programs about the language and its library print what Python 2.7.18 printed.

`scripts/python27_language.py` writes what they print, wherever a Python 2.7 is.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest

from tests.python27.test_rows import importer

__all__ = ["importer"]

PROGRAMS = sorted(
    program
    for folder in ("language", "library")
    for program in (Path(__file__).parent / folder).glob("*.txt")
)


@pytest.mark.parametrize("program", PROGRAMS, ids=[path.stem for path in PROGRAMS])
def test_program_prints_what_it_printed(importer: Any, program: Path) -> None:
    if program.stem == "htmllib":
        pytest.importorskip("sgmllib", reason="needs sgmllib3k of PyPI")
    expected = program.with_suffix(".expected").read_text("utf-8")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code, is_python3 = importer.code_of(program.read_bytes(), str(program))
        builtins27 = importer.builtins_for(is_python3=False)
        exec(code, {"__builtins__": builtins27, "__name__": "__main__"})
    assert not is_python3
    assert printed.getvalue() == expected
