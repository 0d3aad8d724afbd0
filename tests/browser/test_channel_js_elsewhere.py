"""channel.js in a page of another origin than the server's, which allows it or not."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.browser.driver import Tab
from tests.browser.pages_server import APP, PagesApp, PagesServer
from tests.programs import running

pytestmark = pytest.mark.browser

PROGRAM = Path(__file__).parent / "wrapped_program.py"


class Elsewhere:
    """A server that has the page of apps/pages, and no channels.

    Attributes:
        url: the origin of its pages.
        html: what it answers to anything.
    """

    def __init__(self) -> None:
        self.html = b""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:
                handler.send_response(200)
                handler.send_header("Content-Type", "text/html; charset=utf-8")
                handler.end_headers()
                handler.wfile.write(self.html)

            def log_message(handler, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def show_pages_of(self, app: PagesApp) -> None:
        """Answer the page, its script and its channels being the app's."""
        html = (APP / "page.html").read_text("utf-8")
        script = '<script src="'
        self.html = html.replace(f"{script}/_ah", f"{script}{app.url}/_ah").encode()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    """Another server, whose pages open channels."""
    server = Elsewhere()
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["serve", "wrap"])
def app(
    request: pytest.FixtureRequest,
    elsewhere: Elsewhere,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PagesApp]:
    """The app of apps/pages, whose server allows the other one's pages."""
    folder = tmp_path_factory.mktemp("elsewhere")
    if request.param == "serve":
        server = PagesServer(folder, f"--allowed_origins={elsewhere.url}")
        elsewhere.show_pages_of(server)
        yield server
        server.stop()
        return
    command = [sys.executable, str(PROGRAM), str(folder), "6"]
    variables = {"CHANNELSHIM_ALLOWED_ORIGINS": elsewhere.url}
    with running(command, folder, variables) as program:
        wrapped = PagesApp(program.wait_for_url())
        elsewhere.show_pages_of(wrapped)
        yield wrapped


OpenElsewhere = Callable[..., Tab]


@pytest.fixture
def open_elsewhere(pages: Any, elsewhere: Elsewhere) -> OpenElsewhere:
    """Open the other server's page; under another name its origin is not allowed."""

    def open_elsewhere(query: str, host: str = "localhost") -> Tab:
        page = pages()
        page.goto(f"{elsewhere.url.replace('localhost', host)}/page.html{query}")
        return Tab(page)

    return open_elsewhere


@pytest.mark.parametrize("query", ["", "?poll"], ids=["websocket", "poll"])
def test_page_of_an_allowed_origin_receives(
    app: PagesApp, open_elsewhere: OpenElsewhere, client_id: str, query: str
) -> None:
    tab = open_elsewhere(query)
    tab.connect(app.token(client_id))
    app.send(client_id, "1", "2")
    tab.wait_for_texts("1", "2")


def test_page_of_an_allowed_origin_is_told_why_not(
    app: PagesApp, open_elsewhere: OpenElsewhere
) -> None:
    tab = open_elsewhere("?poll")
    tab.open("nonsense")
    tab.wait_for_events("error", "close")
    assert tab.log()[0][4] == {"code": 401, "description": "Invalid+token."}


def test_page_of_any_other_origin_reads_nothing(
    app: PagesApp, open_elsewhere: OpenElsewhere, client_id: str
) -> None:
    tab = open_elsewhere("?poll", host="127.0.0.1")
    read = tab.run(
        "url => fetch(url).then(() => 'read', () => 'refused')",
        f"{app.url}/_ah/channel/poll?token={app.token(client_id)}&wait=0",
    )
    assert read == "refused"
