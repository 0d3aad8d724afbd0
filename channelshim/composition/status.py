"""The registry of what a running server says about itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from channelshim.composition.check_look import CheckLook, ask
from channelshim.contracts.status import Findings, Histogram
from channelshim.kernel.threads import Threads

_logger: Final = logging.getLogger("channelshim.composition")

_Read = TypeVar("_Read")


class StatusRegistry:
    """Named checks and numbers; see contracts.status.Status. Any thread.

    Args:
        threads: checks are asked in one of them; None for some of its own.
    """

    def __init__(self, threads: Threads | None = None) -> None:
        self._threads = threads or Threads()
        self._lock = threading.Lock()
        self._look = CheckLook({})
        self._look.run()
        # Of which a check has yet to answer.
        self._stalled: tuple[CheckLook, ...] = ()
        self._checks: dict[str, Callable[[], str]] = {}
        # Names of checks.
        self._vital: set[str] = set()
        self._counters: dict[str, Callable[[], float]] = {}
        self._tables: dict[str, tuple[str, Callable[[], Mapping[str, float]]]] = {}
        self._histograms: dict[str, Callable[[], Histogram]] = {}

    def check(
        self, name: str, read: Callable[[], str], *, is_vital: bool = True
    ) -> None:
        """See contracts.status.Status."""
        with self._lock:
            self._checks[name] = read
            (self._vital.add if is_vital else self._vital.discard)(name)

    def counter(self, name: str, read: Callable[[], float]) -> None:
        """See contracts.status.Status."""
        with self._lock:
            self._counters[name] = read

    def table(
        self, name: str, label: str, read: Callable[[], Mapping[str, float]]
    ) -> None:
        """See contracts.status.Status."""
        with self._lock:
            self._tables[name] = label, read

    def histogram(self, name: str, read: Callable[[], Histogram]) -> None:
        """See contracts.status.Status."""
        with self._lock:
            self._histograms[name] = read

    def findings(self) -> Findings:
        """See contracts.status.Status."""
        look, is_new = self._look_of_now()
        if is_new:
            try:
                self._threads.start("checks", look.run)
            except RuntimeError:
                # The system has no thread to give.
                look.run()
        problems = look.problems()
        with self._lock:
            vital = {name: problems[name] for name in self._vital if name in problems}
        return Findings(problems, vital)

    def _look_of_now(self) -> tuple[CheckLook, bool]:
        """Return the look that goes on, or a new one, and whether it is new."""
        with self._lock:
            if self._look.is_fresh:
                return self._look, False
            self._look.leave()
            looks = (*self._stalled, self._look)
            self._stalled = tuple(each for each in looks if each.asked)
            left_out = {each.asked for each in self._stalled}
            # One that hangs must not hide a vital one.
            names = sorted(self._checks, key=lambda name: name not in self._vital)
            checks = {
                name: self._checks[name] for name in names if name not in left_out
            }
            self._look = CheckLook(checks, self._stalled, self._look.answers)
            return self._look, True

    def problems(self) -> dict[str, str]:
        """See contracts.status.Status."""
        return dict(self.findings().problems)

    def vital_problems(self) -> dict[str, str]:
        """See contracts.status.Status."""
        with self._lock:
            checks = {name: self._checks[name] for name in self._vital}
        found = {name: ask(name, read) for name, read in checks.items()}
        return {name: sentence for name, sentence in found.items() if sentence}

    def counters(self) -> dict[str, float]:
        """See contracts.status.Status."""
        with self._lock:
            counters = dict(self._counters)
        return _read_all(counters)

    def tables(self) -> dict[str, tuple[str, Mapping[str, float]]]:
        """See contracts.status.Status."""
        with self._lock:
            tables = dict(self._tables)
        found = _read_all({name: read for name, (_, read) in tables.items()})
        return {name: (tables[name][0], numbers) for name, numbers in found.items()}

    def histograms(self) -> dict[str, Histogram]:
        """See contracts.status.Status."""
        with self._lock:
            histograms = dict(self._histograms)
        return _read_all(histograms)


def _read_all(reads: Mapping[str, Callable[[], _Read]]) -> dict[str, _Read]:
    """Return what can be read, by name."""
    found = {}
    for name, read in reads.items():
        try:
            found[name] = read()
        except Exception:
            # One that cannot be read now, as of a store that is closed, hides no
            # other.
            _logger.exception("the counter %s failed", name)
    return found
