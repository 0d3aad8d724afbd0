"""A place for one app process, and what has befallen those that were there."""

from __future__ import annotations

import contextlib
import signal
from collections import deque
from typing import Final

from channelshim.composition.app_launch import AppProcess
from channelshim.errors import ConfigurationError
from channelshim.kernel.threads import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Pauses,
)

MOST_ENDS: Final = 5
ENDS_SECONDS: Final = 10.0
"""So many ends in a row after so short a life, all in all, are no accident. The time
that it takes to load the app does not count: it may be long."""


class AppLoadError(ConfigurationError):
    """An app process could not load the app, or has ended.

    Args:
        sentence: what is wrong.
        report: the app's own traceback, or "".
        is_of_the_app: whether the process itself says so.
        is_passing: whether the store or memcache could not be reached, which another
            process may find otherwise.

    Attributes:
        report: as given.
        is_of_the_app: as given.
        is_passing: as given.
    """

    def __init__(
        self,
        sentence: str,
        report: str = "",
        *,
        is_of_the_app: bool = False,
        is_passing: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.report: str = report
        self.is_of_the_app: bool = is_of_the_app
        self.is_passing: bool = is_passing


class Slot:
    """A place for one process: the one that is there, and one that is to be.

    Args:
        number: of the process, for people.

    Attributes:
        number: as given.
        current: takes requests; None while none does.
        starting: loads the app; None while none does.
        is_outdated: whether what is starting may load files as they were before.
    """

    def __init__(self, number: int) -> None:
        self.number: int = number
        self.current: AppProcess | None = None
        self.starting: AppProcess | None = None
        self.is_outdated: bool = False
        self._pauses = Pauses(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        # How long the latest ones lived, in seconds.
        self._lives: deque[float] = deque(maxlen=MOST_ENDS)

    def begin(self, process: AppProcess) -> None:
        """Note that a process loads the app."""
        self.starting = process
        self.is_outdated = False

    def outdate(self) -> None:
        """Note that the files have changed, perhaps after what starts has read them."""
        self.is_outdated = self.starting is not None

    def settle(self) -> AppProcess | None:
        """Note that it takes requests; return the one before it."""
        before, self.current, self.starting = self.current, self.starting, None
        return before

    def leave(self, process: AppProcess) -> bool:
        """Note that a process has ended; return whether it was loading the app."""
        if self.current is process:
            self.current = None
        if self.starting is not process:
            return False
        self.starting = None
        return True

    def note_end(self, lived_seconds: float) -> bool:
        """Count an end that nobody wanted; return whether it is one too many."""
        self._lives.append(lived_seconds)
        return len(self._lives) == MOST_ENDS and sum(self._lives) < ENDS_SECONDS

    def pause_after(self, lived_seconds: float) -> float:
        """Return the seconds until the next process is to begin."""
        return self._pauses.after(lived_seconds)


def how_it_ended(number: int, code: int) -> str:
    """Return a sentence about the end of a process.

    Args:
        number: of the process.
        code: its status, negative for a signal.
    """
    if code >= 0:
        return f"app process {number} has ended by itself, with status {code}"
    with contextlib.suppress(ValueError):
        return f"app process {number} was ended by {signal.Signals(-code).name}"
    return f"app process {number} was ended by signal {-code}"
