"""CPython 2.7's own tests, translated: what passes on 2.7 passes here, or is listed.

The lists stand in tests/python27/lib_test: `files.txt` the files and their groups,
`excluded.tsv` what is left out and why, `failing.txt` what should pass and does not
yet. The last may only become shorter: write it anew with
`python tests/python27/lib_test/runner.py PYTHON27 --write`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lanes import find_python27, timeout_factor
from tests.python27.lib_test import runner

pytestmark = [pytest.mark.python27, pytest.mark.slow]

SHARES = {"language": 0.95, "library": 0.85}
"""How much of each group passes at least."""

MOST_EXCLUDED = 0.12


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """What each test gives on 2.7, and what it gives here."""
    python27 = find_python27()
    assert python27 is not None
    app = tmp_path_factory.mktemp("lib") / "app"
    app.mkdir()
    runner.copy_tests(python27, app)
    names = sorted(runner.listed())
    seconds = 300 * timeout_factor()
    expected = runner.run_all(names, python27, None, seconds=seconds)
    ours = runner.run_all(names, sys.executable, app, seconds=seconds)
    return expected, ours


def test_what_passed_still_passes(results: tuple[Any, Any]) -> None:
    expected, ours = results
    known = set((Path(runner.__file__).parent / "failing.txt").read_text().split())
    failing = runner.failing_tests(expected, ours)
    assert sorted(failing - known) == []


def test_enough_passes_and_little_is_left_out(results: tuple[Any, Any]) -> None:
    expected, ours = results
    for group, counts in runner.counts(expected, ours).items():
        assert counts.expected >= 1000, "2.7 itself gave next to nothing"
        assert counts.passed >= SHARES[group] * counts.counted, (group, counts)
        assert counts.excluded <= MOST_EXCLUDED * counts.expected, (group, counts)


def test_each_exclusion_has_a_reason() -> None:
    names = runner.excluded()
    assert all(len(reason) > 5 for reason in names.values())
    files = runner.listed()
    assert {name.partition(":")[0] for name in names} <= set(files)
