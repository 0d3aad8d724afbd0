"""Threads and tasks that live as long as the process, and do not die unnoticed.

A worker, a journal or a queue's runner that ends by an exception nobody expected would
leave a server that looks alive and does part of its work never again. So each is a loop
that starts again, after a pause that grows, with the traceback in the log and a count
that a status page can show. Nothing else in the package starts a thread or a task that
outlives a request; tests/test_architecture.py looks.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Final

from channelshim.contracts.status import Status

_logger: Final = logging.getLogger("channelshim.kernel")

THREAD_RETRY_SECONDS: Final = 0.5
"""After so long a thread is asked for again that the system would not give."""

FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0
"""A fault that stays must not take a processor, nor fill the log."""

FAULT_SECONDS: Final = 10 * 60.0
"""How long a status page shows a failure that is over."""


class Pauses:
    """The pause after each failure of a loop: it doubles while failures follow.

    Args:
        first_seconds: before the second call.
        longest_seconds: a loop that ran for longer begins again with the first one.
    """

    def __init__(self, first_seconds: float, longest_seconds: float) -> None:
        self.first_seconds: float = first_seconds
        self._longest_seconds = longest_seconds
        self._next_seconds = first_seconds

    def after(self, ran_seconds: float) -> float:
        """Return the pause after a call that has failed after so long."""
        if ran_seconds > self._longest_seconds:
            self._next_seconds = self.first_seconds
        pause = self._next_seconds
        self._next_seconds = min(2 * pause, self._longest_seconds)
        return pause


class Kept:
    """One loop in its thread.

    Args:
        name: of the thread.
        loop: called again after each exception; ends the thread when it returns.
        note: called with name, error and pause after each exception.
        pauses: before the next calls.
    """

    def __init__(
        self,
        name: str,
        loop: Callable[[], None],
        note: Callable[[str, BaseException, float], None],
        pauses: Pauses,
    ) -> None:
        self.name = name
        self._loop = loop
        self._note = note
        self._pauses = pauses
        self._has_returned = False
        self._is_hurried = threading.Event()
        # Daemons: a handler that never returns must not keep the process alive after
        # its stop.
        self._thread = threading.Thread(target=self.run, name=name, daemon=True)

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

    def run(self) -> None:
        """Call the loop until it returns, in this thread."""
        while not self._has_returned:
            begun = time.monotonic()
            try:
                try:
                    self._loop()
                    self._has_returned = True
                except BaseException as error:
                    # Whatever it is: nobody above would hear of it.
                    pause = self._pauses.after(time.monotonic() - begun)
                    self._note(self.name, error, pause)
                    self._wait(pause)
            except BaseException as error:
                # It came in the middle of the lines above.
                self._note(self.name, error, 0.0)

    def _wait(self, seconds: float) -> None:
        # A hurried loop that fails at once, again and again, must not spin.
        shortest = min(seconds, self._pauses.first_seconds / 10)
        if self._is_hurried.wait(seconds):
            time.sleep(shortest)


class KeptTask:
    """One loop in a task of an event loop. Loop thread.

    Args:
        name: of the task.
        loop: called again after each exception; ends the task when it returns.
        note: called with name, error and pause after each exception.
        pauses: before the next calls.
    """

    def __init__(
        self,
        name: str,
        loop: Callable[[], Coroutine[Any, Any, None]],
        note: Callable[[str, BaseException, float], None],
        pauses: Pauses,
    ) -> None:
        self.name = name
        self._loop = loop
        self._note = note
        self._pauses = pauses
        self._is_over = False
        self._events = asyncio.get_running_loop()
        self._task = self._events.create_task(self._run(), name=name)

    def cancel(self) -> None:
        """Have the loop end where it waits."""
        self._is_over = True
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            begun = time.monotonic()
            try:
                await self._loop()
                return
            except BaseException as error:
                # SystemExit, raised further, would end the event loop and the server.
                # A cancellation that nobody of ours asked for is a failure too.
                if not self._events.is_running():
                    # The event loop is gone, and so is this.
                    raise
                pause = self._pauses.after(time.monotonic() - begun)
                self._note_unless_over(error, pause)
            await self._wait(pause)
            if self._is_over:
                return

    async def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._is_over and (left := until - time.monotonic()) > 0:
            try:
                await asyncio.sleep(left)
            except BaseException as error:
                if not self._events.is_running():
                    raise
                self._note_unless_over(error, left)

    def _note_unless_over(self, error: BaseException, pause: float) -> None:
        if not self._is_over:
            self._note(self.name, error, pause)


class Threads:
    """Starts such threads and tasks, and counts what befell them. Any thread.

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
        # By name: monotonic seconds of the last failure.
        self._failed_at: dict[str, float] = {}
        self._started: list[Kept] = []

    def start(self, name: str, loop: Callable[[], None]) -> Kept:
        """Run loop in a daemon thread until it returns.

        Args:
            name: of the thread; several may have the same.
            loop: must bear to be called again after any exception.

        Raises:
            RuntimeError: the system has no thread to give; nothing was started.
        """
        kept = Kept(name, loop, self._note, self._pauses())
        kept.start()
        with self._lock:
            # Those that have ended are forgotten now and then.
            self._started = [each for each in self._started if each.is_alive()]
            self._started.append(kept)
        return kept

    def run(self, name: str, loop: Callable[[], None]) -> None:
        """Run loop in this very thread until it returns; as `start` otherwise."""
        Kept(name, loop, self._note, self._pauses()).run()

    def start_task(
        self, name: str, loop: Callable[[], Coroutine[Any, Any, None]]
    ) -> KeptTask:
        """Run loop in a task of the running event loop until it returns.

        Args:
            name: of the task.
            loop: must bear to be called again after any exception.
        """
        return KeptTask(name, loop, self._note, self._pauses())

    def _pauses(self) -> Pauses:
        return Pauses(self._first_pause_seconds, self._longest_pause_seconds)

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
        status.check("threads", self._describe_restarts, is_vital=False)
        status.counter("threads.running", lambda: sum(self.running().values()))
        status.counter("threads.restarts", lambda: sum(self.restarts().values()))

    def _describe_restarts(self) -> str:
        latest = time.monotonic() - FAULT_SECONDS
        with self._lock:
            failed = ", ".join(
                f"{name} {self._restarts[name]}"
                for name, failed_at in self._failed_at.items()
                if failed_at > latest
            )
        return f"threads that failed and were begun again: {failed}" if failed else ""

    def _note(self, name: str, error: BaseException, pause: float) -> None:
        with self._lock:
            self._restarts[name] += 1
            self._failed_at[name] = time.monotonic()
        _logger.error(
            "the thread %s failed; it starts again in %.1f s",
            name,
            pause,
            exc_info=error,
        )
