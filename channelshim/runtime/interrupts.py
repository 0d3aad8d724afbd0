"""Signals before the server takes them over: Ctrl-C ends the command at any moment.

Python raises KeyboardInterrupt wherever the main thread is. Inside a finalizer or a
callback of the interpreter it is printed and lost, and the program would go on; so the
signal is also remembered, and asked for before serving begins.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import NoReturn

_interrupted = threading.Event()


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    _interrupted.set()
    raise KeyboardInterrupt


def watch() -> None:
    """Remember Ctrl-C from now on; for the entry points of the commands.

    A SIGINT that whoever started this process ignores stays ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    outlive_user_signals()


def outlive_user_signals() -> None:
    """Have SIGUSR1 and SIGUSR2 end nothing, where nobody else handles them.

    They tell other servers to open their logs again; by default they end the process.
    Main thread only. Programs that are started from here have the default again.
    """
    for name in ("SIGUSR1", "SIGUSR2"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _do_nothing)


def _do_nothing(_: int, __: FrameType | None) -> None:
    """Handle a signal that means nothing here: ignored, children would inherit that."""


def raise_if_interrupted() -> None:
    """Raise what was lost.

    Raises:
        KeyboardInterrupt: Ctrl-C came since `watch`.
    """
    if _interrupted.is_set():
        raise KeyboardInterrupt
