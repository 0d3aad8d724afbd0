"""The registry of what a running server says about itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from channelshim.contracts.status import Histogram

_logger: Final = logging.getLogger("channelshim.composition")

_Read = TypeVar("_Read")


class StatusRegistry:
    """Named checks and numbers; see contracts.status.Status. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
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

    def problems(self) -> dict[str, str]:
        """See contracts.status.Status."""
        with self._lock:
            checks = dict(self._checks)
        return _problems(checks)

    def vital_problems(self) -> dict[str, str]:
        """See contracts.status.Status."""
        with self._lock:
            checks = {name: self._checks[name] for name in self._vital}
        return _problems(checks)

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


def _problems(checks: Mapping[str, Callable[[], str]]) -> dict[str, str]:
    """Return the sentence of each that is not well, by name."""
    found = {name: _read(name, read) for name, read in checks.items()}
    return {name: sentence for name, sentence in found.items() if sentence}


def _read(name: str, read: Callable[[], str]) -> str:
    try:
        return read()
    except Exception:
        # A check that fails is a problem of its own, and hides no other.
        _logger.exception("the check %s failed", name)
        return "the check itself failed; the log says why"
