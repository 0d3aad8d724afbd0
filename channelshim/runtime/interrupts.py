"""Signals before the server takes them over: Ctrl-C ends the command at any moment.

Python raises KeyboardInterrupt wherever the main thread is. Inside a finalizer or a
callback of the interpreter it is printed and lost, and the program would go on; so the
signal is also remembered, and asked for before serving begins. It is not printed.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

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
        sys.unraisablehook = _report_lost
    outlive_user_signals()


def _report_lost(lost: UnraisableHookArgs) -> None:
    """Print an error that could not be raised, unless it is Ctrl-C's own."""
    if lost.exc_type is KeyboardInterrupt and _interrupted.is_set():
        return
    sys.__unraisablehook__(lost)


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


def is_interrupt(error: BaseException) -> bool:
    """Return whether Ctrl-C is what raised error, or what it was raised from.

    Before Python 3.12 what is raised while a class is being made, in `__set_name__`,
    comes out as a RuntimeError; libraries replace what they catch by errors of their
    own.
    """
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        if isinstance(found, KeyboardInterrupt):
            return True
        seen.add(id(found))
        found = found.__cause__ or found.__context__
    return False
