"""Every case has a test, and the pages say which and why."""

from __future__ import annotations

import re
from pathlib import Path

from tests.contract import page
from tests.contract.cases import DEVIATIONS, MORE_TESTS, SENTENCES
from tests.lanes import ROOT

DIFFERENCES = ROOT / "docs" / "explanation" / "differences.md"


def entries() -> dict[str, str]:
    """Return each numbered entry of the page of differences with its text."""
    parts = re.split(r"^## (D\d+)\n", DIFFERENCES.read_text("utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_all_cases_are_there() -> None:
    assert list(SENTENCES) == list(range(1, 130))


def test_every_case_has_a_test() -> None:
    assert [number for number, tests in page.proofs().items() if not tests] == []


def test_tests_named_apart_exist() -> None:
    proved = page.proofs()
    for number, (path, name) in MORE_TESTS.items():
        assert any((one.path, one.name) == (path, name) for one in proved[number])


def test_the_page_is_current() -> None:
    message = "run python -m tests.contract.page"
    assert page.PAGE.read_text("utf-8") == page.render(), message


def test_differences_are_numbered_without_gaps() -> None:
    assert list(entries()) == [f"D{number + 1}" for number in range(len(entries()))]


def test_every_deviation_is_explained() -> None:
    assert set(DEVIATIONS.values()) <= set(entries())
    for path in [*(ROOT / "tests" / "contract").glob("*.py"), *_package()]:
        assert set(re.findall(r"\bD\d+\b", path.read_text("utf-8"))) <= set(entries())


def _package() -> list[Path]:
    return sorted((ROOT / "channelshim").rglob("*.py"))


def test_every_difference_names_tests_that_exist() -> None:
    names = {
        function.name
        for path in (ROOT / "tests").rglob("*.py")
        for function in page._functions(path)
    }
    for entry, text in entries().items():
        tests = re.findall(r"`((?:test|case)_\w+)`", text)
        assert tests, f"{entry} names no test"
        assert set(tests) <= names, entry


def test_names_are_read() -> None:
    assert page.numbers_in("test_case_096_to_098_x") == [96, 97, 98]
    assert page.numbers_in("test_case_54_and_55_and_128_x") == [54, 55, 128]
    assert page.numbers_in("case_001") == [1]
    assert page.numbers_in("test_other") == []
