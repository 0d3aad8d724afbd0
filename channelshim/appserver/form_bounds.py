"""Forms counted before anything parses them.

Old apps read forms through WebOb, which parses with the standard library's cgi: that
takes the square of what a part's head holds, and counts no fields. One look at the
body, in linear time, refuses what would keep a processor busy.

Theory. cgi begins a part at a line that is the boundary, and takes for its head all
lines up to the next blank one. Here every place counts at which the boundary stands,
in a line or not, and what follows up to a blank line is its head. So each part of
cgi's is one of ours, with the same head, and the bounds hold for cgi whatever else the
body holds. A form within a form has a boundary of its own, and lengths that cgi
believes: it is refused. Clients choose boundaries that their content does not hold
(RFC 2046, 5.1.1), so an honest form is counted exactly.
"""

from __future__ import annotations

import re
import tempfile
from typing import IO, TYPE_CHECKING, Final

from webob.compat import parse_header

from channelshim import limits

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

BODY_MEMORY_BYTES: Final = 256 << 10
"""Of a body; what is longer goes to a temporary file."""

MAXIMUM_FORM_FIELDS: Final = 100_000
"""Of a form that is URL-encoded; some old clients send other things by that name."""

MAXIMUM_PART_HEAD_BYTES: Final = 8 << 10
"""Of one part of a form: what parses it takes the square of its length."""

MAXIMUM_PART_HEADS_BYTES: Final = 256 << 10
"""Of all parts of a form together: the slowest such heads take about a second."""

MAXIMUM_UPLOAD_FIELDS: Final = 1000
"""Parts of one form with files, an upload or the app's own."""


_PIECE_BYTES: Final = 1 << 20
_HEAD_END: Final = re.compile(rb"\n[ \t\r\x0b\x0c]*\n")
_INNER_FORM: Final = re.compile(rb"content-type:[^a-z]*multipart/", re.IGNORECASE)
_URL_ENCODED: Final = ("", "application/x-www-form-urlencoded")


class _Refused(Exception):
    """The form exceeds a bound; the text says which."""


def refusal(environ: WSGIEnvironment) -> str:
    """Return why a form must not be parsed; "" for one that may be.

    Other requests are not looked at. The text is for a status of 400.

    Args:
        environ: of the request; the input of a form is at its beginning afterwards,
            and is replaced where it cannot be read twice.
    """
    try:
        _bound_form(environ)
    except _Refused as refused:
        return str(refused)
    return ""


def _bound_form(environ: WSGIEnvironment) -> None:
    content_type = environ.get("CONTENT_TYPE")
    # Most requests have neither, and are done here.
    if content_type is None and environ.get("REQUEST_METHOD") != "POST":
        return
    kind = str(content_type or "").partition(";")[0].strip().lower()
    is_multipart = kind.startswith("multipart/")
    if not (is_multipart or kind in _URL_ENCODED):
        return
    body = _seekable(environ)
    if body is None:
        return
    if is_multipart:
        _bound_parts(body, str(content_type))
    else:
        _bound_fields(body)
    body.seek(0)


def _seekable(environ: WSGIEnvironment) -> IO[bytes] | None:
    """Return the body as a file; None when there is none."""
    said = str(environ.get("CONTENT_LENGTH") or "")
    length = int(said) if said.isdecimal() else None
    if not length and not (length is None and environ.get("wsgi.input_terminated")):
        return None
    body: IO[bytes] = environ["wsgi.input"]
    if environ.get("webob.is_body_seekable"):
        return body
    copy = tempfile.SpooledTemporaryFile(max_size=BODY_MEMORY_BYTES)
    size = 0
    while length is None or size < length:
        wanted = _PIECE_BYTES if length is None else min(_PIECE_BYTES, length - size)
        piece = body.read(wanted)
        if not piece:
            break
        copy.write(piece)
        size += len(piece)
    if length is not None and size < length:
        copy.close()
        raise _Refused("The form is cut short.")
    copy.seek(0)
    environ["wsgi.input"] = copy
    environ["CONTENT_LENGTH"] = str(size)
    environ["webob.is_body_seekable"] = True
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return copy


def _bound_fields(body: IO[bytes]) -> None:
    count = 1
    while piece := body.read(_PIECE_BYTES):
        count += piece.count(b"&")
        if count > MAXIMUM_FORM_FIELDS:
            raise _Refused(f"A form may have {MAXIMUM_FORM_FIELDS} fields at most.")


def _bound_parts(body: IO[bytes], content_type: str) -> None:
    if len(content_type) > MAXIMUM_PART_HEAD_BYTES:
        raise _Refused("The form's Content-Type is too long.")
    boundary = parse_header(content_type)[1].get("boundary", "")
    if not boundary:
        # No parser reads it.
        return
    if len(boundary) > limits.MAXIMUM_BOUNDARY_LENGTH:
        raise _Refused(
            "The form's boundary exceeds the maximum allowed length of "
            f"{limits.MAXIMUM_BOUNDARY_LENGTH}."
        )
    _count_parts(body, b"--" + boundary.encode("utf-8", "replace"))


def _count_parts(body: IO[bytes], delimiter: bytes) -> None:
    """Look at each delimiter, in pieces that overlap by more than a head."""
    overlap = MAXIMUM_PART_HEAD_BYTES + 2 * len(delimiter)
    count = head_bytes = start = 0
    while True:
        body.seek(start)
        data = body.read(_PIECE_BYTES + overlap)
        is_last = len(data) < _PIECE_BYTES + overlap
        end = len(data) if is_last else _PIECE_BYTES + len(delimiter) - 1
        at = data.find(delimiter, 0, end)
        while at >= 0:
            behind = at + len(delimiter)
            is_closing = data.startswith(b"--", behind)
            count += 1
            if count > MAXIMUM_UPLOAD_FIELDS + is_closing:
                raise _Refused(
                    f"A form may have {MAXIMUM_UPLOAD_FIELDS} parts at most."
                )
            if not is_closing:
                head_bytes += _head_length(data, behind)
                if head_bytes > MAXIMUM_PART_HEADS_BYTES:
                    raise _Refused("The headers of the form's parts are too long.")
            at = data.find(delimiter, behind, end)
        if is_last:
            return
        start += _PIECE_BYTES


def _head_length(data: bytes, start: int) -> int:
    """Return the length of the head that begins at start.

    Raises:
        _Refused: it is too long, or holds a form of its own.
    """
    most = start + MAXIMUM_PART_HEAD_BYTES
    match = _HEAD_END.search(data, start, most)
    if match is None and len(data) >= most:
        raise _Refused(
            "The head of a form's part exceeds the maximum allowed length of "
            f"{MAXIMUM_PART_HEAD_BYTES}."
        )
    end = len(data) if match is None else match.end()
    if _INNER_FORM.search(data, start, end):
        raise _Refused("A form within a form is not supported.")
    return end - start
