"""The console in Chromium: what is live, what a person does, and who cannot see."""

from __future__ import annotations

import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from channelshim.console.menu import PAGES
from tests.conftest import await_condition
from tests.console.site import APP, HOSTILE
from tests.doors.test_console import console_of, get
from tests.servers import Server, Servers

pytestmark = pytest.mark.browser

WaitUntil = Callable[..., Any]

LISTED = [page.path for page in PAGES if page.is_in_menu]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests here."""
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    yield servers(APP, "--console_code")
    servers.stop()


@pytest.fixture(scope="module")
def console(running: Server) -> str:
    return console_of(running, await_condition)


def send(app: str, client_id: str, text: str) -> None:
    body = urllib.parse.urlencode({"id": client_id, "text": text}).encode()
    urllib.request.urlopen(app + "send", body).close()


def channel(console: str, client_id: str) -> str:
    return f"{console}channels/id?{urllib.parse.urlencode({'id': client_id})}"


def connect(page: Any, app: str, client_id: str) -> None:
    """Have a page of the app open a channel; its events are in window.log."""
    query = urllib.parse.urlencode({"id": client_id})
    token = get(f"{app}token?{query}")
    page.goto(app + "log")
    page.evaluate(
        """token => new Promise(done => {
          const script = document.createElement('script');
          script.src = '/_ah/channel/jsapi';
          window.log = [];
          script.onload = () => new goog.appengine.Channel(token).open({
            onopen: done,
            onmessage: event => window.log.push(event.data),
            onerror: error => window.log.push(error.code),
            onclose: () => window.log.push('closed'),
          });
          document.body.append(script);
        })""",
        token,
    )


def test_tail_is_live_and_shows_text_as_text(
    pages: Any, running: Server, console: str
) -> None:
    visitor, page = pages(), pages()
    connect(visitor, running.url, HOSTILE)
    send(running.url, HOSTILE, "before")
    page.goto(channel(console, HOSTILE))
    page.wait_for_selector(".tail p:text-is('before')")
    page.wait_for_selector("#tail-state:has-text('Live')")
    send(running.url, HOSTILE, HOSTILE)
    page.wait_for_function(
        "text => [...document.querySelectorAll('.tail p')]"
        ".some(each => each.textContent === text)",
        arg=HOSTILE,
    )
    assert page.locator(".tail p").count() == 2
    assert pages.errors(page) == []


def test_person_sends_and_disconnects(
    pages: Any, running: Server, console: str
) -> None:
    visitor, page = pages(), pages()
    connect(visitor, running.url, "ann")
    page.goto(console + "channels")
    page.click("a:text-is('ann')")
    # The list, which may still be shown, has a #message too.
    page.wait_for_selector("button:text-is('Disconnect')")
    browser = page.evaluate("/Firefox|Chrome/.exec(navigator.userAgent)[0]")
    assert browser in page.inner_text("main")
    page.fill("#message", "hello from the console")
    page.click("button:text-is('Send')")
    page.wait_for_selector("[role=status]:has-text('Sent 22 characters')")
    visitor.wait_for_function("window.log[0] === 'hello from the console'")
    page.click("button:text-is('Disconnect')")
    visitor.wait_for_function("window.log.includes('closed')")
    assert visitor.evaluate("window.log[1]") == 401 or "401" in str(
        visitor.evaluate("window.log[1]")
    )
    page.wait_for_selector("text=No page is connected")
    assert pages.errors(page) == []


def test_charts_are_drawn(pages: Any, running: Server, console: str) -> None:
    page = pages()
    page.goto(console)
    get(running.url + "log")
    page.locator(".tile polyline").nth(6).wait_for(state="attached")
    assert pages.errors(page) == []


def test_program_is_run(pages: Any, console: str) -> None:
    page = pages()
    page.goto(console + "interactive")
    page.wait_for_function("document.activeElement.id === 'program'")
    page.keyboard.type("print('<b>' * 2)\n40 + 2")
    page.click("button:text-is('Run')")
    page.wait_for_selector("pre:has-text('<b><b>')")
    assert "42" in page.inner_text("pre")


@pytest.mark.parametrize("path", LISTED)
def test_page_is_accessible_and_fits_a_phone(
    pages: Any, running: Server, console: str, path: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    get(f"{running.url}token?id={'x' * 200}")
    for scheme in ("light", "dark"):
        page = pages(color_scheme=scheme, viewport={"width": 360, "height": 640})
        page.goto(console.rstrip("/") + path)
        found = Axe().run(page).response["violations"]
        serious = [
            (each["id"], [node["html"][:200] for node in each["nodes"][:3]])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.textContent")
        assert focused == "Skip the menu" or path == "/interactive"
        assert pages.errors(page) == []


def test_pages_of_ours_look_alike_and_ask_for_no_icon(
    pages: Any, running: Server, console: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    asked: list[str] = []
    page = pages(viewport={"width": 360, "height": 640})
    page.on("request", lambda request: asked.append(request.url))
    for path in ("raises", "static/none", "_ah/login", "log"):
        page.goto(running.url + path)
        if path == "log":
            continue
        assert page.locator("link[rel=icon]").count() == 1
        assert page.locator(".mark svg").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        found = Axe().run(page).response["violations"]
        assert [each["id"] for each in found if each["impact"] == "serious"] == []
    assert not any("favicon" in url for url in asked)


def test_console_works_without_javascript(
    pages: Any, running: Server, console: str
) -> None:
    get(running.url + "token?id=no+script")
    page = pages(java_script_enabled=False)
    page.goto(console)
    page.fill("#try", "/private/x")
    page.click("button:text-is('Try')")
    page.wait_for_selector("main:has-text('goes to /private.*')")
    page.goto(channel(console, "no script"))
    page.fill("#message", "plain")
    page.click("button:text-is('Send')")
    page.wait_for_selector("main:has-text('Sent 5 characters')")
    page.reload()
    assert "plain" in page.inner_text(".tail")
