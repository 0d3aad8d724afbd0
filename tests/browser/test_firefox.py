"""The JavaScript API in the system's Firefox: the tests of Chromium, case by case."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser import test_channel_js
from tests.browser.other_browsers import take_tests
from tests.firefox import Firefox, FirefoxPages, open_firefox

pytestmark = pytest.mark.firefox

globals().update(take_tests(test_channel_js))


@pytest.fixture(scope="module")
def browser() -> Iterator[Firefox]:
    """Return the system's Firefox."""
    with open_firefox() as opened:
        yield opened


@pytest.fixture
def pages(browser: Firefox) -> Iterator[FirefoxPages]:
    """Open pages, each another person's: `page = pages()`."""
    opened = FirefoxPages(browser)
    yield opened
    opened.close()
