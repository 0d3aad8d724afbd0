"""The console in the system's Firefox: the tests of Chromium, and accessibility."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.other_browsers import take_tests
from tests.console import test_browser, test_steps
from tests.firefox import Firefox, FirefoxPages, open_firefox

pytestmark = pytest.mark.firefox

PLAYWRIGHT_ALONE = (
    # Colour schemes, pages without JavaScript, and what a browser asks for.
    "test_page_is_accessible_and_fits_a_phone",
    "test_pages_of_ours_look_alike_and_ask_for_no_icon",
    "test_console_works_without_javascript",
)

globals().update(take_tests(test_browser, PLAYWRIGHT_ALONE))
globals().update(take_tests(test_steps))

# Their servers.
globals().update({name: vars(test_browser)[name] for name in ("running", "console")})
globals().update({name: vars(test_steps)[name] for name in ("shelf", "shelf_console")})


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


def axe() -> str:
    """Return the script of axe-core."""
    import axe_playwright_python

    (script,) = Path(axe_playwright_python.__file__).parent.glob("**/axe.min.js")
    return script.read_text("utf-8")


def test_pages_are_accessible_and_fit_a_phone(pages: Any, console: str) -> None:
    script = axe()
    page = pages()
    page.resize(360, 640)
    for path in test_browser.LISTED:
        page.goto(console.rstrip("/") + path)
        page.evaluate(f"() => {{ {script}\n; }}")
        found = page.evaluate("() => axe.run().then(each => each.violations)")
        serious = [
            (path, each["id"], [node["html"][:200] for node in each["nodes"][:3]])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.textContent")
        assert focused == "Skip the menu" or path == "/interactive"
    assert pages.errors(page) == []
