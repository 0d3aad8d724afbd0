"""docs/explanation/security.md: each test that a row names is there."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

from tests.lanes import ROOT

PAGE = ROOT / "docs" / "explanation" / "security.md"

_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def _rows(page: str) -> list[str]:
    table = page.partition("| shown by |\n|---|---|---|---|\n")[2]
    return [line for line in table.partition("\n\n")[0].splitlines() if line]


@functools.cache
def _tests_in(path: Path) -> frozenset[str]:
    if not path.exists():
        return frozenset()
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith("test_")
    )


def _missing(row: str) -> list[str]:
    return [
        f"{path}::{name}"
        for path, name in _TEST.findall(row)
        if name not in _tests_in(ROOT / path)
    ]


def test_table_is_found_and_each_row_names_a_test() -> None:
    rows = _rows(PAGE.read_text("utf-8"))
    assert len(rows) > 25
    assert [row for row in rows if not _TEST.search(row.rsplit(" | ", 1)[-1])] == []
    # Whatever looks like a test is read as one.
    assert [row for row in rows if row.count("::") != len(_TEST.findall(row))] == []


def test_every_named_test_is_there() -> None:
    missing = [each for row in _rows(PAGE.read_text("utf-8")) for each in _missing(row)]
    assert missing == []


@pytest.mark.parametrize(
    "name",
    ["tests/docs/test_security_page.py::test_gone", "tests/gone.py::test_gone"],
)
def test_missing_test_is_noticed(name: str) -> None:
    assert _missing(f"| x | `{name}` |") == [name]
