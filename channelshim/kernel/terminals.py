"""The terminal that a process may belong to."""

from __future__ import annotations

import os


def has_controlling_terminal() -> bool:
    """Return whether closing a terminal would end this process (POSIX, SIGHUP).

    Once it is closed, this can no longer be told.
    """
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | getattr(os, "O_NOCTTY", 0)))
    except OSError:
        return False
    return True
