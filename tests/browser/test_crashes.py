"""A Chromium that dies costs no test, and is told of; see tests/crashes.py."""

from __future__ import annotations

import pytest

from tests.chromium import Pages

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
