"""A page of another site cannot log the developer in, in real Chromium."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chromium import Pages
from tests.lanes import ROOT
from tests.servers import Servers

pytestmark = pytest.mark.browser

LOGIN = "_ah/login?action=Login&email=evil@example.com&admin=True&continue=/"


@pytest.fixture
def foreign() -> Iterator[list[bytes]]:
    """Serve a page at a port of this machine; the list holds its text and address."""
    held = [b"", b""]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(held[0])

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        held[1] = str(server.server_port).encode()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield held
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize(
    "page_of_another",
    [
        '<script>location = "{}"</script>',
        '<meta name="referrer" content="no-referrer"><a id="go" href="{}">go</a>'
        "<script>document.getElementById('go').click()</script>",
    ],
    ids=["location", "link"],
)
def test_foreign_page_gets_the_form(
    server: Servers, pages: Pages, foreign: list[bytes], host: str, page_of_another: str
) -> None:
    running = server(ROOT)
    url = running.url.replace("127.0.0.1", "localhost")
    foreign[0] = page_of_another.format(url + LOGIN).encode()
    page = pages()
    page.goto(f"http://{host}:{foreign[1].decode()}/")
    page.wait_for_selector("#submit-login")
    assert "Not logged in" in page.content()
    assert page.context.cookies(url) == []
    # Whoever presses the button means it.
    page.click("#submit-login")
    page.wait_for_selector("#message-form")
    assert [one["name"] for one in page.context.cookies(url)] == ["dev_appserver_login"]
