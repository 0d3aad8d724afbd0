"""Conditional requests (RFC 9110, 13): whether a file is sent, and which part of it.

Decisions alone: what has opened the file asks here for the head of its answer.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from email.utils import formatdate, mktime_tz, parsedate_tz
from typing import TYPE_CHECKING, Final

from channelshim.appserver.byte_ranges import parse_range

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

OK: Final = "200 OK"
PARTIAL: Final = "206 Partial Content"
NOT_MODIFIED: Final = "304 Not Modified"
PRECONDITION_FAILED: Final = "412 Precondition Failed"
UNSATISFIABLE: Final = "416 Requested Range Not Satisfiable"

_TAG: Final = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_MAXIMUM_HEADER: Final = 8192
"""Characters of a header that are looked at."""


@dataclass(frozen=True, slots=True)
class FileState:
    """Which bytes a file has.

    Attributes:
        size: bytes.
        modified: Unix seconds.
    """

    size: int
    modified: float

    @property
    def tag(self) -> str:
        """The ETag: another one for every size and time, as other servers make it."""
        return f'"{int(self.modified * 1_000_000):x}-{self.size:x}"'

    @property
    def date(self) -> str:
        """The Last-Modified."""
        return formatdate(self.modified, usegmt=True)


@dataclass(frozen=True, slots=True)
class Selection:
    """What is sent of a file.

    Attributes:
        status: the status line.
        first: number of the first byte.
        length: bytes that are sent; 0 for none.
        content_range: the header of that name, or "".
    """

    status: str
    first: int = 0
    length: int = 0
    content_range: str = ""


def select(environ: WSGIEnvironment, file: FileState) -> Selection:
    """Return what a GET or HEAD is answered, in the order of RFC 9110, 13.2.2."""
    status = _unmet(environ, file)
    if status:
        return Selection(status)
    asked = (
        parse_range(environ.get("HTTP_RANGE", ""))
        if _is_current(environ, file)
        else None
    )
    if asked is None:
        return Selection(OK, 0, file.size)
    span = asked.within(file.size)
    if span is None:
        return Selection(UNSATISFIABLE, content_range=f"bytes */{file.size}")
    first, last = span
    whole = f"bytes {first}-{last}/{file.size}"
    return Selection(PARTIAL, first, last - first + 1, whole)


def _unmet(environ: WSGIEnvironment, file: FileState) -> str:
    """Return the status for a condition that is not met; "" when all are."""
    if "HTTP_IF_MATCH" in environ:
        if not _names(environ["HTTP_IF_MATCH"], file.tag, is_strong=True):
            return PRECONDITION_FAILED
    elif "HTTP_IF_UNMODIFIED_SINCE" in environ:
        since = _seconds(environ["HTTP_IF_UNMODIFIED_SINCE"])
        if since is not None and int(file.modified) > since:
            return PRECONDITION_FAILED
    if "HTTP_IF_NONE_MATCH" in environ:
        if _names(environ["HTTP_IF_NONE_MATCH"], file.tag, is_strong=False):
            return NOT_MODIFIED
    elif "HTTP_IF_MODIFIED_SINCE" in environ:
        since = _seconds(environ["HTTP_IF_MODIFIED_SINCE"])
        # Whoever has a date of the future has it from a file of the future, which may
        # have changed since; a clock that is ahead makes no difference to others.
        if since is not None and int(file.modified) <= min(since, time.time()):
            return NOT_MODIFIED
    return ""


def _is_current(environ: WSGIEnvironment, file: FileState) -> bool:
    """Return whether the parts that the client has are of this file (13.1.5)."""
    named = environ.get("HTTP_IF_RANGE")
    if named is None:
        return True
    if named.startswith(('"', "W/")):
        return _names(named, file.tag, is_strong=True)
    # A date is as good as a tag only when nothing can have changed within its second.
    return bool(named == file.date and file.modified < time.time() - 1)


def _names(header: str, tag: str, *, is_strong: bool) -> bool:
    """Return whether a list of tags has this one (8.8.3.2).

    Args:
        header: tags with commas, or "*".
        tag: of the file, strong.
        is_strong: whether weak tags count for nothing. Proxies that compress make tags
            weak.
    """
    header = header[:_MAXIMUM_HEADER].strip()
    return header == "*" or any(
        found[2] == tag and not (is_strong and found[1])
        for found in _TAG.finditer(header)
    )


def _seconds(header: str) -> float | None:
    """Return a date in Unix seconds; None for an invalid one (13.1.3)."""
    # Old browsers add the length.
    parsed = parsedate_tz(header[:_MAXIMUM_HEADER].partition(";")[0])
    if parsed is None:
        return None
    try:
        return float(mktime_tz(parsed))
    except (OverflowError, ValueError):
        return None
