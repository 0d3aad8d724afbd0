"""Memory that was freed, and that the C library keeps for itself."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Return freed memory to the system, where the C library can. Any thread.

    glibc returns by itself only what lies at the end of its heap: after the start of a
    server some 4 MiB of read files and compiled code stay behind. Others need no
    telling, or have no way to be told.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        # musl, macOS; Windows has no CDLL(None).
        return
    trim(ctypes.c_size_t(0))
