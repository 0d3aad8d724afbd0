"""The end of the process: it comes in time, whatever threads of the app still do."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
import time
from typing import Final

from channelshim.kernel.threads import Threads
from channelshim.runtime import log_lines
from channelshim.transports.stop_signals import INTERRUPT_SECONDS

_logger: Final = logging.getLogger("channelshim.composition")


class Ending:
    """Ends the process when the interpreter does not.

    Python waits for every thread that is no daemon, and for what was registered with
    atexit. An app's thread that never returns would leave a process without a port.

    Args:
        seconds: which both may take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = max(seconds, INTERRUPT_SECONDS)
        self._is_at_exit = threading.Event()

    def begin(self) -> None:
        """Return at once; the caller ends the main thread now."""
        threads = Threads()
        # What is registered last is called first.
        atexit.register(self._is_at_exit.set)
        threads.start("ending", self._end)

    def _end(self) -> None:
        # The process ends before that, as a rule, and this thread with it.
        time.sleep(self._seconds)
        left = [thread.name for thread in threading.enumerate() if not thread.daemon]
        with contextlib.suppress(ValueError):
            left.remove(threading.main_thread().name)
        if left:
            _logger.warning("stopped with threads still running: %s", ", ".join(left))
        if not self._is_at_exit.is_set():
            self._call_registered()
        log_lines.flush()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(0)

    def _call_registered(self) -> None:
        """Do what the interpreter would have done at its exit, within a bound too."""
        threads = Threads()
        threads.start("at-exit", _run_exit_functions).join(INTERRUPT_SECONDS)


def _run_exit_functions() -> None:
    # The only way to them; logging and coverage write their rest there.
    atexit._run_exitfuncs()  # noqa: SLF001 -- no public one
