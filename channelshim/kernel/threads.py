"""Threads that live as long as the process, and do not die unnoticed.

A worker, a journal or a queue's runner that ends by an exception nobody expected would
leave a server that looks alive and does part of its work never again. So each is a loop
that starts again, after a pause that grows, with the traceback in the log and a count
that a status page can show.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from channelshim.contracts.status import Status

_logger: Final = logging.getLogger("channelshim.kernel")

THREAD_RETRY_SECONDS: Final = 0.5
"""After so long a thread is asked for again that the system would not give."""

MAXIMUM_GIVEN_UP: Final = 64
"""Threads whose handler never returns, and that others have taken the place of."""

FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0
"""A fault that stays must not take a processor, nor fill the log."""


class Kept:
    """One loop in its thread.

    Args:
        name: of the thread.
        loop: called again after each exception; ends the thread when it returns.
        note: called with name after each exception.
        first_pause_seconds: before the second call.
        longest_pause_seconds: the pause doubles up to this, and a loop that ran for
            longer begins again with the first one.
    """

    def __init__(
        self,
        name: str,
        loop: Callable[[], None],
        note: Callable[[str], None],
        first_pause_seconds: float,
        longest_pause_seconds: float,
    ) -> None:
        self.name = name
        self._loop = loop
        self._note = note
        self._first_pause_seconds = first_pause_seconds
        self._longest_pause_seconds = longest_pause_seconds
        self._is_hurried = threading.Event()
        # Daemons: a handler that never returns must not keep the process alive after
        # its stop.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin.

        Raises:
            RuntimeError: the system has no thread to give.
        """
        self._thread.start()

    def hurry(self) -> None:
        """Start the loop again without a pause from now on; for the stop."""
        self._is_hurried.set()

    def join(self, seconds: float) -> None:
        """Wait until the loop has returned, for at most that long."""
        self._thread.join(seconds)

    def is_alive(self) -> bool:
        """Return whether the loop may still be called."""
        return self._thread.is_alive()

    def _run(self) -> None:
        pause = self._first_pause_seconds
        while True:
            begun = time.monotonic()
            try:
                self._loop()
                return
            except BaseException as error:
                # Whatever it is: nobody above would hear of it.
                if time.monotonic() - begun > self._longest_pause_seconds:
                    pause = self._first_pause_seconds
                self._report(error, pause)
            self._wait(pause)
            pause = min(2 * pause, self._longest_pause_seconds)

    def _report(self, error: BaseException, pause: float) -> None:
        self._note(self.name)
        _logger.error(
            "the thread %s failed; it starts again in %.1f s",
            self.name,
            pause,
            exc_info=error,
        )

    def _wait(self, seconds: float) -> None:
        # A hurried loop that fails at once, again and again, must not spin.
        shortest = min(seconds, self._first_pause_seconds / 10)
        if self._is_hurried.wait(seconds):
            time.sleep(shortest)


class Threads:
    """Starts such threads, and counts what befell them. Any thread.

    Args:
        first_pause_seconds: between a first failure and the next try.
        longest_pause_seconds: between later ones.
    """

    def __init__(
        self,
        *,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
        longest_pause_seconds: float = LONGEST_PAUSE_SECONDS,
    ) -> None:
        self._first_pause_seconds = first_pause_seconds
        self._longest_pause_seconds = longest_pause_seconds
        self._lock = threading.Lock()
        self._restarts: Counter[str] = Counter()
        self._started: list[Kept] = []

    def start(self, name: str, loop: Callable[[], None]) -> Kept:
        """Run loop in a daemon thread until it returns.

        Args:
            name: of the thread; several may have the same.
            loop: must bear to be called again after any exception.

        Raises:
            RuntimeError: the system has no thread to give; nothing was started.
        """
        kept = Kept(
            name,
            loop,
            self._note,
            self._first_pause_seconds,
            self._longest_pause_seconds,
        )
        kept.start()
        with self._lock:
            # Those that have ended are forgotten now and then.
            self._started = [each for each in self._started if each.is_alive()]
            self._started.append(kept)
        return kept

    def restarts(self) -> dict[str, int]:
        """Return how often each thread's loop was started again, by name."""
        with self._lock:
            return dict(self._restarts)

    def running(self) -> dict[str, int]:
        """Return how many threads of each name run."""
        with self._lock:
            return dict(Counter(kept.name for kept in self._started if kept.is_alive()))

    def report_to(self, status: Status) -> None:
        """Register what befalls these threads."""
        status.check("threads", self._describe_restarts)
        status.counter("threads.running", lambda: sum(self.running().values()))
        status.counter("threads.restarts", lambda: sum(self.restarts().values()))

    def _describe_restarts(self) -> str:
        restarts = self.restarts()
        failed = ", ".join(f"{name} {count}" for name, count in restarts.items())
        return f"threads that failed and were begun again: {failed}" if failed else ""

    def _note(self, name: str) -> None:
        with self._lock:
            self._restarts[name] += 1
