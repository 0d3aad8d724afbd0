"""The print statement, with the space that a trailing comma leaves."""

from __future__ import annotations

import contextlib
import sys
from typing import Any, Final

from channelshim.python27.helpers.text import str27
from channelshim.python27.strings import to_bytes, to_text


def write_to(destination: Any, value: Any) -> None:
    """Write a string of either kind to a file object of any kind."""
    text = value if isinstance(value, str) else to_text(value)
    if not hasattr(destination, "buffer"):
        _write_native(destination, value, text)
        return
    try:
        destination.write(text)
    except UnicodeEncodeError:
        # Bytes that were read as text go out as they came in.
        destination.flush()
        destination.buffer.write(to_bytes(text))
        destination.buffer.flush()


def _write_native(destination: Any, value: Any, text: str) -> None:
    try:
        destination.write(value)
    except TypeError:
        destination.write(to_bytes(text) if isinstance(value, str) else text)


def _softspace(destination: Any, value: int) -> int:
    """Set the mark that a space is due, and return what it was."""
    before = getattr(destination, "softspace", 0)
    if before != value:
        with contextlib.suppress(AttributeError, TypeError):
            destination.softspace = value
    return int(before) if isinstance(before, int) else 0


def print27(destination: Any, newline: bool, *values: Any) -> None:
    """Do `print >>destination, values…`.

    Args:
        destination: a file object; None is sys.stdout.
        newline: False after a trailing comma.
    """
    if destination is None:
        destination = getattr(sys, "stdout", None)
        if destination is None:
            raise RuntimeError("lost sys.stdout")
    for value in values:
        if _softspace(destination, 0):
            write_to(destination, " ")
        text = value if type(value) is str else str27(value)
        write_to(destination, text)
        is_string = isinstance(value, (str, bytes))
        last = text[-1:] if is_string else ""
        if not last or last == " " or not last.isspace():
            _softspace(destination, 1)
    if newline:
        write_to(destination, "\n")
        _softspace(destination, 0)


TABLE: Final[dict[str, Any]] = {"_p27_print": print27}
