"""Each page of the console by what a person does on it, in any browser."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import await_condition
from tests.doors.test_console import console_of, get
from tests.servers import Server, Servers

pytestmark = pytest.mark.browser

WaitUntil = Callable[..., Any]

APP = Path(__file__).parent / "apps" / "shelf"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests here."""
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    server = servers(APP)
    upload(get(server.url + "fill"))
    yield server
    servers.stop()


@pytest.fixture(scope="module")
def shelf_console(shelf: Server) -> str:
    return console_of(shelf, await_condition)


def upload(url: str) -> None:
    """Send a file as a browser's form does."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="owl.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\na blob about owls\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    urllib.request.urlopen(urllib.request.Request(url, body, headers)).close()


def seen(server: Server) -> dict[str, Any]:
    """Return what the app says of itself."""
    facts: dict[str, Any] = json.loads(get(server.url + "seen"))
    return facts


def says(page: Any, text: str) -> None:
    """Wait until a page has told what was done."""
    page.wait_for_selector(f"[role=status]:has-text('{text}')")


def test_an_entity_is_made_changed_and_deleted(
    pages: Any, shelf: Server, shelf_console: str
) -> None:
    page = pages()
    page.goto(shelf_console + "datastore")
    page.click("a:text-is('New entity')")
    page.wait_for_selector("#name-0")
    page.fill("#kind", "Note")
    page.fill("#identifier", "mine")
    page.fill("#name-0", "text")
    page.fill("#text-0", "first")
    page.click("button:text-is('Create')")
    page.wait_for_selector("button:text-is('Save')")
    assert "mine" in seen(shelf)["notes"]
    page.fill("#text-0", "second")
    page.click("button:text-is('Save')")
    says(page, "Saved.")
    page.goto(shelf_console + "datastore?kind=Note&run=1")
    page.wait_for_selector("td:text-is('second')")
    page.click("a:has-text('mine')")
    page.wait_for_selector("button:text-is('Delete the entity')")
    page.click("button:text-is('Delete the entity')")
    says(page, "Deleted")
    assert "mine" not in seen(shelf)["notes"]
    assert pages.errors(page) == []


def test_a_query_is_answered_and_all_it_finds_deleted(
    pages: Any, shelf: Server, shelf_console: str
) -> None:
    page = pages()
    page.goto(shelf_console + "datastore")
    page.fill("#gql", "SELECT * FROM Note WHERE text >= 'text 2' ORDER BY text")
    page.click("button:text-is('Run')")
    page.wait_for_selector("h2:has-text('ORDER BY text')")
    assert page.locator("[aria-label='Entities'] tbody tr").count() == 18
    page.click("[name=sure]")
    page.click("button:text-is('Delete everything')")
    says(page, "Over after")
    assert len(seen(shelf)["notes"]) == 12
    assert pages.errors(page) == []


@pytest.mark.parametrize("path", ["indexes", "key", "statistics"])
def test_further_pages_of_the_datastore_open(
    pages: Any, shelf_console: str, path: str
) -> None:
    page = pages()
    page.goto(shelf_console + "datastore/" + path)
    page.wait_for_selector("h1")
    assert pages.errors(page) == []


def test_an_entry_of_memcache_is_found_written_and_flushed(
    pages: Any, shelf: Server, shelf_console: str
) -> None:
    page = pages()
    page.goto(shelf_console + "memcache")
    page.fill("#find", "colour")
    page.click("button:text-is('Look up')")
    page.wait_for_selector("pre:has-text('green')")
    page.fill("#text", "blue")
    page.click("button:text-is('Write')")
    page.wait_for_selector("pre:has-text('blue')")
    assert seen(shelf)["colour"] == "blue"
    page.click("button:text-is('Take everything out')")
    page.wait_for_selector("[role=status]")
    assert seen(shelf)["colour"] is None
    assert pages.errors(page) == []


def test_a_task_is_run_before_its_time(
    pages: Any, shelf: Server, shelf_console: str, wait_until: WaitUntil
) -> None:
    page = pages()
    page.goto(shelf_console + "queues")
    page.click("a:text-is('default')")
    page.wait_for_selector("h1:has-text('Queue default')")
    page.click("a:text-is('later')")
    page.wait_for_selector("h1:has-text('Task later')")
    page.click("button:text-is('Run now')")
    wait_until(lambda: "task" in seen(shelf)["done"])
    page.goto(shelf_console + "queues")
    page.click("button:text-is('Pause')")
    page.wait_for_selector("button:text-is('Resume')")
    page.click("button:text-is('Resume')")
    page.wait_for_selector("button:text-is('Pause')")
    assert pages.errors(page) == []


def test_a_cron_job_is_run(
    pages: Any, shelf: Server, shelf_console: str, wait_until: WaitUntil
) -> None:
    page = pages()
    page.goto(shelf_console + "cron")
    page.click("button:text-is('Run now')")
    wait_until(lambda: "cron" in seen(shelf)["done"])
    page.wait_for_selector("[role=status]")
    assert pages.errors(page) == []


def test_a_mail_is_read_and_one_is_sent_to_the_app(
    pages: Any, shelf: Server, shelf_console: str
) -> None:
    page = pages()
    page.goto(shelf_console + "mail")
    page.click("a:text-is('Overdue')")
    page.wait_for_selector("pre:has-text('Bring the owl back.')")
    page.goto(shelf_console + "mail")
    page.fill("#to", "books@example.com")
    page.fill("#subject", "Return")
    page.fill("#text", "Here it is.")
    page.click("button:text-is('Send')")
    says(page, "the app answered 200")
    assert "Return to books@example.com" in seen(shelf)["done"]
    assert pages.errors(page) == []


def test_a_blob_is_looked_at_and_deleted(pages: Any, shelf_console: str) -> None:
    page = pages()
    page.goto(shelf_console + "blobs")
    page.click("a:text-is('owl.txt')")
    page.wait_for_selector("h2:has-text('owl.txt')")
    page.click("button:text-is('Delete')")
    page.wait_for_selector("text=There is no blob")
    assert pages.errors(page) == []


def test_a_document_is_searched_for(pages: Any, shelf_console: str) -> None:
    page = pages()
    page.goto(shelf_console + "search")
    page.click("a:text-is('papers')")
    page.wait_for_selector("#query")
    page.fill("#query", "title: owls")
    page.click("button:text-is('Search')")
    page.wait_for_selector("text=1 found.")
    page.wait_for_selector("legend:has-text('paper')")
    assert pages.errors(page) == []


def test_a_person_becomes_somebody_else(
    pages: Any, shelf: Server, shelf_console: str
) -> None:
    page = pages()
    page.goto(shelf_console + "users")
    page.fill("#email", "ann@example.com")
    page.click("button:text-is('Log in')")
    page.wait_for_selector("strong:text-is('ann@example.com')")
    # One host name is both ports'.
    page.goto(shelf.url + "seen")
    assert "ann@example.com" in page.inner_text("body")
    page.goto(shelf_console + "users")
    page.click("button:text-is('Log out')")
    page.wait_for_selector("text=the app sees nobody")
    assert pages.errors(page) == []


def test_logs_and_errors_are_read(
    pages: Any, shelf: Server, shelf_console: str
) -> None:
    page = pages()
    page.goto(shelf_console + "logs")
    with pytest.raises(urllib.error.HTTPError):
        get(shelf.url + "fail")
    page.fill("#status", "500")
    page.click("button:text-is('Filter')")
    page.wait_for_selector("code:has-text('GET /fail')")
    page.goto(shelf_console + "errors")
    page.wait_for_selector("pre:has-text('no shelf is left')")
    page.click("summary:has-text('no shelf is left')")
    assert pages.errors(page) == []
