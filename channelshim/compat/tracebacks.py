"""Tracebacks of the app: without our translator's frames, with a hint where one helps.

The app's lines are its own: translated code keeps file, line and text.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import logging
import os
import re
import sys
import traceback
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Final

_logger: Final = logging.getLogger("channelshim.compat")

_OURS: Final = os.path.join(Path(__file__).parent.parent, "")
_SDK: Final = os.path.join("google", "appengine", "")
_TRANSLATOR: Final = os.path.join(Path(__file__).parent.parent / "python27", "")
_IMPORTING: Final = ("<frozen importlib", "<frozen zipimport")

_BYTES: Final = re.compile(r"\b(NativeStr|LegacyStr|bytes|bytes-like)\b")
_TEXT: Final = re.compile(r"\b(str|string)\b")
_WANTS_BYTES: Final = re.compile(
    r"bytes-like object is required|bytes-like object, str|expected a bytes-like"
)


def hide_translator(error: BaseException) -> None:
    """Take the frames of python27/ out of an exception's traceback, and its causes'."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        each.__traceback__ = _without_translator(each.__traceback__)
        waiting += [each.__cause__, each.__context__]


def hide_server(error: BaseException) -> None:
    """Take our own frames from the head of an exception's traceback.

    They are the way to the app, the same for each request. Where all frames are ours
    the traceback stays: the mistake is, too, unless the error says that the app is to
    blame (`blames_app`). The frames in which we have found that out go as well.

    Args:
        error: as it came out of the app.
    """
    _hide_findings(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OURS):
        trace = trace.tb_next
    if trace is not None:
        error.__traceback__ = trace
    if isinstance(error, ImportError):
        _cut_import(trace)


def _hide_findings(error: BaseException) -> None:
    """Take our own frames from the end of a traceback; all where there are no others.

    Nothing is done to an error that the app does not get blamed for.
    """
    if not getattr(error, "blames_app", False):
        return
    trace, last = error.__traceback__, None
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_OURS):
            last = trace
        trace = trace.tb_next
    if last is None:
        error.__traceback__ = None
    else:
        last.tb_next = None


def is_our_file(name: str) -> bool:
    """Return whether a frame is one of ours, or one of importing."""
    return name.startswith((_OURS, *_IMPORTING))


def is_ours(error: BaseException) -> bool:
    """Return whether an exception passed through our code and Google's alone."""
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith(_OURS) and _SDK not in name:
            return False
        trace = trace.tb_next
    return True


def _cut_import(trace: TracebackType | None) -> None:
    """Take the frames from the end in which we look for a module."""
    last = None
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith((_OURS, *_IMPORTING)):
            last = trace
        trace = trace.tb_next
    if last is not None:
        last.tb_next = None


def _without_translator(trace: TracebackType | None) -> TracebackType | None:
    entries = []
    while trace is not None:
        entries.append(trace)
        trace = trace.tb_next
    names = [entry.tb_frame.f_code.co_filename for entry in entries]
    kept = [entries[number] for number in indices_of_app(names)]
    if not kept:
        return None
    for entry, following in pairwise(kept):
        entry.tb_next = following
    kept[-1].tb_next = None
    return kept[0]


def indices_of_app(names: Sequence[str]) -> list[int]:
    """Return which frames of a traceback are the app's, by their file names.

    Args:
        names: of all its frames, in order.

    Returns:
        all of them where the translator has none; else importlib's are left out too.
    """
    if not any(name.startswith(_TRANSLATOR) for name in names):
        return list(range(len(names)))
    return [
        number
        for number, name in enumerate(names)
        if not name.startswith((_TRANSLATOR, *_IMPORTING))
        and not name.endswith("/importlib/__init__.py")
    ]


def hint(error: BaseException) -> str:
    """Return what to write where text has met bytes, or Python 3 a file read as 2.7.

    Python 2.7 turned text and bytes into one another, as long as all was ASCII.

    Args:
        error: as the app raised it.

    Returns:
        "" for any other error.
    """
    if isinstance(error, ModuleNotFoundError):
        return _import_hint(error)
    message = str(error)
    if not isinstance(error, TypeError) or not _BYTES.search(message):
        return ""
    if not _TEXT.search(message):
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}, line {frames[-1].lineno}: " if frames else ""
    what = "write .encode('utf-8') behind the text"
    if not _WANTS_BYTES.search(message):
        what = "write .decode('utf-8') behind the bytes"
    return f"{place}text meets bytes here: {what} (docs/reference/python27.md)"


def _import_hint(error: ModuleNotFoundError) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or "channelshim.python27" not in sys.modules:
        return ""
    modules = _imported(frames[-1].line or "")
    if not any(map(_is_in_library, modules)):
        return ""
    name = frames[-1].filename
    return (
        f"{name} is read as Python 2.7, which has no {modules[0]}: if it is "
        'Python 3, write "# channelshim: python3" in its first line, or start with '
        "--python27=no for all files (docs/reference/python27.md)"
    )


def _imported(line: str) -> list[str]:
    try:
        (node,) = ast.parse(line.strip()).body
    except (SyntaxError, ValueError):
        return []
    if isinstance(node, ast.ImportFrom):
        return [node.module] if node.module and not node.level else []
    return [each.name for each in node.names] if isinstance(node, ast.Import) else []


def _is_in_library(name: str) -> bool:
    """Return whether the standard library of today has such a module."""
    if name.partition(".")[0] not in sys.stdlib_module_names:
        return False
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def patch_webapp2(webapp2: Any) -> None:
    """Have webapp2's own page and log of an error show the app's frames, and a hint."""
    plain = webapp2.WSGIApplication._internal_error

    @functools.wraps(plain)
    def internal_error(application: Any, exception: BaseException) -> Any:
        hide_translator(exception)
        _hide_findings(exception)
        response = plain(application, exception)
        what_to_do = hint(exception)
        if what_to_do:
            _logger.error("%s", what_to_do)
            if application.debug:
                shown = f"<p>{escape(what_to_do)}</p>\n<pre>"
                response.text = response.text.replace("<pre>", shown, 1)
        return response

    webapp2.WSGIApplication._internal_error = internal_error
