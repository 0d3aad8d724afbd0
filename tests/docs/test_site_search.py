"""The built site's search, as a reader uses it in real Chromium."""

from __future__ import annotations

import functools
import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chromium import Pages
from tests.lanes import ROOT

pytestmark = pytest.mark.browser

SITE = ROOT / "build" / "site"


@pytest.fixture(scope="module")
def site() -> Path:
    """Return the folder of the built site; the lane `site` has made it before."""
    if not (SITE / "search.html").is_file():
        subprocess.run([ROOT / "scripts" / "site"], check=True)
    return SITE


@pytest.fixture
def site_url(site: Path) -> Iterator[str]:
    """Serve the site, as any web server would."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Say nothing."""

    handler = functools.partial(Handler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("allowed_hosts", "Settings"),
        ("restore backup", "Back up the store"),
        ("create_channel", "The Python API"),
    ],
)
def test_search_finds_the_page(
    site_url: str, pages: Pages, words: str, page: str
) -> None:
    reader = pages()
    reader.goto(f"{site_url}/index.html")
    reader.fill("input[name=q]", words)
    reader.press("input[name=q]", "Enter")

    # Titles stand there at once, the texts below them are fetched.
    link = reader.locator("#search-results li > a", has_text=page).first
    link.click()

    reader.wait_for_function(
        "title => document.querySelector('h1').textContent.startsWith(title)",
        arg=page,
    )
    assert pages.errors(reader) == []
