"""Answers that name a blob: its bytes take the place of the app's body.

Source: SDK 1.9.88, blob_download.blobstore_download_rewriter.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from channelshim.appserver.byte_ranges import parse_range
from channelshim.appserver.response_rules import Headers
from channelshim.appserver.responses import Collected

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


_logger: Final = logging.getLogger("channelshim.appserver")

_KEY_HEADER: Final = "x-appengine-blobkey"
_RANGE_HEADER: Final = "x-appengine-blobrange"
_LENGTHS: Final = frozenset({len(_KEY_HEADER), len(_RANGE_HEADER)})
_AUTOMATIC_TYPE: Final = "application/vnd.google.appengine.auto"
_UNKNOWN_TYPE: Final = "application/octet-stream"
_SAFE_TYPE: Final = re.compile(r"[\x20-\x7e]+")


def put_blob(environ: WSGIEnvironment, answer: Collected) -> Iterable[bytes] | None:
    """Return the body in the place of the app's, when its headers name a blob.

    Args:
        environ: of the request.
        answer: the app's status and headers; made to fit the blob.

    Returns:
        None when they name none. Headers for the platform are gone in any case.
    """
    # Most answers have no name as long as either.
    if not [name for name, _ in answer.headers if len(name) in _LENGTHS]:
        return None
    blob_headers: dict[str, str] = {}
    other_headers: Headers = []
    for name, value in answer.headers:
        lower = name.lower()
        if lower in (_KEY_HEADER, _RANGE_HEADER):
            blob_headers[lower] = value
        else:
            other_headers.append((name, value))
    if not blob_headers:
        return None
    answer.headers = other_headers
    if _KEY_HEADER not in blob_headers:
        return None
    byte_range = blob_headers.get(_RANGE_HEADER, environ.get("HTTP_RANGE"))
    return _answer(environ, answer, blob_headers[_KEY_HEADER], byte_range)


def _answer(
    environ: WSGIEnvironment, answer: Collected, key: str, byte_range: str | None
) -> Iterable[bytes]:
    # Here, since it imports Google's stub, which few apps need.
    from channelshim.services import blobstore

    facts = blobstore.blob_facts(key)
    if not answer.status.startswith("200"):
        _logger.error("a blob is sent with status 200, not %s", answer.status)
        return _empty(answer, "500 Internal Server Error", None)
    if facts is None:
        # As documented; the original's code says 500 and its words 404.
        _logger.error("the app sends a blob that is not there")
        return _empty(answer, "404 Not Found", None)
    size, content_type = facts
    first, last = 0, size - 1
    if byte_range:
        asked = parse_range(byte_range)
        # As the original does, also to several ranges and to what is malformed.
        span = None if asked is None else asked.within(size)
        if span is None:
            return _empty(answer, "416 Requested Range Not Satisfiable", size)
        first, last = span
        answer.status = "206 Partial Content"
        _put(answer, "Content-Range", f"bytes {first}-{last}/{size}")
    length = last - first + 1
    _put(answer, "Content-Length", str(length))
    # Frameworks add a charset of their own.
    if _get(answer, "Content-Type").partition(";")[0] in ("", _AUTOMATIC_TYPE):
        is_safe = _SAFE_TYPE.fullmatch(content_type)
        _put(answer, "Content-Type", content_type if is_safe else _UNKNOWN_TYPE)
    if environ.get("REQUEST_METHOD") == "HEAD":
        return []
    return blobstore.read_blob(key, first, length)


def _empty(answer: Collected, status: str, size: int | None) -> list[bytes]:
    answer.status = status
    answer.headers = [
        (name, value)
        for name, value in answer.headers
        if name.lower() != "content-type"
    ]
    _put(answer, "Content-Length", "0")
    if size is not None:
        _put(answer, "Content-Range", f"bytes */{size}")
    return []


def _get(answer: Collected, header: str) -> str:
    for name, value in answer.headers:
        if name.lower() == header.lower():
            return value
    return ""


def _put(answer: Collected, header: str, value: str) -> None:
    answer.headers = [
        *(
            (name, old)
            for name, old in answer.headers
            if name.lower() != header.lower()
        ),
        (header, value),
    ]
