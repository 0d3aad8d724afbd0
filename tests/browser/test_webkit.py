"""The JavaScript API in WebKitGTK: the tests of Chromium, case by case."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser import test_channel_js
from tests.browser.other_browsers import take_tests
from tests.webkit import WebKitPage, WebKitPages, open_webkit

pytestmark = pytest.mark.webkit

globals().update(take_tests(test_channel_js))


@pytest.fixture(scope="module")
def browser() -> Iterator[WebKitPage]:
    """Return the first window of a WebKitGTK."""
    with open_webkit() as opened:
        yield opened


@pytest.fixture
def pages(browser: WebKitPage) -> Iterator[WebKitPages]:
    """Open windows: `page = pages()`."""
    opened = WebKitPages(browser)
    yield opened
    opened.close()
