"""timeit: statements of Python 2.7, timed."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable
from time import time as default_timer
from typing import Any

from channelshim.python27 import compiling
from channelshim.python27.stdlib import process

__all__ = ["Timer", "timeit", "repeat", "default_timer"]

_TEMPLATE = """
def inner(_it, _timer, _extra):
    %(setup)s
    _t0 = _timer()
    for _i in _it:
        %(stmt)s
    _t1 = _timer()
    return _t1 - _t0
"""


class Timer:
    """Times a statement."""

    def __init__(
        self, stmt: Any = "pass", setup: Any = "pass", timer: Any = None
    ) -> None:
        self.timer: Callable[[], float] = timer or default_timer
        names: dict[str, Any] = {}
        if process.importer is not None:
            names["__builtins__"] = process.importer.builtins_for(is_python3=False)
        for value in (stmt, setup):
            if not isinstance(value, (str, bytes)) and not callable(value):
                raise ValueError("stmt is neither a string nor callable")
        if callable(setup):
            names["_setup"] = setup
        if callable(stmt):
            names["_stmt"] = stmt
        parts = {
            "setup": "_setup()" if callable(setup) else _indented(setup, 4),
            "stmt": "_stmt()" if callable(stmt) else _indented(stmt, 8),
        }
        code = compiling.compile_text(_TEMPLATE % parts, "<timeit-src>")
        exec(code, names)
        self.inner: Callable[..., float] = names["inner"]

    def print_exc(self, file: Any = None) -> None:
        """Print an exception of the statement."""
        import traceback

        traceback.print_exc(file=file)

    def timeit(self, number: int = 1000000) -> Any:
        """Return the seconds that so many runs take."""
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return self.inner(itertools.repeat(None, number), self.timer, None)
        finally:
            if was_enabled:
                gc.enable()

    def repeat(self, repeat: int = 3, number: int = 1000000) -> list[Any]:
        """Return the seconds, so many times."""
        return [self.timeit(number) for _ in range(repeat)]


def _indented(source: Any, spaces: int) -> str:
    return str(source).replace("\n", "\n" + " " * spaces)


def timeit(
    stmt: Any = "pass", setup: Any = "pass", timer: Any = None, number: int = 1000000
) -> Any:
    """Return the seconds that so many runs take."""
    return Timer(stmt, setup, timer).timeit(number)


def repeat(
    stmt: Any = "pass",
    setup: Any = "pass",
    timer: Any = None,
    repeat: int = 3,
    number: int = 1000000,
) -> list[Any]:
    """Return the seconds, so many times."""
    return Timer(stmt, setup, timer).repeat(repeat, number)
