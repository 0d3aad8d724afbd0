"""The registry of what a running server says about itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

_logger: Final = logging.getLogger("channelshim.composition")


class StatusRegistry:
    """Named checks and counters; see contracts.status.Status. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checks: dict[str, Callable[[], str]] = {}
        self._counters: dict[str, Callable[[], float]] = {}

    def check(self, name: str, read: Callable[[], str]) -> None:
        """See contracts.status.Status."""
        with self._lock:
            self._checks[name] = read

    def counter(self, name: str, read: Callable[[], float]) -> None:
        """See contracts.status.Status."""
        with self._lock:
            self._counters[name] = read

    def problems(self) -> dict[str, str]:
        """See contracts.status.Status."""
        with self._lock:
            checks = dict(self._checks)
        found = {name: _read(name, read) for name, read in checks.items()}
        return {name: sentence for name, sentence in found.items() if sentence}

    def counters(self) -> dict[str, float]:
        """See contracts.status.Status."""
        with self._lock:
            counters = dict(self._counters)
        found = {}
        for name, read in counters.items():
            try:
                found[name] = read()
            except Exception:
                # One that cannot be read now, as of a store that is closed, hides no
                # other.
                _logger.exception("the counter %s failed", name)
        return found


def _read(name: str, read: Callable[[], str]) -> str:
    try:
        return read()
    except Exception:
        # A check that fails is a problem of its own, and hides no other.
        _logger.exception("the check %s failed", name)
        return "the check itself failed; the log says why"
