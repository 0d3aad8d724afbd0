"""People and open pages, as the scenarios need them: plain HTTP and the old wire."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

from tests.conftest import await_condition
from tests.contract.sites import Answer, Site

SECONDS = 20.0
"""For what the original does late: its tasks, and queries that see an entity."""

POLL_SECONDS = 0.2
"""A good deal less than the two seconds after which a page counts as gone."""


class Person:
    """Somebody with a browser's cookies.

    Args:
        site: where.
        email: logs in with this address; "" stays a stranger.
        is_admin: whether the login asks for it.
    """

    def __init__(self, site: Site, email: str = "", *, is_admin: bool = False) -> None:
        self.site = site
        self.cookies: dict[str, str] = {}
        if email:
            more = {"admin": "True"} if is_admin else {}
            name, _, value = site.log_in(email, **more).partition("=")
            self.cookies[name] = value

    def ask(
        self,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        form: Any = None,
        body: bytes | None = None,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a request with the cookies so far, and keep those that come back."""
        sent = dict(headers or {})
        if self.cookies:
            pairs = (f"{name}={value}" for name, value in self.cookies.items())
            sent["Cookie"] = "; ".join(pairs)
        answer = self.site.ask(
            path, method=method, query=query, form=form, body=body, headers=sent
        )
        for line in answer.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.coded_value
        return answer

    def text(self, path: str, **arguments: Any) -> str:
        """Return the body of an answer that must be 200."""
        answer = self.ask(path, **arguments)
        text = answer.body.decode("utf-8", "replace")
        assert answer.status == 200, f"{text}\n{self.site.output()[-3000:]}"
        return text


class Page:
    """A channel that a page has opened, and polls until it is closed.

    It ends by itself when the server does.

    Args:
        site: where.
        token: from the app.
    """

    def __init__(self, site: Site, token: str) -> None:
        self.site = site
        self.token = token
        answer = site.dev("connect", token)
        assert answer.status == 200, (answer, site.output()[-6000:])
        self._heard: deque[str] = deque()
        self._is_closed = threading.Event()
        threading.Thread(target=self._keep_polling, daemon=True).start()

    def close(self) -> None:
        """Close the page: it polls no more."""
        self._is_closed.set()

    def poll(self) -> str:
        """Return the next message that has come, or ""."""
        return self._heard.popleft() if self._heard else ""

    def hear(self) -> str:
        """Wait for the next message."""
        try:
            heard: str = await_condition(self.poll, SECONDS)
        except AssertionError as error:
            raise AssertionError(self.site.output()[-6000:]) from error
        return heard

    def hear_json(self) -> Any:
        """Wait for the next message and read it."""
        return json.loads(self.hear())

    def hear_until(self, is_it: Callable[[str], bool]) -> str:
        """Wait for a message that fits; others are thrown away."""
        while True:
            heard = self.hear()
            if is_it(heard):
                return heard

    def _keep_polling(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            while not self._is_closed.wait(POLL_SECONDS):
                while text := self.site.dev("poll", self.token).body.decode("utf-8"):
                    self._heard.append(text)


def eventually(ask: Callable[[], Any]) -> Any:
    """Call until it answers something true; as for all queries of the original."""
    return await_condition(ask, SECONDS)


@contextmanager
def feed(content: bytes, content_type: str) -> Iterator[str]:
    """Serve one document on a port of its own and give its URL.

    What is posted to it comes back as it was.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(content)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, body: bytes) -> None:
            self.send_response(404 if self.path.endswith("missing") else 200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Method", self.command)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/" + quote("feed")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def find(pattern: str, text: str) -> str:
    """Return the first group of a pattern that must be in a text."""
    found = re.search(pattern, text, re.DOTALL)
    assert found is not None, (pattern, text)
    return found[1]


def age_seconds(answer: Answer) -> int:
    """Return how long an answer may be kept, said in either of two ways."""
    control = answer.headers["Cache-Control"]
    if "max-age" in control:
        return int(find(r"max-age=(\d+)", control))
    expires = parsedate_to_datetime(answer.headers["Expires"])
    return int(
        (expires - parsedate_to_datetime(answer.headers["Date"])).total_seconds()
    )
