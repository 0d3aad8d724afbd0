"""traceback: an app's own lines, in 2.7's form, without those of the translator."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable
from types import FrameType, TracebackType
from typing import Any

from channelshim.compat.tracebacks import indices_of_app
from channelshim.python27.helpers.text import str27
from channelshim.python27.strings import to_text

__all__ = [
    *("extract_stack", "extract_tb", "format_exception", "format_exception_only"),
    *("format_list", "format_stack", "format_tb", "print_exc", "format_exc"),
    *("print_exception", "print_last", "print_stack", "print_tb", "tb_lineno"),
]

Entry = tuple[str, int, str, str | None]
"""File name, line, function and text; an app takes it apart by place."""


def _entries(frames: Iterable[traceback.FrameSummary], limit: Any) -> list[Entry]:
    listed = list(frames)
    kept = indices_of_app([frame.filename for frame in listed])
    entries = [
        (frame.filename, frame.lineno or 0, frame.name, frame.line or None)
        for frame in (listed[number] for number in kept)
    ]
    return entries if limit is None else entries[: max(limit, 0)]


def extract_tb(tb: TracebackType | None, limit: Any = None) -> list[Entry]:
    """Return the entries of a traceback, the outermost first."""
    return _entries(traceback.extract_tb(tb), limit)


def extract_stack(f: FrameType | None = None, limit: Any = None) -> list[Entry]:
    """Return the entries of a frame's stack, the outermost first."""
    return _stack(f or sys._getframe(1), limit)


def _stack(frame: FrameType, limit: Any) -> list[Entry]:
    entries = _entries(traceback.extract_stack(frame), None)
    return entries if limit is None else entries[len(entries) - max(limit, 0) :]


def format_list(extracted_list: Iterable[Any]) -> list[str]:
    """Return the text of each entry."""
    texts = []
    for filename, line, name, text in extracted_list:
        shown = f'  File "{filename}", line {line}, in {name}\n'
        texts.append(shown + f"    {text.strip()}\n" if text else shown)
    return texts


def format_tb(tb: TracebackType | None, limit: Any = None) -> list[str]:
    """Return the text of each entry of a traceback."""
    return format_list(extract_tb(tb, limit))


def format_stack(f: FrameType | None = None, limit: Any = None) -> list[str]:
    """Return the text of each entry of a frame's stack."""
    return format_list(_stack(f or sys._getframe(1), limit))


def format_exception_only(etype: Any, value: Any) -> list[str]:
    """Return the lines that say what was raised."""
    if isinstance(etype, type) and issubclass(etype, SyntaxError):
        return traceback.format_exception_only(etype, value)
    name = etype.__name__ if isinstance(etype, type) else etype
    try:
        text = to_text(str27(value))
    except Exception:
        text = f"<unprintable {type(value).__name__} object>"
    return [f"{name}\n" if value is None or not text else f"{name}: {text}\n"]


def format_exception(
    etype: Any, value: Any, tb: TracebackType | None, limit: Any = None
) -> list[str]:
    """Return the lines of an exception and its traceback."""
    head = ["Traceback (most recent call last):\n", *format_tb(tb, limit)] if tb else []
    return head + format_exception_only(etype, value)


def format_exc(limit: Any = None) -> str:
    """Return the text of the exception that is being handled."""
    kind, error, trace = sys.exc_info()
    return "".join(format_exception(kind, error, trace, limit))


def _write(lines: list[str], file: Any) -> None:
    file = sys.stderr if file is None else file
    for line in lines:
        file.write(line)


def print_tb(tb: TracebackType | None, limit: Any = None, file: Any = None) -> None:
    """Write a traceback's entries to a file, else to standard error."""
    _write(format_tb(tb, limit), file)


def print_exception(
    etype: Any,
    value: Any,
    tb: TracebackType | None,
    limit: Any = None,
    file: Any = None,
) -> None:
    """Write an exception and its traceback to a file, else to standard error."""
    _write(format_exception(etype, value, tb, limit), file)


def print_exc(limit: Any = None, file: Any = None) -> None:
    """Write the exception that is being handled to a file, else to standard error."""
    _write([format_exc(limit)], file)


def print_last(limit: Any = None, file: Any = None) -> None:
    """Write the exception that ended the program at a prompt.

    Raises:
        ValueError: there is none.
    """
    if not hasattr(sys, "last_type"):
        raise ValueError("no last exception")
    last = sys.last_type, sys.last_value, sys.last_traceback
    print_exception(*last, limit, file)


def print_stack(
    f: FrameType | None = None, limit: Any = None, file: Any = None
) -> None:
    """Write a frame's stack to a file, else to standard error."""
    _write(format_list(_stack(f or sys._getframe(1), limit)), file)


def tb_lineno(tb: TracebackType) -> int:
    """Return the line of a traceback's first entry."""
    return tb.tb_lineno
