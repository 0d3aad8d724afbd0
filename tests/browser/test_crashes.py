"""A Chromium that dies costs no test, and is told of; see tests/crashes.py."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.chromium import Pages
from tests.inner_pytest import run_suite

pytestmark = pytest.mark.browser

_tries: list[int] = []


@pytest.mark.filterwarnings("ignore:run again after a crash")
def test_test_whose_browser_crashes_is_run_again(pages: Pages) -> None:
    _tries.append(1)
    page = pages()
    if len(_tries) == 1:
        page.context.browser.new_browser_cdp_session().send("Browser.crash")
    assert page.evaluate("6 * 7") == 42
    assert len(_tries) == 2


def test_next_test_has_a_browser(pages: Pages) -> None:
    assert pages().evaluate("6 * 7") == 42


_SUITE = """
import pytest

pytestmark = pytest.mark.browser


def crash(page):
    with pytest.raises(Exception):
        page.context.browser.new_browser_cdp_session().send("Browser.crash")


@pytest.fixture(scope="session")
def only_once():
    print("a session begins")
    yield
    print("a session ends")


@pytest.fixture
def end_that_fails():
    yield
    assert not "by the test's end"


@pytest.fixture(scope="module")
def module_that_fails():
    yield
    assert not "by the module's end"


_tries = []


def test_crash(pages, only_once, module_that_fails):
    print("a crash runs")
    _tries.append(1)
    page = pages()
    if len(_tries) == 1:
        crash(page)
    assert page.evaluate("6 * 7") == 42


def test_page_that_is_closed(pages):
    print("a closed page runs")
    page = pages()
    page.close()
    page.evaluate("0")


def test_own_assertion_before_its_end(pages):
    print("an assertion runs")
    crash(pages())
    assert not "by the test"


def test_end_that_fails(pages, only_once, end_that_fails):
    print("an end runs")
    # Its browser is dead.
    pages()
"""


def test_what_a_test_asserts_is_never_tried_twice(tmp_path: Path) -> None:
    output = run_suite(_SUITE, "browser", tmp_path)
    assert re.search("3 failed, 1 passed, .*2 errors", output), output
    assert output.count("PytestWarning: run again after a crash") == 1
    runs = Counter(re.findall(r"(an? [\w ]+) (?:runs|begins)$", output, re.M))
    once = ("a session", "a closed page", "an assertion", "an end")
    assert runs == {"a crash": 2, **dict.fromkeys(once, 1)}
