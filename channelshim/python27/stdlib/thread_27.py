"""thread: the module _thread under its first names."""

from __future__ import annotations

from _thread import (
    LockType,
    allocate_lock,
    error,
    exit,
    get_ident,
    interrupt_main,
    stack_size,
    start_new_thread,
)
from _thread import allocate_lock as allocate
from _thread import exit as exit_thread
from _thread import start_new_thread as start_new

__all__ = [
    "LockType",
    "allocate",
    "allocate_lock",
    "error",
    "exit",
    "exit_thread",
    "get_ident",
    "interrupt_main",
    "stack_size",
    "start_new",
    "start_new_thread",
]
