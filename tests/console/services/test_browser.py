"""The pages of the services in Chromium: with something on each of them."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import await_condition
from tests.console.site import HOSTILE
from tests.doors.test_console import console_of, get
from tests.servers import Server, Servers

pytestmark = pytest.mark.browser

APP = Path(__file__).parent.parent / "apps" / "stocked"

PATHS = (
    "datastore",
    "datastore?kind=Note&explain=1",
    "datastore/new?kind=Note",
    "datastore/indexes",
    "datastore/key?key=Note,+1",
    "datastore/statistics",
    "memcache?key=key",
    "blobs",
    "search",
    "search/index?name=notes",
    "users",
    "queues",
    "queues/queue?queue=default",
    "queues/queue?queue=pull",
    "queues/task?queue=default&task=later",
    "cron",
    "mail",
    "mail/message?number=1",
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests here, with something in every service."""
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    server = servers(APP)
    get(f"{server.url}fill?{urllib.parse.urlencode({'text': HOSTILE, 'task': 1})}")
    yield server
    servers.stop()


@pytest.fixture(scope="module")
def console(running: Server) -> str:
    return console_of(running, await_condition)


def test_pages_are_accessible_and_fit_a_phone(pages: Any, console: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = pages(color_scheme="dark", viewport={"width": 360, "height": 640})
    faults = []
    for path in PATHS:
        page.goto(console + path)
        found = Axe().run(page).response["violations"]
        faults += [
            (path, each["id"], [node["html"][:200] for node in each["nodes"][:2]])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 360:
            faults.append((path, f"{width} wide", []))
        assert page.evaluate("document.title") != "taken"
    assert faults == []
    # The mail's HTML has scripts, on purpose.
    blocked = "Blocked script execution in 'http://localhost"
    assert [each for each in pages.errors(page) if not each.startswith(blocked)] == []


def test_person_edits_an_entity(pages: Any, console: str) -> None:
    page = pages()
    page.goto(console + "datastore")
    page.click("a:text-is('Note')")
    page.click("a:text-is('number')")
    page.click("a:text-is('Note, 1')")
    fields = page.locator("fieldset", has=page.locator("input[value=number]"))
    fields.locator("textarea").fill("4711")
    page.click("button:text-is('Save')")
    page.wait_for_selector("[role=status]:has-text('Saved.')")
    page.click("text=Open the entity in it")
    assert page.locator("textarea").first.input_value() == HOSTILE
    page.goto(console + "datastore?gql=SELECT+*+FROM+Note+WHERE+number+%3D+4711")
    assert page.inner_text("main").count("Note, 1") >= 1
    assert pages.errors(page) == []


def test_html_of_a_mail_is_seen_and_runs_nothing(pages: Any, console: str) -> None:
    page = pages()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(console + "mail")
    page.click("main td a")
    frame = page.frame_locator("iframe")
    assert frame.locator("h1").inner_text() == "rich"
    assert frame.locator("img").evaluate("image => image.src").startswith("data:image")
    assert page.title() != "taken"
    assert all(url.startswith((console, "data:")) for url in asked)
    with page.expect_download() as waiting:
        page.click("a:text-is('note.html')")
    assert waiting.value.suggested_filename == "note.html"


def test_person_sends_a_mail_with_a_file(
    pages: Any, running: Server, console: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.txt"
    file.write_text("hello")
    page = pages()
    page.goto(console + "mail")
    page.fill("#to", "me@stocked.appspotmail.com")
    page.set_input_files("#file", file)
    page.click("button:text-is('Send')")
    page.wait_for_selector("[role=status]:has-text('the app answered 200')")
    assert running.prints("/_ah/mail/me@stocked.appspotmail.com")


def test_log_in_as_in_one_click_reaches_the_app(
    pages: Any, running: Server, console: str
) -> None:
    page = pages()
    page.goto(console + "users")
    page.fill("#email", "ann@example.com")
    page.check("input[name=admin]")
    page.click("button:text-is('Log in')")
    page.wait_for_selector("[role=status]:has-text('ann@example.com')")
    page.goto(running.url + "who")
    assert page.inner_text("body") == "ann@example.com True"
    page.goto(console + "users")
    page.click("button:text-is('Log out')")
    page.goto(running.url + "who")
    assert page.inner_text("body") == "nobody False"


def test_task_and_job_run_now(pages: Any, running: Server, console: str) -> None:
    page = pages()
    page.goto(console + "queues")
    page.click("a:text-is('default')")
    page.check("input[name=task]")
    page.click("button:text-is('Run those chosen now')")
    page.wait_for_selector("[role=status]:has-text('Begun: 1 of 1.')")
    page.goto(console + "cron")
    page.click("button:text-is('Run now')")
    page.wait_for_selector("[role=status]:has-text('/tick has begun')")

    def has_both() -> bool:
        return bool(re.search(r"/later.*/tick|/tick.*/later", running.output, re.S))

    await_condition(has_both)
    page.goto(console + "cron")
    page.wait_for_selector("text=200")


def test_whole_kind_is_deleted_under_a_progress_bar(
    pages: Any, running: Server, console: str
) -> None:
    page = pages()
    page.goto(console + "datastore?kind=Note")
    page.check("text=I am sure")
    page.click("button:text-is('Delete everything')")
    page.wait_for_selector("progress", state="attached")
    page.wait_for_selector("text=Over after")
    page.click("text=Back")
    assert "No entity." in page.inner_text("main")
    # For the tests that follow.
    get(f"{running.url}fill?{urllib.parse.urlencode({'text': HOSTILE})}")
