"""The entry points: what the two commands run first.

Nothing but the standard library is imported before Ctrl-C is looked after, so that it
prints no traceback while the rest is being imported.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from channelshim.runtime import collector, interrupts


def channelshim() -> None:
    """Run `channelshim`."""
    _run("main")


def dev_appserver() -> None:
    """Run `dev_appserver.py`."""
    _run("dev_appserver")


def _run(name: str) -> None:
    try:
        interrupts.watch()
        collector.be_patient()
        from channelshim.cli import main

        getattr(main, name)()
    except SystemExit:
        raise
    except BaseException as error:
        if not interrupts.is_interrupt(error):
            raise
        _end_interrupted()


def _end_interrupted() -> NoReturn:
    """End with the status of an interrupted command, whatever is still running."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout.flush()
    # Not sys.exit: a thread of the app may not end, and nothing is kept in memory.
    os._exit(130)
