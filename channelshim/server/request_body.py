"""The body of a request, read on the loop before a worker thread is asked.

A slow upload costs no thread, one cut short never reaches the app, and what is longer
than form_bounds.BODY_MEMORY_BYTES waits on disk. How slow it may be, and how many are
received at once, the connection sees to.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, MutableMapping
from http import HTTPStatus
from typing import IO, Any

from channelshim.appserver import form_bounds
from channelshim.errors import RemoteProtocolError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Any]


async def read_body(
    scope: Scope, receive: Receive, *, maximum_bytes: int
) -> tuple[IO[bytes], int]:
    """Return the body as a file at its beginning, and its length in bytes.

    The caller closes the file.

    Args:
        scope: the request.
        receive: gives its pieces.
        maximum_bytes: a longer body is refused with 413.

    Raises:
        RemoteProtocolError: with the status to answer; 400 for a body cut short.
    """
    length = _content_length(scope)
    if length is not None and length > maximum_bytes:
        raise _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if not length and not _is_chunked(scope):
        return io.BytesIO(), 0
    piece, is_last = await _piece(receive)
    body: IO[bytes] = io.BytesIO(piece)
    size = len(piece)
    if not is_last:
        body = tempfile.SpooledTemporaryFile(max_size=form_bounds.BODY_MEMORY_BYTES)
        body.write(piece)
    try:
        while not is_last:
            piece, is_last = await _piece(receive)
            size += len(piece)
            if size > maximum_bytes:
                raise _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            body.write(piece)
        if size > maximum_bytes:
            raise _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if length is not None and size != length:
            raise _refusal(HTTPStatus.BAD_REQUEST)
    except BaseException:
        body.close()
        raise
    body.seek(0)
    return body, size


async def _piece(receive: Receive) -> tuple[bytes, bool]:
    event = await receive()
    if event["type"] == "http.disconnect":
        # Cut short: an error, never a short body.
        raise _refusal(HTTPStatus.BAD_REQUEST)
    return event.get("body", b""), not event.get("more_body")


async def disconnected(receive: Receive) -> None:
    """Wait until the peer has hung up, or has its whole answer."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _refusal(status: HTTPStatus) -> RemoteProtocolError:
    return RemoteProtocolError(status.phrase, http_status=status)


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            # uvicorn's parser has checked that these are digits.
            return int(value)
    return None


def _is_chunked(scope: Scope) -> bool:
    return any(name == b"transfer-encoding" for name, _ in scope["headers"])
