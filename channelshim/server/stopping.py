"""The stop: the signals that ask for it, and the bound within which all must end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final

from channelshim.runtime import interrupts, log_lines

_STOPS: Final = ("SIGINT", "SIGTERM", "SIGHUP")


class Bound:
    """The time that is left for a stop, for all that is in hand together.

    Args:
        seconds: from now on.
    """

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def shorten(self, seconds: float) -> None:
        """Leave no more than so many seconds from now on."""
        self._deadline = min(self._deadline, time.monotonic() + seconds)

    @property
    def seconds_left(self) -> float:
        """Return how long the rest may take; 0 when nothing is left."""
        return max(0.0, self._deadline - time.monotonic())


class StopSignals:
    """Handles the signals that stop a server, while a `with` block lasts.

    The first Ctrl-C or SIGTERM asks for an orderly stop, the second one means now. A
    closed terminal (SIGHUP) is an orderly stop too, however often it is told. Where
    SIGHUP is ignored, as under nohup, it stays so. SIGUSR1 and SIGUSR2 do nothing, then
    and later.

    Outside of the main thread, where Python lets nobody handle signals, and where
    nothing else is said, nothing is changed.

    Args:
        on_stop: called in the main thread with the number of the first signal.
        on_hangup: called at SIGHUP; returns whether that was a wish for something else
            than the stop. May be called again.
    """

    def __init__(
        self,
        on_stop: Callable[[int], None],
        on_hangup: Callable[[], bool] = lambda: False,
    ) -> None:
        self._on_stop = on_stop
        self._on_hangup = on_hangup
        self._before: dict[int, Any] = {}
        self.number: int | None = None

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is not threading.main_thread():
            return self
        interrupts.outlive_user_signals()
        for name in _STOPS:
            number: int = getattr(signal, name, 0)
            is_default = number and signal.getsignal(number) is signal.SIG_DFL
            if number and (is_default or name != "SIGHUP"):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What is left to do after a signal takes a moment; a second one means now until
        # the process has ended.
        if self.number is None:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number == getattr(signal, "SIGHUP", None):
            # The shell and the kernel both tell of a closed terminal, at once: the
            # second one may be handled while the first one is asked about.
            if self._is_stopping() or self._on_hangup() or self._is_stopping():
                return
        elif self._is_stopping():
            end_now()
        self.number = number
        self._on_stop(number)

    def _is_stopping(self) -> bool:
        return self.number is not None


def end_now() -> None:
    """End the process without a clean-up that a handler could hold up."""
    log_lines.flush()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(0)
