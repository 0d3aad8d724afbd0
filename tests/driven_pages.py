"""Pages of browsers that playwright does not drive, used as its own are."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.lanes import timeout_factor

PAUSE_SECONDS = 0.02
ACTION_SECONDS = 10.0 * timeout_factor()
"""How long a page is waited for, where nothing else is asked for."""

EVALUATE = """
const value = (0, eval)('(' + source + ')');
return Promise.resolve(typeof value === 'function' ? value(argument) : value);
"""
"""As playwright's evaluate: `source` is an expression, or a function that is called
with `argument`."""


class BrowserError(Exception):
    """The browser, or the page's own code, says no."""


class DrivenPage(ABC):
    """One page."""

    @property
    def context(self) -> DrivenPage:
        """Return what `new_page` is asked of."""
        return self

    @property
    def url(self) -> str:
        """Return the page's address."""
        url: str = self.evaluate("location.href")
        return url

    @abstractmethod
    def new_page(self) -> DrivenPage:
        """Return another page of the same person."""

    @abstractmethod
    def goto(self, url: str) -> None:
        """Load an address, and wait until it is there."""

    @abstractmethod
    def evaluate(self, source: str, argument: Any = None) -> Any:
        """Return an expression's value, or what the function that it is returns."""

    @abstractmethod
    def close(self) -> None:
        """Close it."""

    def wait_for_function(
        self,
        source: str,
        *,
        arg: Any = None,
        timeout: float = ACTION_SECONDS * 1000,
        polling: int = 0,
    ) -> None:
        """Wait until a condition is true in the page.

        Args:
            source: as that of `evaluate`.
            arg: handed to it.
            timeout: in milliseconds.
            polling: taken, as playwright's is.
        """
        deadline = time.monotonic() + timeout / 1000
        while not self.evaluate(source, arg):
            if time.monotonic() > deadline:
                raise BrowserError(f"{source} with {arg} is not true")
            time.sleep(PAUSE_SECONDS)

    def add_script_tag(self, *, url: str) -> None:
        """Have the page load a script, and wait until it has run."""
        self.evaluate(
            """url => new Promise((resolve, reject) => {
                const script = document.createElement('script');
                script.onload = () => resolve(null);
                script.onerror = reject;
                script.src = url;
                document.head.appendChild(script);
            })""",
            url,
        )


class DrivenPages(ABC):
    """Opens pages for one test and closes them after it; see chromium.Pages."""

    def __init__(self) -> None:
        self._opened: list[DrivenPage] = []

    @abstractmethod
    def __call__(self) -> DrivenPage:
        """Return a new page."""

    def watch(self, page: DrivenPage) -> DrivenPage:
        """Close one more page in the end."""
        self._opened.append(page)
        return page

    def close(self) -> None:
        """Close them."""
        for page in self._opened:
            page.close()


@contextlib.contextmanager
def started(
    command: Sequence[str],
    variables: Mapping[str, str],
    *,
    descriptors: Sequence[int] = (),
    reads: bool = False,
) -> Iterator[subprocess.Popen[str]]:
    """Run a program while the block lasts.

    Args:
        command: the program and its arguments.
        variables: environment variables on top of this process's.
        descriptors: that it inherits.
        reads: whether its standard error is to be read.
    """
    process = subprocess.Popen(
        command,
        env={**os.environ, **variables},
        pass_fds=descriptors,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if reads else subprocess.DEVNULL,
        text=True,
        errors="replace",
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
