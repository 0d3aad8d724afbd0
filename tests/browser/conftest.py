"""Servers and pages for the tests of channel.js."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.driver import Tab
from tests.browser.pages_server import PagesServer
from tests.browser.proxy import Proxy
from tests.browser.scripted_server import ScriptedServer
from tests.chromium import ACTION_SECONDS, ARGUMENTS, START_SECONDS
from tests.lanes import find_chromium, timeout_factor

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def pages_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PagesServer]:
    """Our server with apps/pages; for tests that do not stop it."""
    # Twice as patient: a browser on a slow machine is late, and not gone.
    server = PagesServer(tmp_path_factory.mktemp("pages"), "--grace_seconds=4")
    yield server
    server.stop()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[PagesServer]:
    """The same for one test, which may stop and start it."""
    server = PagesServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """A server that misbehaves on request."""
    server = ScriptedServer()
    yield server
    server.end()


@pytest.fixture
def client_id() -> str:
    """An id that no other test uses."""
    return f"client {next(_numbers)}"


@pytest.fixture
def open_tab(pages: Any) -> Callable[..., Tab]:
    """Open a page of apps/pages: `tab = open_tab(server.url)`.

    Each in a context of its own, unless `beside=` names a tab to share one with. With
    `own_clock=True` its time is moved by `tab.page.clock`.
    """

    def open_tab(
        url: str, query: str = "", *, beside: Tab | None = None, own_clock: bool = False
    ) -> Tab:
        if beside is None:
            page = pages()
        else:
            page = pages.watch(beside.page.context.new_page())
        if own_clock:
            page.clock.install()
        page.goto(f"{url}/page{query}")
        return Tab(page)

    return open_tab


@pytest.fixture
def proxy() -> Iterator[Callable[..., Proxy]]:
    """Put a proxy before a server: `proxy(pages_server, refuses_upgrades=True)`."""
    proxies: list[Proxy] = []

    def proxy(server: PagesServer, **kind: Any) -> Proxy:
        proxies.append(Proxy(server.server.port, **kind))
        return proxies[-1]

    yield proxy
    for started in proxies:
        started.end()


@pytest.fixture
def keeping_page(browser: Any) -> Iterator[Any]:
    """A page of a Chromium that keeps pages for the Back button.

    Playwright's own way of starting it turns that off.
    """
    keeping = browser.browser_type.launch(
        executable_path=find_chromium(),
        args=list(ARGUMENTS),
        ignore_default_args=["--disable-back-forward-cache"],
        timeout=START_SECONDS * timeout_factor() * 1000,
    )
    page = keeping.new_page()
    page.set_default_timeout(ACTION_SECONDS * timeout_factor() * 1000)
    yield page
    keeping.close()
