"""What the tests do with a page of apps/pages."""

from __future__ import annotations

from typing import Any

from tests.lanes import timeout_factor


class Tab:
    """A page of apps/pages, which writes down what its channels tell it.

    Args:
        page: the playwright page.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.run = page.evaluate

    def open(self, token: str, name: str = "s") -> int:
        """Open a channel whose events are logged under name; return its state."""
        state: int = self.run("([token, name]) => open(token, name)", [token, name])
        return state

    def connect(self, token: str, name: str = "s") -> None:
        """Open a channel and wait for its onopen."""
        self.open(token, name)
        self.until("name => sockets[name].readyState === 1", name)

    def until(self, condition: str, argument: Any = None, seconds: float = 20) -> None:
        """Wait until a JavaScript condition is true in the page."""
        timeout = seconds * 1000 * timeout_factor()
        self.page.wait_for_function(
            condition, arg=argument, timeout=timeout, polling=20
        )

    def log(self, name: str | None = None) -> list[list[Any]]:
        """Return [name, event, readyState, argument count, detail, this is socket]."""
        entries = self.run("log")
        return [entry for entry in entries if name in (None, entry[0])]

    def events(self, name: str = "s") -> list[str]:
        """Return the names of the events so far."""
        return [entry[1] for entry in self.log(name)]

    def texts(self, name: str = "s") -> list[str]:
        """Return the messages so far."""
        texts: list[str] = self.run("name => texts(name)", name)
        return texts

    def wait_for_events(
        self, *events: str, name: str = "s", seconds: float = 20
    ) -> None:
        """Wait until the events of a socket are these, no more and no less."""
        try:
            self.until(
                "([name, events]) => events_are(name, events)",
                [name, list(events)],
                seconds,
            )
        except Exception as error:
            raise AssertionError(f"{self.events(name)} is not {events}") from error

    def wait_for_texts(self, *texts: str, name: str = "s", seconds: float = 20) -> None:
        """Wait until the messages of a socket are these, no more and no less."""
        try:
            self.until(
                "([name, those]) => texts(name).join() === those.join()",
                [name, list(texts)],
                seconds,
            )
        except Exception as error:
            raise AssertionError(f"{self.texts(name)} is not {texts}") from error

    def settle(self) -> None:
        """Let the page run what it has waiting."""
        self.run("() => new Promise(done => setTimeout(done, 300))")

    def settle_by_clock(self) -> None:
        """The same in a page whose clock is playwright's."""
        self.page.clock.run_for(300)
