"""Deadlines of the app's code: past its own, a handler is told by an exception.

App Engine raised DeadlineExceededError in the handler's thread, so that it could clean
up and answer. Python can set an exception for another thread, which raises it at its
next step: a thread that waits in C, for a lock or a socket, hears of it when that
returns. Where ours waits for what a handler holds, `acquire` looks at the time itself.

Theory: an exception between two arbitrary steps breaks what counts on its own `finally`
to come: a lock of logging, of an import or of ours would stay taken for ever. So the
exception is set only while the innermost step of the thread is the app's own or a
library's, and not the standard library's or ours; until then we look again and again.
Whoever looks holds the interpreter, so the thread stands still and raises right there;
should it have run between look and exception all the same, a second look takes the
exception back. Threads that write to a log release the interpreter only there, so a
look that waits for that finds them there each time: before a look we sleep for a random
moment and have the interpreter taken from whoever runs then.
tests/kernel/test_deadlines.py explores it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType
from typing import Final

from channelshim.kernel.switching import switch_interval
from channelshim.kernel.threads import Threads

OVERDUE_SECONDS: Final = 1.0
"""How long a handler may go on after its deadline, to clean up and answer."""

LOOK_SECONDS: Final = 0.02
"""Between two looks whether a handler that is late can be told."""

_RARELY_SECONDS = 0.25
"""The same for one that does not end: nobody waits for it any more."""

_SLEEP_SECONDS: Final = 0.001
"""The longest sleep before a look at one that is late."""

_SWITCH_SECONDS: Final = 0.00001
"""After this the thread that runs is interrupted for that look; Python's is 0.005 s."""

_NEVER = float("inf")

_chance: Final = random.Random()
"""Not the one that the app may have seeded."""

_logger: Final = logging.getLogger("channelshim.kernel")

_FROZEN: Final = "<frozen "
TYPED: Final = "<console>"
"""The file of a program that a person has typed: nobody's but the app's."""

_OWN: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STANDARD: Final = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_PACKAGES: Final = (
    os.path.join(_STANDARD, "site-packages", ""),
    os.path.join(_STANDARD, "dist-packages", ""),
)


class Run:
    """One call of the app's code: a `with` block, entered once."""

    __slots__ = (
        "_before",
        "_seconds",
        "deadline",
        "is_overdue",
        "is_told",
        "overdue",
        "owner",
        "thread",
    )

    def __init__(
        self, owner: Deadlines, seconds: float, overdue: Callable[[], None]
    ) -> None:
        self.owner = owner
        self.overdue = overdue
        self.is_told = False
        self.is_overdue = False
        self._seconds = seconds

    def __enter__(self) -> Callable[[], None]:
        self.thread = threading.get_ident()
        self.deadline = time.monotonic() + self._seconds
        self.owner.add(self)
        self._before, _this_thread.run = _this_thread.run, self
        return self.hasten

    def __exit__(self, *_: object) -> None:
        _this_thread.run = self._before
        self.owner.discard(self)

    def hasten(self) -> None:
        """Have it end now. Any thread."""
        self.owner.hasten(self)

    def due(self) -> float:
        """Return when to look at it again: monotonic seconds."""
        if self.is_overdue:
            return _NEVER if self.is_told else time.monotonic() + _RARELY_SECONDS
        return self.deadline + (OVERDUE_SECONDS if self.is_told else 0.0)


class Deadlines:
    """Watches how long the app's code takes. Any thread.

    Args:
        threads: keeps the thread running that watches, from the first call on; None
            for one of its own.
        error: returns what is raised; asked when it is first needed.
    """

    def __init__(
        self,
        threads: Threads | None = None,
        error: Callable[[], type[BaseException]] = lambda: TimeoutError,
    ) -> None:
        self._threads = threads or Threads()
        self._error = error
        self._runs: set[Run] = set()
        # Guards the runs and what follows. `add` and `discard` take it directly, which
        # saves each request a call of the condition's.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._looks_at = _NEVER
        self._is_watched = False

    def limit(
        self, seconds: float, overdue: Callable[[], None] = lambda: None
    ) -> AbstractContextManager[Callable[[], None]]:
        """Have the error raised in this thread after so long.

        Args:
            seconds: from now; 0 or less for no deadline.
            overdue: called, in another thread and once, when the block has not ended
                OVERDUE_SECONDS after that.

        Returns:
            for one `with` block, which begins the time. Its value has the error raised
            now, from any thread.
        """
        if seconds <= 0:
            return contextlib.nullcontext(_nothing)
        return Run(self, seconds, overdue)

    def hasten(self, run: Run) -> None:
        """Have the error raised in a run's thread now."""
        with self._changed:
            run.deadline = min(run.deadline, time.monotonic())
            self._changed.notify()

    def error_for(self, run: Run) -> BaseException:
        """Return what a thread raises itself; it hears of the deadline no more."""
        error = self._error_class()
        with self._lock:
            run.is_told = True
        return error()

    def add(self, run: Run) -> None:
        """Watch a run that begins."""
        with self._lock:
            self._runs.add(run)
            if not self._is_watched:
                self._begin_watch()
            elif run.deadline < self._looks_at:
                self._changed.notify()

    def _begin_watch(self) -> None:
        try:
            self._threads.start("deadlines", self._watch)
        except RuntimeError as error:
            # The next run asks again, and has this one watched too.
            _logger.error("nothing has a deadline for now: %s", error)
        else:
            self._is_watched = True

    def discard(self, run: Run) -> None:
        """Watch a run no more: it ends, and is not told any more."""
        with self._lock:
            self._runs.discard(run)

    def _watch(self) -> None:
        while True:
            for overdue in self._look():
                try:
                    overdue()
                except Exception:
                    _logger.exception("a handler that is overdue was not given up")
            with self._changed:
                now = time.monotonic()
                self._looks_at = min((run.due() for run in self._runs), default=_NEVER)
                wait = max(LOOK_SECONDS, self._looks_at - now)
                self._changed.wait(None if wait == _NEVER else wait)

    def _look(self) -> list[Callable[[], None]]:
        """Tell those that are late; return what to call for those that are overdue."""
        overdue = []
        # Asked before: nothing may come between a look at a thread and the exception.
        error = self._error_class()
        if self._is_one_late():
            _interrupt()
        with self._lock:
            now = time.monotonic()
            for run in self._runs:
                if run.deadline > now:
                    continue
                # Under the lock: it cannot end meanwhile.
                if not run.is_told:
                    run.is_told = _tell(run.thread, error)
                if not run.is_overdue and now >= run.deadline + OVERDUE_SECONDS:
                    run.is_overdue = True
                    overdue.append(run.overdue)
        return overdue

    def _error_class(self) -> type[BaseException]:
        try:
            return self._error()
        except Exception:
            # The watch goes on: all others would wait for ever.
            _logger.exception("the error for a deadline cannot be had: TimeoutError is")
            return TimeoutError

    def _is_one_late(self) -> bool:
        with self._lock:
            now = time.monotonic()
            return any(run.deadline <= now and not run.is_told for run in self._runs)


class _ThisThread(threading.local):
    run: Run | None = None


_this_thread: Final = _ThisThread()


def seconds_left() -> float | None:
    """Return what is left of this thread's deadline, 0 at least; None without one."""
    run = _this_thread.run
    return None if run is None else max(0.0, run.deadline - time.monotonic())


def overdue_at() -> float:
    """Return when what this thread runs is overdue: monotonic seconds, inf for never.

    It is so OVERDUE_SECONDS after its deadline.
    """
    run = _this_thread.run
    return _NEVER if run is None else run.deadline + OVERDUE_SECONDS


def give_up() -> None:
    """Act as if the deadline of this thread had passed; nothing where it has none.

    Raises:
        BaseException: it has one.
    """
    run = _this_thread.run
    if run is not None:
        raise run.owner.error_for(run)


def acquire(lock: threading.Lock | threading.RLock, seconds: float) -> bool:
    """Take a lock that is held while the app's code runs.

    Args:
        lock: to take.
        seconds: how long to wait for it.

    Returns:
        False when it was not taken in that time.

    Raises:
        BaseException: the deadline of this thread has passed; the lock is not taken.
    """
    run = _this_thread.run
    left = _NEVER if run is None else max(0.0, run.deadline - time.monotonic())
    if lock.acquire(timeout=min(left, seconds)):
        return True
    if left <= seconds:
        give_up()
    return False


def _nothing() -> None:
    """Do nothing: there is no deadline."""


def _interrupt() -> None:
    """Stop whatever thread runs in a moment, wherever it is then."""
    with switch_interval(_SWITCH_SECONDS):
        time.sleep(_chance.uniform(0.0, _SLEEP_SECONDS))


def _tell(thread: int, error: type[BaseException]) -> bool:
    """Raise in a thread if that breaks nothing; return whether it was done."""
    number, raised = ctypes.c_ulong(thread), ctypes.py_object(error)
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    if not _is_in_app(thread):
        return False
    raise_in(number, raised)
    if not _is_in_app(thread):
        # Where it has been raised already this does nothing, and the handler may hear
        # of its deadline twice: better than a lock that stays taken.
        raise_in(number, None)
        return False
    return True


def _is_in_app(thread: int) -> bool:
    frame = _frame_of(thread)
    while frame is not None and _is_made(frame.f_code.co_filename):
        # A record of ours is made by code that nobody has in a file: whoever called it
        # may hold a lock.
        frame = frame.f_back
    return frame is not None and _is_apps(frame.f_code.co_filename)


def _frame_of(thread: int) -> FrameType | None:
    """Return the innermost step of a thread; None for one that has ended.

    Python 3.11 makes frame objects under the lock of all threads' states. A garbage
    collection right then may end a threading.local, which takes that lock, too: the
    process would stand still for ever (CPython's issue 106883).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames().get(thread)  # noqa: SLF001 -- documented
    finally:
        if was_enabled:
            gc.enable()


def _is_made(file: str) -> bool:
    """Return whether code was made at run time, as that of named tuples is."""
    return file.startswith("<") and not file.startswith((_FROZEN, TYPED))


def _is_apps(file: str) -> bool:
    """Return whether a step in this file is the app's, or of a library of its own."""
    if file.startswith(_FROZEN) or file.startswith(_OWN):
        return False
    return not file.startswith(_STANDARD) or file.startswith(_PACKAGES)
