"""What a mark expression leaves out without importing it, and what is fast."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import selecting
from tests.inner_pytest import run_suite
from tests.selecting import TESTS

_NAMES = ("a", "b", "c", "d")

_EXPRESSIONS = st.recursive(
    st.sampled_from(_NAMES),
    lambda inner: st.one_of(
        inner.map("not {}".format),
        inner.map("({})".format),
        st.tuples(inner, st.sampled_from(("and", "or")), inner).map(" ".join),
    ),
    max_leaves=8,
)

_MARKS = st.frozensets(st.sampled_from(_NAMES))


@given(_EXPRESSIONS, _MARKS, _MARKS, _MARKS)
def test_no_test_that_an_expression_selects_is_left_out(
    expression: str, sure: frozenset[str], possible: frozenset[str], own: frozenset[str]
) -> None:
    marks = sure | (own & possible)
    plain = eval(expression, {}, {name: name in marks for name in _NAMES})
    assert selecting.can_be_true(expression, sure, possible) or not plain


@pytest.mark.parametrize("mark", ["filterwarnings", "parametrize", "of_a_plugin"])
def test_of_other_marks_nothing_is_known(mark: str) -> None:
    assert selecting.can_select(mark, Path(__file__))
    assert selecting.can_select(f"not served and {mark}", Path(__file__))


@pytest.mark.parametrize(
    ("expression", "is_true"),
    [
        ("served", True),
        ("not served", False),
        ("redis", True),
        ("not redis", True),
        ("browser", False),
        ("not browser and served", True),
        ("(not served or sample) and not slow", False),
        ("redis and not redis", False),
    ],
)
def test_file_is_left_out_where_nothing_can_be_selected(
    expression: str, is_true: bool
) -> None:
    sure, possible = frozenset({"served"}), frozenset({"redis"})
    assert selecting.can_be_true(expression, sure, possible) is is_true


def test_expression_that_is_not_plain_leaves_nothing_out() -> None:
    file = TESTS / "doors" / "test_redis.py"
    assert not selecting.can_select("browser", file)
    assert selecting.can_select("browser(name='x')", file)
    assert selecting.can_select("not 1", file)


@pytest.mark.parametrize(
    "expression", ["not", "browser and", "(browser", "browser(redis)", "browser redis"]
)
def test_expression_that_is_wrong_is_left_to_pytest(expression: str) -> None:
    assert selecting.can_select(expression, TESTS / "doors" / "test_redis.py")


def test_marks_come_from_modules_and_conftests_too() -> None:
    # Its parameters are those of tests/contract/conftest.py.
    assert selecting.can_select("original", TESTS / "contract" / "test_page.py")
    # Its rows are those of tests/store/backends.py.
    assert "postgres" in selecting.file_marks(TESTS / "jobs" / "test_tasks.py").possible


def test_names_of_heavy_tests_are_those_of_tests() -> None:
    rows = sorted(selecting.HEAVY)
    assert rows
    for row in rows:
        file, _, name = row.partition("::")
        text = (TESTS / file).read_text("utf-8")
        assert not name or re.search(rf"^def {name}\(", text, re.M), row


_SUITE = """
import subprocess
import sys

import pytest


def test_alone():
    assert True


def test_program():
    subprocess.run([sys.executable, "-c", ""])


@pytest.mark.redis
def test_marked():
    raise AssertionError
"""


@pytest.mark.served
def test_fast_test_that_starts_a_program_fails(tmp_path: Path) -> None:
    output = run_suite(_SUITE, "fast", tmp_path)
    assert "1 failed, 1 passed, 1 deselected" in output
    assert "tests/heavy.txt" in output
