"""Long work, step by step in a thread of its own, with a progress bar to look at."""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, ClassVar, Final

from channelshim.console.page import NO_THREAD, PageHandler, Refused
from channelshim.errors import ChannelShimError

_logger: Final = logging.getLogger("channelshim.console")

MOST_WORKS: Final = 20
"""Works that are remembered; the oldest that is over gives way."""

_KEY_BYTES: Final = 9

Progress = tuple[int, "int | None"]
"""How much is done, and of how much; None where nobody knows."""


class Work:
    """Some long work.

    Args:
        title: for people.
        back: path of the page that began it.
        seconds: monotonic ones.
    """

    def __init__(self, title: str, back: str, seconds: Callable[[], float]) -> None:
        self.title: str = title
        self.back: str = back
        self._seconds = seconds
        self._begun = seconds()
        self._lasted: float | None = None
        self._progress: Progress = (0, None)
        self._problem = ""
        self._is_cancelled = threading.Event()

    def run(self, in_app: Callable[..., Any], steps: Iterator[Progress]) -> None:
        """Do one step after another, each as a request of the app."""
        try:
            while not self._is_cancelled.is_set():
                progress = in_app(next, steps, None)
                if progress is None:
                    break
                self._progress = progress
        except (ChannelShimError, ValueError) as error:
            self._problem = str(error)
        except BaseException as error:
            # A thread that is kept would begin it again.
            _logger.exception("%s failed", self.title)
            self._problem = f"it failed: {type(error).__name__}; the log has more"
        self._lasted = self._seconds() - self._begun

    @property
    def is_over(self) -> bool:
        """Return whether it has ended. Any thread."""
        return self._lasted is not None

    def cancel(self) -> None:
        """Have it end after the step that it is at. Any thread."""
        self._is_cancelled.set()

    def facts(self) -> dict[str, Any]:
        """Return how it stands. Any thread."""
        done, total = self._progress
        lasted = self._lasted
        return {
            "title_of_work": self.title,
            "back": self.back,
            "done": done,
            "total": total,
            "is_over": lasted is not None,
            "is_cancelled": self._is_cancelled.is_set(),
            "failure": self._problem,
            "seconds": self._seconds() - self._begun if lasted is None else lasted,
        }


class Works:
    """The long works of a console. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._works: OrderedDict[str, Work] = OrderedDict()

    def add(self, work: Work) -> str:
        """Remember a work that is to begin, and return its key.

        Raises:
            Refused: as many as are remembered have not ended.
        """
        key = secrets.token_urlsafe(_KEY_BYTES)
        with self._lock:
            if len(self._works) >= MOST_WORKS:
                del self._works[self._oldest_over()]
            self._works[key] = work
        return key

    def _oldest_over(self) -> str:
        for key, work in self._works.items():
            if work.is_over:
                return key
        raise Refused(
            f"{len(self._works)} long works have not ended: wait until one has, or "
            "cancel it on its page.",
            HTTPStatus.SERVICE_UNAVAILABLE,
        )

    def remove(self, key: str) -> None:
        """Forget a work that was never begun."""
        with self._lock:
            self._works.pop(key, None)

    def find(self, key: str) -> Work | None:
        """Return the work of a key, or None."""
        with self._lock:
            return self._works.get(key)


def begin(page: PageHandler, title: str, steps: Iterator[Progress]) -> None:
    """Begin long work, and send the browser to the page that shows how it stands.

    Args:
        page: that begins it, by an action.
        title: for people.
        steps: yields after each step, which should take less than a second; run in the
            app.
    """
    sources = page.sources
    work = Work(title, page.request.path_qs, sources.clock.monotonic)
    works = _works(page)
    key = works.add(work)
    try:
        sources.start_thread("console work", lambda: work.run(sources.in_app, steps))
    except RuntimeError:
        works.remove(key)
        raise Refused(NO_THREAD, HTTPStatus.SERVICE_UNAVAILABLE) from None
    page.done(f"{title}: begun.", f"/work?id={key}")


class WorkPage(PageHandler):
    """How long work stands."""

    template: ClassVar[str] = "work.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        return self._work().facts()

    def do_cancel(self, **names: str) -> str:
        """Have the work end after its step."""
        self._work().cancel()
        return "It ends after the step that it is at."

    def _work(self) -> Work:
        work = _works(self).find(self.request.GET.get("id", ""))
        if work is None:
            raise Refused(
                "There is no such work: it is long over, or the server was restarted.",
                HTTPStatus.NOT_FOUND,
            )
        return work


def _works(page: PageHandler) -> Works:
    works: Works = page.app.registry.setdefault("works", Works())
    return works
