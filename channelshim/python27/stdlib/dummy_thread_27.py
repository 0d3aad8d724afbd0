"""dummy_thread: threads of a Python without threads."""

from __future__ import annotations

import traceback
from typing import Any

__all__ = [
    *("error", "start_new_thread", "exit", "get_ident", "allocate_lock"),
    *("interrupt_main", "stack_size", "LockType"),
]


class error(Exception):
    """What no function here raises."""


_is_main = True
_is_interrupted = False


def start_new_thread(function: Any, args: Any, kwargs: Any = None) -> None:
    """Call a function, at once."""
    global _is_main, _is_interrupted
    kwargs = {} if kwargs is None else kwargs
    if not isinstance(args, tuple):
        raise TypeError("2nd arg must be a tuple")
    if not isinstance(kwargs, dict):
        raise TypeError("3rd arg must be a dict")
    _is_main = False
    try:
        function(*args, **kwargs)
    except SystemExit:
        pass
    except BaseException:
        traceback.print_exc()
    _is_main = True
    if _is_interrupted:
        _is_interrupted = False
        raise KeyboardInterrupt


def exit() -> None:
    """End the function that stands for a thread."""
    raise SystemExit


def get_ident() -> int:
    """Return the number of the one thread."""
    return -1


def stack_size(size: Any = None) -> int:
    """Return that the size is the system's."""
    if size is not None:
        raise error("setting thread stack size not supported")
    return 0


def interrupt_main() -> None:
    """Raise KeyboardInterrupt once the function has ended."""
    global _is_interrupted
    if _is_main:
        raise KeyboardInterrupt
    _is_interrupted = True


class LockType:
    """A lock that nobody waits for."""

    def __init__(self) -> None:
        self.locked_status: bool = False

    def acquire(self, waitflag: Any = None) -> bool:
        """Lock it."""
        if waitflag is None or waitflag:
            self.locked_status = True
            return True
        if not self.locked_status:
            self.locked_status = True
            return True
        return False

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc_info: Any) -> None:
        self.release()

    def release(self) -> bool:
        """Unlock it."""
        if not self.locked_status:
            raise error
        self.locked_status = False
        return True

    def locked(self) -> bool:
        """Tell whether it is locked."""
        return self.locked_status


def allocate_lock() -> LockType:
    """Return a lock."""
    return LockType()
