"""thread: the module _thread under its first names."""

from __future__ import annotations

import _thread

__all__ = [
    *("error", "start_new", "start_new_thread", "allocate", "allocate_lock"),
    *("exit", "exit_thread", "get_ident", "interrupt_main", "stack_size", "LockType"),
]

error = _thread.error
start_new = start_new_thread = _thread.start_new_thread
allocate = allocate_lock = _thread.allocate_lock
exit = exit_thread = _thread.exit
get_ident = _thread.get_ident
interrupt_main = _thread.interrupt_main
stack_size = _thread.stack_size
LockType = _thread.LockType
