"""The system's Chromium under playwright, one context for each user."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from tests.lanes import find_chromium, timeout_factor

ARGUMENTS = (
    # Root has no user namespace of its own to sandbox in.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # Nothing here needs the network, and a closed one would slow every start.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

ACTION_SECONDS = 10.0
START_SECONDS = 30.0


@contextlib.contextmanager
def open_browser(*arguments: str) -> Iterator[Any]:
    """Open a playwright Browser with more arguments and close it at the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(),
            args=[*ARGUMENTS, *arguments],
            timeout=START_SECONDS * timeout_factor() * 1000,
        )
        try:
            yield browser
        finally:
            browser.close()


class Pages:
    """Opens pages for one test, each a user of its own, and closes them after it."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._contexts: list[Any] = []
        self._errors: dict[Any, list[str]] = {}

    def __call__(self, **context_options: Any) -> Any:
        """Return a page in a new context: other cookies, another person."""
        context = self._browser.new_context(**context_options)
        context.set_default_timeout(ACTION_SECONDS * timeout_factor() * 1000)
        self._contexts.append(context)
        return self.watch(context.new_page())

    def watch(self, page: Any) -> Any:
        """Collect the errors of one more page, a second tab for example."""
        errors = self._errors.setdefault(page, [])
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: _note_error(message, errors))
        return page

    def errors(self, page: Any) -> list[str]:
        """Return what the page wrote to its console as an error, or did not catch."""
        if not page.is_closed():
            # What the page has said arrives while it is talked to, and only then.
            page.evaluate("0")
        return self._errors[page]

    def close(self) -> None:
        """Close every context."""
        for context in self._contexts:
            context.close()


def _note_error(message: Any, errors: list[str]) -> None:
    # Chromium asks for it by itself; the tutorial's app has none.
    is_favicon = message.location.get("url", "").endswith("/favicon.ico")
    if message.type == "error" and not is_favicon:
        errors.append(message.text)
