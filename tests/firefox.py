"""The system's Firefox, the stock build, by WebDriver BiDi.

playwright's Firefox is a build of its own, and what it asks of a stock one is more than
Debian's understands. The few commands that the channel's tests need are here.
"""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
import threading
from collections.abc import Iterator
from typing import IO, Any

from websockets.sync.client import ClientConnection, connect

from tests.driven_pages import (
    EVALUATE,
    BrowserError,
    DrivenPage,
    DrivenPages,
    started,
)
from tests.lanes import find_firefox, timeout_factor

_CALLED = f"""(source, text) => {{
    const argument = JSON.parse(text);
    const answer = () => {{ {EVALUATE} }};
    return answer().then(
        result => JSON.stringify({{result: result === undefined ? null : result}}));
}}"""

_ADDRESS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")

_SECONDS = 60.0


class Firefox:
    """A browser, and the connection that tells it what to do."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self.ask("session.new", capabilities={})

    def ask(self, method: str, **parameters: Any) -> Any:
        """Return the result of a command."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        self._connection.send(json.dumps(command))
        while True:
            answer = json.loads(self._connection.recv(_SECONDS * timeout_factor()))
            if answer.get("id") != self._number:
                continue
            if answer["type"] == "error":
                raise BrowserError(f"{method}: {answer['message']}")
            return answer["result"]

    def new_person(self) -> str:
        """Return the id of a context with cookies of its own."""
        person: str = self.ask("browser.createUserContext")["userContext"]
        return person


class FirefoxPage(DrivenPage):
    """One tab."""

    def __init__(self, firefox: Firefox, person: str) -> None:
        self._firefox = firefox
        self._person = person
        made = firefox.ask("browsingContext.create", type="tab", userContext=person)
        self._id: str = made["context"]

    def new_page(self) -> FirefoxPage:
        """See DrivenPage."""
        return FirefoxPage(self._firefox, self._person)

    def goto(self, url: str) -> None:
        """See DrivenPage."""
        self._firefox.ask(
            "browsingContext.navigate", context=self._id, url=url, wait="complete"
        )

    def evaluate(self, source: str, argument: Any = None) -> Any:
        """See DrivenPage."""
        texts = (source, json.dumps(argument))
        answer = self._firefox.ask(
            "script.callFunction",
            functionDeclaration=_CALLED,
            arguments=[{"type": "string", "value": text} for text in texts],
            target={"context": self._id},
            awaitPromise=True,
        )
        if answer["type"] != "success":
            raise BrowserError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])["result"]

    def close(self) -> None:
        """See DrivenPage."""
        self._firefox.ask("browsingContext.close", context=self._id)


class FirefoxPages(DrivenPages):
    """Opens tabs, each another person's."""

    def __init__(self, firefox: Firefox) -> None:
        super().__init__()
        self._firefox = firefox
        self._people: list[str] = []

    def __call__(self) -> DrivenPage:
        """Return a page of a new person."""
        person = self._firefox.new_person()
        self._people.append(person)
        return FirefoxPage(self._firefox, person)

    def close(self) -> None:
        """Close the pages, and forget who had them."""
        super().close()
        for person in self._people:
            self._firefox.ask("browser.removeUserContext", userContext=person)


@contextlib.contextmanager
def open_firefox() -> Iterator[Firefox]:
    """Open a browser without a window, and close it at the end."""
    program = find_firefox()
    assert program is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, "--headless", "--no-remote", "--remote-debugging-port=0"]
        # Root may not use the home folder of whoever has lent it.
        variables = {"HOME": profile, "MOZ_CRASHREPORTER_DISABLE": "1"}
        with started(
            [*command, "--profile", profile], variables, reads=True
        ) as process:
            assert process.stderr is not None
            address = _address(process.stderr)
            # It would stop where nobody reads what it says.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            with connect(f"{address}/session", max_size=None) as connection:
                yield Firefox(connection)


def _address(said: IO[str]) -> str:
    lines = []
    for line in said:
        lines.append(line)
        found = _ADDRESS.search(line)
        if found:
            return found[1]
    raise BrowserError(f"Firefox ended: {''.join(lines)}")
