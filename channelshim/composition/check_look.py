"""One look at the checks, which a check that hangs does not hold up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from channelshim.transports.health import PATIENCE_SECONDS

_logger: Final = logging.getLogger("channelshim.composition")

_UNANSWERED: Final = f"the check has not answered for {PATIENCE_SECONDS:g} s"


class CheckLook:
    """Asks checks one after another in one thread, and tells others what they say.

    Whoever reads waits PATIENCE_SECONDS from its begin at most, as a load balancer's
    probe does. A check that has not answered by then is a problem, and holds its thread
    alone: the next look leaves it out until it comes back, and asks all others.

    Args:
        checks: to ask, by name, in that order.
        stalled: earlier looks with a check that has not answered.
        before: what each check said last, by name.
    """

    def __init__(
        self,
        checks: Mapping[str, Callable[[], str]],
        stalled: Sequence[CheckLook] = (),
        before: Mapping[str, str] | None = None,
    ) -> None:
        self._checks = checks
        self._stalled = stalled
        self._before = before or {}
        self._answers: dict[str, str] = {}
        self._lock = threading.Lock()
        self._asked = ""
        self._is_left = False
        self._has_begun = False
        self._until = time.monotonic() + PATIENCE_SECONDS
        self._is_over = threading.Event()

    @property
    def asked(self) -> str:
        """Return the check that has yet to answer; "" for none."""
        return self._asked

    @property
    def answers(self) -> dict[str, str]:
        """Return what each check said last, by name. Any thread."""
        # A copy, made in one step: a check may come back just now.
        return {**self._before, **self._answers.copy()}

    @property
    def is_fresh(self) -> bool:
        """Return whether it goes on and may be waited for."""
        return not self._is_over.is_set() and self._seconds_left > 0

    def leave(self) -> None:
        """Ask no further check: another look asks the rest."""
        with self._lock:
            self._is_left = True

    @property
    def _seconds_left(self) -> float:
        return self._until - time.monotonic()

    def run(self) -> None:
        """Ask. In a thread that nobody waits for."""
        try:
            for name, read in self._checks.items():
                with self._lock:
                    if self._is_left:
                        return
                    self._asked = name
                    self._has_begun = True
                self._answers[name] = ask(name, read)
        finally:
            # A thread that is kept would begin it again.
            self.leave()
            self._asked = ""
            self._is_over.set()

    def problems(self) -> dict[str, str]:
        """Return the sentence of each check that is not well, by name. Any thread."""
        self._is_over.wait(max(self._seconds_left, 0.0))
        answers = self.answers
        # Of those that this look has not come to, what they said before.
        found = {name: answers[name] for name in self._checks if answers.get(name)}
        if self._checks and not self._has_begun:
            # Its thread came too late. The first check is a vital one, if any is.
            found[next(iter(self._checks))] = _UNANSWERED
        for each in (*self._stalled, self):
            if name := each.asked:
                found[name] = _UNANSWERED
        return found


def ask(name: str, read: Callable[[], str]) -> str:
    """Return what a check says; one that fails is a problem of its own."""
    try:
        return read()
    except Exception:
        _logger.exception("the check %s failed", name)
        return "the check itself failed; the log says why"
