"""How channel.js keeps the line in the system's Firefox: the tests of Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser import test_channel_js_transports
from tests.browser.other_browsers import take_tests
from tests.firefox import Firefox, FirefoxPages, open_firefox

# Minutes: CI has the JavaScript API alone.
pytestmark = [pytest.mark.firefox, pytest.mark.slow]

CHROMIUM_ALONE = (
    # By Chromium's own protocol.
    "test_a_frozen_page_goes_on_when_it_wakes",
    "test_a_page_in_the_background_is_not_reported_gone",
    "test_a_page_kept_for_the_back_button_goes_on",
    "test_offline_and_online_again",
    # Firefox asks again by itself when a connection is cut.
    "test_polls_that_are_cut_are_held_for_less_long",
    # By playwright's clock.
    "test_a_line_that_is_silent_for_long_is_replaced",
    "test_a_silent_line_is_replaced_when_the_page_is_woken",
    "test_giving_up_after_a_long_time_is_one_error_and_the_end",
)

globals().update(take_tests(test_channel_js_transports, CHROMIUM_ALONE))


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
