"""WebKitGTK's own browser by its WebDriver.

playwright's WebKit is a build of its own; Debian's has the classic WebDriver alone. The
few commands that the channel's tests need are here.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from tests.conftest import await_condition
from tests.driven_pages import (
    EVALUATE,
    BrowserError,
    DrivenPage,
    DrivenPages,
    started,
)
from tests.lanes import find_webkit, timeout_factor
from tests.ports import free_port

_CALLED = f"""
const [source, argument, done] = arguments;
const answer = () => {{ {EVALUATE} }};
answer().then(
    result => done({{result: result === undefined ? null : result}}),
    error => done({{error: String(error)}}));
"""


class _Session:
    """One browser."""

    def __init__(self, port: int, binary: str) -> None:
        self._port = port
        options = {"binary": binary, "args": ["--automation"]}
        capabilities = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        answer = self.ask("POST", "/session", {"capabilities": capabilities})
        self._path = f"/session/{answer['sessionId']}"
        self.version: str = answer["capabilities"]["browserVersion"]
        self._handle: str = self.command("GET", "/window")
        milliseconds = int(60_000 * timeout_factor())
        self.command("POST", "/timeouts", {"script": milliseconds})

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return what the driver answers."""
        data = None if body is None else json.dumps(body).encode("ascii")
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}", data, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=120 * timeout_factor()) as got:
                return json.load(got)["value"]
        except urllib.error.HTTPError as error:
            raise BrowserError(error.read().decode("utf-8", "replace")) from None

    def command(self, method: str, path: str, body: Any = None) -> Any:
        """Return what the driver answers to a command of this session."""
        return self.ask(method, self._path + path, body)

    def show(self, handle: str) -> None:
        """Have the next commands be about a window."""
        if handle != self._handle:
            self.command("POST", "/window", {"handle": handle})
            self._handle = handle

    def end(self) -> None:
        """Close the browser."""
        self.ask("DELETE", self._path)


class WebKitPage(DrivenPage):
    """One window."""

    def __init__(self, session: _Session, handle: str) -> None:
        self._session = session
        self._handle = handle

    def new_page(self) -> WebKitPage:
        """See DrivenPage."""
        handle = self._command("POST", "/window/new", {"type": "window"})
        return WebKitPage(self._session, handle["handle"])

    def goto(self, url: str) -> None:
        """See DrivenPage."""
        self._command("POST", "/url", {"url": url})

    def evaluate(self, source: str, argument: Any = None) -> Any:
        """See DrivenPage."""
        body = {"script": _CALLED, "args": [source, argument]}
        answer = self._command("POST", "/execute/async", body)
        if "error" in answer:
            raise BrowserError(answer["error"])
        return answer["result"]

    def close(self) -> None:
        """See DrivenPage."""
        self._command("DELETE", "/window")

    def _command(self, method: str, path: str, body: Any = None) -> Any:
        self._session.show(self._handle)
        return self._session.command(method, path, body)


class WebKitPages(DrivenPages):
    """Opens windows, all of one person: a browser for each would cost seconds."""

    def __init__(self, first: WebKitPage) -> None:
        super().__init__()
        self._first = first

    def __call__(self) -> DrivenPage:
        """Return a new window."""
        return self.watch(self._first.new_page())


@contextlib.contextmanager
def open_webkit() -> Iterator[WebKitPage]:
    """Open a browser on a display of its own, and close both at the end."""
    found = find_webkit()
    assert found is not None
    port = free_port()  # The driver takes no 0.
    with _display() as display:
        variables = {
            "DISPLAY": display,
            # There is no graphics card to draw with.
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
            "WEBKIT_DISABLE_DMABUF_RENDERER": "1",
        }
        with started([found.driver, f"--port={port}"], variables):
            await_condition(lambda: _answers(port), 20)
            session = _Session(port, found.browser)
            try:
                yield WebKitPage(session, session.command("GET", "/window"))
            finally:
                session.end()


@contextlib.contextmanager
def _display() -> Iterator[str]:
    """Run a display without a screen and return its name."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-nolisten", "tcp"]
    with started(command, {}, descriptors=(writing,)):
        os.close(writing)
        with open(reading, encoding="ascii") as names:
            if not select.select([names], [], [], 30 * timeout_factor())[0]:
                raise BrowserError("Xvfb does not say which display it is")
            name = names.readline().strip()
            if not name:
                raise BrowserError("Xvfb has ended without a display")
            yield f":{name}"


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
