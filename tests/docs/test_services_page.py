"""docs/reference/services.md names for each row the tests that show it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "services.md"


def rows() -> list[tuple[str, str]]:
    """Return each row's service and its cell of tests."""
    # The tables behind the first are written from the code, which has tests.
    head = PAGE.read_text().partition("\n## ")[0]
    lines = [line for line in head.splitlines() if line.startswith("|")]
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines[2:]]
    return [(row[0].strip(), row[-1]) for row in cells]


@pytest.mark.parametrize(("service", "cell"), rows())
def test_row_names_tests_that_are_there(service: str, cell: str) -> None:
    named = re.findall(r"`(tests/[^`]+)`", cell)
    assert named, f"no test is named for {service}"
    for name in named:
        assert list(ROOT.glob(name.rstrip("/"))), f"{name} is gone"
