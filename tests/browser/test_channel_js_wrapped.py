"""channel.js against `channelshim.wrap(app)`: polls on a WSGI server's threads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.driver import Tab
from tests.browser.pages_server import PagesApp
from tests.programs import running

pytestmark = pytest.mark.browser

PROGRAM = Path(__file__).parent / "wrapped_program.py"
THREADS = 6

OpenTab = Callable[..., Tab]


@pytest.fixture(scope="module")
def wrapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PagesApp]:
    """The app of apps/pages under Paste, on few threads."""
    folder = tmp_path_factory.mktemp("wrapped")
    command = [sys.executable, str(PROGRAM), str(folder), str(THREADS)]
    with running(command, folder) as program:
        yield PagesApp(program.wait_for_url())


def test_messages_arrive_once_and_in_order(
    wrapped: PagesApp, open_tab: OpenTab, pages: Any, client_id: str
) -> None:
    tab = open_tab(wrapped.url)
    tab.connect(wrapped.token(client_id))
    sent = []
    for number in range(20):
        sent += [f"{number}a", f"{number}b"]
        wrapped.send(client_id, *sent[-2:])
    tab.wait_for_texts(*sent)
    assert tab.events() == ["open"] + ["message"] * len(sent)
    # It did not even try a WebSocket: that would show in the console.
    assert pages.errors(tab.page) == []


def test_a_bad_token_is_told(wrapped: PagesApp, open_tab: OpenTab) -> None:
    tab = open_tab(wrapped.url)
    tab.open("nonsense")
    tab.wait_for_events("error", "close")
    assert tab.log()[0][4] == {"code": 401, "description": "Invalid+token."}


def test_close_is_reported_soon_though_a_poll_is_held(
    wrapped: PagesApp,
    open_tab: OpenTab,
    client_id: str,
    wait_until: Callable[..., Any],
) -> None:
    tab = open_tab(wrapped.url)
    tab.connect(wrapped.token(client_id))
    wait_until(lambda: wrapped.presence(client_id) == ["connected"])
    tab.settle()
    tab.run("sockets.s.close()")
    both = ["connected", "disconnected"]
    wait_until(lambda: wrapped.presence(client_id) == both, 8)


def test_more_pages_than_threads_starve_nobody(
    wrapped: PagesApp, open_tab: OpenTab, client_id: str
) -> None:
    # In contexts of their own: several people, not several tabs.
    tabs = [open_tab(wrapped.url) for _ in range(THREADS + 2)]
    for tab in tabs:
        tab.connect(wrapped.token(client_id))
    asked = "() => performance.getEntriesByType('resource').length"
    before = [tab.run(asked) for tab in tabs]
    tabs[0].run("() => new Promise(done => setTimeout(done, 3000))")
    polls = [tab.run(asked) - had for tab, had in zip(tabs, before, strict=True)]
    assert max(polls) <= 6, "polls follow each other without a pause"
    wrapped.send(client_id, "1", "2")
    for tab in tabs:
        tab.wait_for_texts("1", "2")
        tab.run("sockets.s.close()")
