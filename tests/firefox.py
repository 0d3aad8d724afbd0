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
import time
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from websockets.sync.client import ClientConnection

from tests.driven_pages import (
    ACTION_SECONDS,
    PAUSE_SECONDS,
    BrowserError,
    DrivenPage,
    DrivenPages,
    started,
)
from tests.lanes import find_firefox, timeout_factor
from tests.lines import connect

_CALLED = """async text => {
    const argument = JSON.parse(text);
    const value = (%SOURCE%);
    const result = await (typeof value === 'function' ? value(argument) : value);
    return JSON.stringify({result: result === undefined ? null : result});
}"""
"""Without eval, which a page's policy may forbid."""

_FIND = """(() => {
    const selector = %SELECTOR%;
    const plain = element => element.textContent.replace(/\\s+/g, ' ').trim();
    const holds = (element, text) =>
        plain(element).toLowerCase().includes(text.toLowerCase());
    if (selector.startsWith('text=')) {
        const text = selector.slice(5);
        return [...document.querySelectorAll('body *')].filter(element =>
            holds(element, text) &&
            ![...element.children].some(child => holds(child, text)));
    }
    const found = /^(.*):(text-is|has-text)\\('(.*)'\\)$/.exec(selector);
    if (!found) { return [...document.querySelectorAll(selector)]; }
    const [, css, how, text] = found;
    return [...document.querySelectorAll(css || '*')].filter(element =>
        how === 'text-is' ? plain(element) === text : holds(element, text));
})()"""
"""What playwright's selectors find, as far as the tests use them."""

_KEYS = {"\n": "\ue007", "Enter": "\ue007", "Tab": "\ue004", "Delete": "\ue017"}

_ADDRESS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")

_SECONDS = 60.0


class Firefox:
    """A browser, and the connection that tells it what to do."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        # By context, what was written to its console as an error, or not caught.
        self.errors: dict[str, list[str]] = {}
        self.ask("session.new", capabilities={})
        self.ask("session.subscribe", events=["log.entryAdded"])

    def ask(self, method: str, **parameters: Any) -> Any:
        """Return the result of a command."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        self._connection.send(json.dumps(command))
        while True:
            answer = json.loads(self._connection.recv(_SECONDS * timeout_factor()))
            if answer.get("method") == "log.entryAdded":
                self._note(answer["params"])
            if answer.get("id") != self._number:
                continue
            if answer["type"] == "error":
                raise BrowserError(f"{method}: {answer['message']}")
            return answer["result"]

    def _note(self, entry: dict[str, Any]) -> None:
        if entry["level"] == "error":
            context = entry["source"].get("context", "")
            self.errors.setdefault(context, []).append(str(entry.get("text")))

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
        self.keyboard = Keyboard(self.act)

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
        answer = self._firefox.ask(
            "script.callFunction",
            functionDeclaration=_CALLED.replace("%SOURCE%", source),
            arguments=[{"type": "string", "value": json.dumps(argument)}],
            target={"context": self._id},
            awaitPromise=True,
        )
        if answer["type"] != "success":
            raise BrowserError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])["result"]

    def close(self) -> None:
        """See DrivenPage."""
        self._firefox.ask("browsingContext.close", context=self._id)

    # --- What a person does; as playwright's methods ----------------------------------

    def act(self, kind: str, actions: list[dict[str, Any]], **more: Any) -> None:
        """Move the mouse or press keys."""
        source = {"type": kind, "id": kind, "actions": actions, **more}
        self._firefox.ask("input.performActions", context=self._id, actions=[source])

    def resize(self, width: int, height: int) -> None:
        """Have the page be so large."""
        viewport = {"width": width, "height": height}
        self._firefox.ask(
            "browsingContext.setViewport", context=self._id, viewport=viewport
        )

    def errors(self) -> list[str]:
        """Return what the page wrote to its console as an error, or did not catch."""
        # What it has said before comes before the answer.
        self.evaluate("0")
        return self._firefox.errors.get(self._id, [])

    def _found(self, selector: str, what: str) -> Any:
        """Return what an expression says of the elements that a selector finds."""
        find = _FIND.replace("%SELECTOR%", json.dumps(selector))
        return self.evaluate(f"() => {{ const found = {find}; return {what}; }}")

    def _wait_for(self, selector: str, what: str) -> Any:
        deadline = time.monotonic() + ACTION_SECONDS
        while True:
            try:
                answer = self._found(selector, what)
            except BrowserError:
                # The page is on its way to another one.
                answer = None
            if answer:
                return answer
            if time.monotonic() > deadline:
                raise BrowserError(f"{selector} is not there: {self.url}")
            time.sleep(PAUSE_SECONDS)

    def wait_for_selector(self, selector: str) -> None:
        """Wait until the page shows such an element."""
        self._wait_for(
            selector, "found.some(element => element.getClientRects().length > 0)"
        )

    def click(self, selector: str) -> None:
        """Click on the first such element that is shown.

        It is scrolled to first, and the click waits until that has been painted: until
        then Firefox finds what is below the mouse as it was before.
        """
        place = self._wait_for(
            selector,
            """(async () => {
                const element = found.find(each => each.getClientRects().length > 0);
                // What is loaded later moves it.
                if (!element || document.readyState !== 'complete') { return null; }
                element.scrollIntoView({block: 'center', behavior: 'instant'});
                const painted = () => new Promise(requestAnimationFrame);
                await painted();
                await painted();
                const box = element.getClientRects()[0];
                if (!box) { return null; }
                const x = Math.floor(box.x + box.width / 2);
                const y = Math.floor(box.y + box.height / 2);
                return element.contains(document.elementFromPoint(x, y)) && {x, y};
            })()""",
        )
        self.act(
            "pointer",
            [
                {"type": "pointerMove", **place},
                {"type": "pointerDown", "button": 0},
                {"type": "pointerUp", "button": 0},
            ],
            parameters={"pointerType": "mouse"},
        )

    def fill(self, selector: str, text: str) -> None:
        """Type a text into a field, in the place of what is there."""
        # What is loaded later may take the focus.
        self._wait_for(
            selector,
            "document.readyState === 'complete'"
            " && (() => { found[0].focus(); found[0].select(); return true; })()",
        )
        self.keyboard.press("Delete")
        self.keyboard.type(text)

    def inner_text(self, selector: str) -> str:
        """Return the text of the first such element."""
        text: str = self._wait_for(selector, "found[0] && [found[0].innerText]")[0]
        return text

    def locator(self, selector: str) -> Locator:
        """Return such elements."""
        return Locator(self, selector)

    def count(self, selector: str) -> int:
        """Return how many such elements there are."""
        number: int = self._found(selector, "found.length")
        return number

    def wait_for_count(self, selector: str, least: int) -> None:
        """Wait until there are so many such elements."""
        self._wait_for(selector, f"found.length >= {least}")


class Locator:
    """Elements that a selector finds; as much of playwright's as the tests use."""

    def __init__(self, page: FirefoxPage, selector: str, number: int = 0) -> None:
        self._page = page
        self._selector = selector
        self._number = number

    def count(self) -> int:
        """Return how many there are."""
        return self._page.count(self._selector)

    def nth(self, number: int) -> Locator:
        """Return one of them, from 0."""
        return Locator(self._page, self._selector, number)

    def wait_for(self, *, state: str) -> None:
        """Wait until it is there."""
        assert state == "attached"
        self._page.wait_for_count(self._selector, self._number + 1)


class Keyboard:
    """Types into whatever has the focus."""

    def __init__(self, act: Callable[..., None]) -> None:
        self._act = act

    def press(self, key: str) -> None:
        """Press one key, by its name or its character."""
        self.type([key])

    def type(self, keys: Iterable[str]) -> None:
        """Press the keys of a text."""
        actions = [
            {"type": kind, "value": _KEYS.get(key, key)}
            for key in keys
            for kind in ("keyDown", "keyUp")
        ]
        if actions:
            self._act("key", actions)


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

    def errors(self, page: FirefoxPage) -> list[str]:
        """See chromium.Pages."""
        return page.errors()

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
            address = _address(process.stderr, process.terminate)
            # It would stop where nobody reads what it says.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            with connect(f"{address}/session", max_size=None) as connection:
                yield Firefox(connection)


def _address(said: IO[str], end: Callable[[], None]) -> str:
    """Return where a browser listens, which it says in time or is ended."""
    lines = []
    alarm = threading.Timer(_SECONDS * timeout_factor(), end)
    alarm.start()
    try:
        for line in said:
            lines.append(line)
            found = _ADDRESS.search(line)
            if found:
                return found[1]
    finally:
        alarm.cancel()
    raise BrowserError(f"Firefox ended or did not listen: {''.join(lines)}")
